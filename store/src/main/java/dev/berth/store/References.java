package dev.berth.store;

import dev.berth.kernel.Namespace;
import dev.berth.store.Garbage.Kind;
import dev.berth.store.Garbage.Node;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** What refers to what, as the records have it at one moment. */
final class References {
    private static final String ALL = "";

    /** What can be collected. */
    private final Set<Node> there = new LinkedHashSet<>();

    private final Set<Node> roots = new LinkedHashSet<>();
    private final Set<Node> flatRoots = new LinkedHashSet<>();
    private final Map<Node, List<Node>> references = new HashMap<>();

    /** The one reference that a flat lease follows too: a snapshot's parent, an image's target. */
    private final Map<Node, Node> inherent = new HashMap<>();

    private final Set<Node> unlabelled = new HashSet<>();

    /** What leases held whose time is over. */
    private final Set<Node> letGo = new HashSet<>();

    private final List<ImageRecord> images = new ArrayList<>();
    private final Session session;
    private final Instant now;

    private References(Session session, Instant now) {
        this.session = session;
        this.now = now;
    }

    /** Everything that there is. */
    static References read(Session session, Instant now) {
        References all = new References(session, now);
        all.leases(ALL);
        all.images(ALL);
        all.contents(ALL);
        all.snapshots(ALL);
        all.containers(ALL);
        all.sandboxes(ALL);
        return all;
    }

    /** Some records and what they refer to. */
    static References read(Session session, Instant now, Collection<Node> nodes) {
        References some = new References(session, now);
        for (Node node : nodes) {
            String namespace = node.namespace().name();
            switch (node.kind()) {
                case CONTENT -> some.contents(" WHERE namespace = ? AND digest = ?", namespace, node.key());
                case IMAGE -> some.images(" WHERE namespace = ? AND name = ?", namespace, node.key());
                case CONTAINER -> some.containers(" WHERE namespace = ? AND id = ?", namespace, node.key());
                case LEASE -> some.leases(" WHERE namespace = ? AND id = ?", namespace, node.key());
                case SNAPSHOT ->
                    some.snapshots(
                            " WHERE s.namespace = ? AND s.snapshotter = ? AND s.key = ?",
                            namespace,
                            node.snapshotter(),
                            node.name());
                case SANDBOX -> some.sandboxes(" WHERE namespace = ? AND id = ?", namespace, node.key());
                case INGEST -> {}
            }
            some.roots.add(node);
        }
        return some;
    }

    List<ImageRecord> images() {
        return images;
    }

    Set<Node> there() {
        return there;
    }

    /** Whether there is this content, and no label on it says what content it needs. */
    boolean isUnlabelled(Node content) {
        return unlabelled.contains(content);
    }

    Set<Node> letGo() {
        return letGo;
    }

    void refer(Node from, Node to) {
        references.computeIfAbsent(from, _ -> new ArrayList<>()).add(to);
    }

    /** What the roots lead to. */
    Set<Node> reachable() {
        Set<Node> full = reach(roots, References::follow);
        full.addAll(reach(flatRoots, References::followFlat));
        return full;
    }

    /** What the roots of a later moment lead to by the references of any of the two. */
    static Set<Node> reachable(References old, References fresh) {
        Set<Node> from = new HashSet<>(fresh.roots);
        from.addAll(fresh.flatRoots);
        return old.reach(from, (_, node, found) -> {
            old.follow(node, found);
            fresh.follow(node, found);
        });
    }

    /** Tells what a node leads to. */
    private interface Step {
        void from(References references, Node node, Consumer<Node> found);
    }

    private Set<Node> reach(Set<Node> from, Step step) {
        Set<Node> found = new HashSet<>(from);
        Deque<Node> waiting = new ArrayDeque<>(from);
        while (!waiting.isEmpty()) {
            step.from(this, waiting.removeLast(), next -> {
                if (found.add(next)) {
                    waiting.add(next);
                }
            });
        }
        return found;
    }

    private void follow(Node node, Consumer<Node> found) {
        followFlat(node, found);
        references.getOrDefault(node, List.of()).forEach(found);
    }

    private void followFlat(Node node, Consumer<Node> found) {
        Node main = inherent.get(node);
        if (main != null) {
            found.accept(main);
        }
    }

    /** Those who refer to others before those they refer to, as far as they do not refer to each other in a circle. */
    List<Node> inOrder(Set<Node> nodes) {
        Map<Node, Integer> referrers = new HashMap<>();
        nodes.forEach(node -> follow(node, to -> referrers.merge(to, 1, Integer::sum)));
        Set<Node> ordered = new LinkedHashSet<>();
        Deque<Node> free = new ArrayDeque<>();
        nodes.stream().filter(node -> !referrers.containsKey(node)).forEach(free::add);
        while (!free.isEmpty()) {
            Node next = free.removeFirst();
            ordered.add(next);
            follow(next, to -> {
                if (referrers.merge(to, -1, Integer::sum) == 0 && nodes.contains(to)) {
                    free.add(to);
                }
            });
        }
        ordered.addAll(nodes);
        return List.copyOf(ordered);
    }

    private void leases(String where, Object... values) {
        session.list(
                "SELECT namespace, id, labels, expires_at FROM leases" + where,
                row -> {
                    lease(node(Kind.LEASE, row.namespace(), row.text()), row.labels(), row.optionalTime());
                    return true;
                },
                values);
    }

    private void lease(Node lease, Map<String, String> labels, Optional<Instant> expiresAt) {
        there.add(lease);
        Optional<Instant> end = expiry(labels).or(() -> expiresAt);
        boolean over = end.isPresent() && end.get().isBefore(now);
        if (!over) {
            roots.add(lease);
        }
        boolean flat = labels.containsKey(GcLabel.FLAT);
        session.list(
                "SELECT type, id FROM lease_resources WHERE namespace = ? AND lease = ?",
                row -> {
                    Node.of(lease.namespace(), row.text(), row.text()).ifPresent(held -> {
                        if (over) {
                            letGo.add(held);
                        } else if (flat) {
                            flatRoots.add(held);
                        } else {
                            refer(lease, held);
                        }
                    });
                    return true;
                },
                lease.namespace().name(),
                lease.key());
    }

    private void images(String where, Object... values) {
        session.list(
                "SELECT " + Images.COLUMNS + " FROM images" + where,
                row -> {
                    ImageRecord image = Images.read(row);
                    Node node = node(Kind.IMAGE, image.namespace(), image.name());
                    there.add(node);
                    images.add(image);
                    if (expiry(image.labels()).filter(end -> end.isBefore(now)).isEmpty()) {
                        roots.add(node);
                    }
                    inherent.put(
                            node,
                            GcLabel.contentNode(
                                    image.namespace(), image.target().digest()));
                    labels(node, image.labels());
                    return true;
                },
                values);
    }

    private void contents(String where, Object... values) {
        session.list(
                "SELECT namespace, digest, labels FROM contents" + where,
                row -> {
                    Node node = node(Kind.CONTENT, row.namespace(), row.text());
                    there.add(node);
                    Map<String, String> labels = row.labels();
                    if (!GcLabel.namesContent(labels)) {
                        unlabelled.add(node);
                    }
                    labels(node, labels);
                    return true;
                },
                values);
    }

    private void snapshots(String where, Object... values) {
        session.list(
                "SELECT s.namespace, s.snapshotter, s.key, p.key, s.labels FROM snapshots s"
                        + " LEFT JOIN snapshots p ON p.number = s.parent" + where,
                row -> {
                    Namespace namespace = row.namespace();
                    String snapshotter = row.text();
                    Node node = Node.snapshot(namespace, snapshotter, row.text());
                    there.add(node);
                    String parent = row.text();
                    if (!parent.isEmpty()) {
                        inherent.put(node, Node.snapshot(namespace, snapshotter, parent));
                    }
                    labels(node, row.labels());
                    return true;
                },
                values);
    }

    private void containers(String where, Object... values) {
        session.list(
                "SELECT namespace, id, labels, snapshotter, snapshot_key FROM containers" + where,
                row -> {
                    Node node = node(Kind.CONTAINER, row.namespace(), row.text());
                    roots.add(node);
                    labels(node, row.labels());
                    String snapshotter = row.text();
                    String key = row.text();
                    if (!snapshotter.isEmpty() && !key.isEmpty()) {
                        refer(node, Node.snapshot(node.namespace(), snapshotter, key));
                    }
                    return true;
                },
                values);
    }

    private void sandboxes(String where, Object... values) {
        session.list(
                "SELECT namespace, id, labels FROM sandboxes" + where,
                row -> {
                    Node node = node(Kind.SANDBOX, row.namespace(), row.text());
                    roots.add(node);
                    labels(node, row.labels());
                    return true;
                },
                values);
    }

    private void labels(Node node, Map<String, String> labels) {
        labels.forEach((key, value) -> {
            if (key.startsWith("containerd.io/gc.")) {
                label(node, key, value);
            }
        });
    }

    private void label(Node node, String key, String value) {
        Namespace namespace = node.namespace();
        boolean content = node.kind() == Kind.CONTENT;
        if (key.startsWith(GcLabel.ROOT)) {
            if (content || node.kind() == Kind.SNAPSHOT) {
                roots.add(node);
            }
        } else if (names(key, GcLabel.CONTENT)) {
            refer(node, node(Kind.CONTENT, namespace, value));
        } else if (names(key, GcLabel.IMAGE)) {
            refer(node, node(Kind.IMAGE, namespace, value));
        } else if (key.startsWith(GcLabel.SNAPSHOT)) {
            refer(node, Node.snapshot(namespace, untilSlash(key.substring(GcLabel.SNAPSHOT.length())), value));
        } else if (names(key, GcLabel.BY_CONTENT)) {
            refer(node(Kind.CONTENT, namespace, value), node);
        } else if (names(key, GcLabel.BY_IMAGE)) {
            refer(node(Kind.IMAGE, namespace, value), node);
        } else if (names(key, GcLabel.BY_CONTAINER)) {
            refer(node(Kind.CONTAINER, namespace, value), node);
        } else if (key.startsWith(GcLabel.BY_SNAPSHOT)) {
            refer(Node.snapshot(namespace, untilSlash(key.substring(GcLabel.BY_SNAPSHOT.length())), value), node);
        } else if (names(key, GcLabel.SNAPSHOT_CONDITION) && value.contains("|")) {
            // Kept whether the condition holds or not: what is kept for too long does no harm.
            String snapshotter = untilSlash(
                    key.substring(GcLabel.SNAPSHOT_CONDITION.length()).replaceFirst("^[./]+", ""));
            refer(node, Node.snapshot(namespace, snapshotter, value.substring(value.indexOf('|') + 1)));
        }
    }

    /** Whether a key is this one, with or without a name of the user's choice behind it. */
    private static boolean names(String key, String label) {
        return key.startsWith(label)
                && (key.length() == label.length()
                        || key.charAt(label.length()) == '.'
                        || key.charAt(label.length()) == '/');
    }

    private static String untilSlash(String text) {
        int slash = text.indexOf('/');
        return slash < 0 ? text : text.substring(0, slash);
    }

    /** Empty if there is none, or one that is no time. */
    private static Optional<Instant> expiry(Map<String, String> labels) {
        String end = labels.get(GcLabel.EXPIRE);
        if (end == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(OffsetDateTime.parse(end).toInstant());
        } catch (DateTimeException e) {
            return Optional.empty();
        }
    }

    private static Node node(Kind kind, Namespace namespace, String key) {
        return new Node(kind, namespace, key);
    }
}
