package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * One collection of the records that nothing needs: content and snapshots, leases and images whose time is over, in all namespaces.
 *
 * <p>What is needed is found from one moment of the database, while others go on writing. Whatever they write meanwhile is noted,
 * and stays with all that it leads to. The removal is many small transactions, referrers first, so that nobody waits long for the
 * writer and nothing that is still there has lost what it refers to. Records only: files are their owners' business.
 *
 * <pre>{@code
 * try (Garbage garbage = metadata.collect()) {
 *     List<Garbage.Node> unneeded = garbage.unneeded();
 *     garbage.lookAgain();
 *     garbage.remove(unneeded.subList(0, 32), node -> false);
 * }
 * }</pre>
 */
public final class Garbage implements AutoCloseable {
    /** What a record is. */
    public enum Kind {
        CONTENT,
        SNAPSHOT,
        IMAGE,
        LEASE,
        INGEST,
        CONTAINER,
        SANDBOX
    }

    /**
     * One record.
     *
     * @param key a digest, a name, a reference, an id; of a snapshot the snapshotter's name, a slash and its key
     */
    public record Node(Kind kind, Namespace namespace, String key) {
        static Node snapshot(Namespace namespace, String snapshotter, String key) {
            return new Node(Kind.SNAPSHOT, namespace, snapshotter + "/" + key);
        }

        /** What a lease names; empty for a type that is not known. */
        static Optional<Node> of(Namespace namespace, String type, String id) {
            return switch (type) {
                case "content" -> Optional.of(new Node(Kind.CONTENT, namespace, id));
                case "images" -> Optional.of(new Node(Kind.IMAGE, namespace, id));
                case "ingest", "ingests" -> Optional.of(new Node(Kind.INGEST, namespace, id));
                default ->
                    type.startsWith("snapshots/")
                            ? Optional.of(snapshot(namespace, type.substring("snapshots/".length()), id))
                            : Optional.empty();
            };
        }

        /** The part of a snapshot's key before the first slash. */
        public String snapshotter() {
            return key.substring(0, Math.max(0, key.indexOf('/')));
        }

        /** The part of a snapshot's key behind the first slash, the whole key of others. */
        public String name() {
            return kind == Kind.SNAPSHOT ? key.substring(key.indexOf('/') + 1) : key;
        }
    }

    /** Each is read with what it names: some milliseconds for all. */
    private static final int LOOKED_AT_ONCE = 64;

    private static final int LOOKED_AT_MOST = 1 << 16;

    private final Metadata metadata;
    private final InstantSource clock;
    private final References references;
    private final Set<Node> keptMeanwhile = new HashSet<>();
    private int longestLook;

    private Garbage(Metadata metadata, InstantSource clock, References references) {
        this.metadata = metadata;
        this.clock = clock;
        this.references = references;
    }

    /** Begins to note what is written, and reads what there is. */
    static Garbage begin(Metadata metadata, InstantSource clock) {
        metadata.apply(Durability.PROCESS, records -> Fresh.begin(records.session()));
        try {
            return new Garbage(
                    metadata, clock, metadata.read(records -> References.read(records.session(), clock.instant())));
        } catch (Fault e) {
            metadata.apply(Durability.PROCESS, records -> Fresh.end(records.session()));
            throw e;
        }
    }

    /** All images of that moment. */
    public List<ImageRecord> images() {
        return references.images();
    }

    /** Whether a namespace has this content without a label that says what content it needs; so its bytes must be asked. */
    public boolean isUnlabelled(Namespace namespace, Digest content) {
        return references.isUnlabelled(GcLabel.contentNode(namespace, content));
    }

    /** Says that content needs other content. */
    public void refer(Namespace namespace, Digest from, Descriptor to) {
        references.refer(GcLabel.contentNode(namespace, from), GcLabel.contentNode(namespace, to.digest()));
    }

    /** Says that content needs a snapshot. */
    public void refer(Namespace namespace, Digest from, String snapshotter, String key) {
        references.refer(GcLabel.contentNode(namespace, from), Node.snapshot(namespace, snapshotter, key));
    }

    /** The ingests that leases hold, as {@link Blobs} names them. */
    public Set<String> heldIngests() {
        return ingests(references.reachable());
    }

    /**
     * The ingests that only leases held whose time is over or that are gone, as {@link Blobs} names them.
     *
     * @param leased those that a lease held from their beginning
     */
    public Set<String> abandonedIngests(Collection<String> leased) {
        Set<String> abandoned = ingests(references.letGo());
        abandoned.addAll(leased);
        abandoned.removeAll(heldIngests());
        if (!abandoned.isEmpty()) {
            lookAgain(); // one that is leased again is not abandoned any more
            abandoned.removeAll(ingests(whenLooked((_, kept) -> Set.copyOf(kept))));
        }
        return abandoned;
    }

    private static Set<String> ingests(Set<Node> nodes) {
        return nodes.stream()
                .filter(node -> node.kind() == Kind.INGEST)
                .map(node -> Blobs.ref(node.namespace(), node.key()))
                .collect(Collectors.toCollection(HashSet::new));
    }

    /** What nothing leads to, in the order in which it should go. */
    public List<Node> unneeded() {
        Set<Node> left = new LinkedHashSet<>(references.there());
        left.removeAll(references.reachable());
        return references.inOrder(left);
    }

    /**
     * Removes some of what is unneeded in one transaction, except what is needed meanwhile. Call {@link #lookAgain} before.
     *
     * @param spared is asked for each; it must not block
     * @return what is gone
     */
    public List<Node> remove(List<Node> some, Predicate<Node> spared) {
        return whenLooked((records, kept) -> {
            List<Node> gone = new ArrayList<>();
            for (Node node : some) {
                if (!kept.contains(node) && !spared.test(node) && remove(records, node)) {
                    gone.add(node);
                }
            }
            return gone;
        });
    }

    /**
     * Looks at what was written since the last look, some at a time: others want to write too. Whoever calls this right before a
     * removal has a short one, because that looks at all that is left.
     */
    public void lookAgain() {
        if (lookAtSome(LOOKED_AT_ONCE)) {
            return;
        }
        long known = metadata.write(Durability.PROCESS, records -> Fresh.count(records.session()));
        int most = LOOKED_AT_ONCE;
        while (!lookAtSome(most)) {
            known -= most;
            if (known < 0) { // they write faster than this looks
                most = Math.min(2 * most, LOOKED_AT_MOST);
            }
        }
    }

    private boolean lookAtSome(int most) {
        return metadata.write(Durability.PROCESS, records -> look(records, most));
    }

    /** Work in a transaction in which it is known what is needed meanwhile. */
    private interface Work<T> {
        T run(Records records, Set<Node> kept);
    }

    private <T> T whenLooked(Work<T> work) {
        return metadata.write(Durability.PROCESS, records -> {
            look(records, Integer.MAX_VALUE);
            return work.run(records, keptMeanwhile);
        });
    }

    /** @return whether that was all */
    private boolean look(Records records, int most) {
        List<Node> written = Fresh.take(records.session(), most);
        longestLook = Math.max(longestLook, written.size());
        if (!written.isEmpty()) {
            keptMeanwhile.addAll(References.reachable(
                    references, References.read(records.session(), clock.instant(), Set.copyOf(written))));
        }
        return written.size() < most;
    }

    /** How many records one transaction looked at, at most. */
    int longestLook() {
        return longestLook;
    }

    private static boolean remove(Records records, Node node) {
        return switch (node.kind()) {
            case CONTENT -> records.contents().collect(node.namespace(), Digest.parse(node.key()));
            case IMAGE -> records.images().remove(node.namespace(), node.key());
            case LEASE -> records.leases().remove(node.namespace(), node.key());
            case SNAPSHOT -> {
                boolean bare = records.snapshots().isBare(node.namespace(), node.snapshotter(), node.name());
                if (bare) {
                    records.snapshots().delete(node.namespace(), node.snapshotter(), node.name());
                }
                yield bare;
            }
            case INGEST, CONTAINER, SANDBOX -> false;
        };
    }

    /** Notes no more what is written. */
    @Override
    public void close() {
        metadata.apply(Durability.PROCESS, records -> Fresh.end(records.session()));
    }
}
