package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Which blobs belong to which namespace, with their labels. The bytes are in {@link Blobs}. */
public final class Contents {
    /**
     * That a blob belongs to a namespace. Several namespaces may have the same blob; on disk it is once.
     *
     * @param size bytes
     */
    public record Content(
            Namespace namespace,
            Digest digest,
            long size,
            Map<String, String> labels,
            Instant createdAt,
            Instant updatedAt) {
        /**
         * Checks what has rules.
         *
         * @throws dev.berth.kernel.Fault INVALID_ARGUMENT for labels over the limit
         */
        public Content {
            labels = Labels.check(labels);
        }
    }

    private static final String COLUMNS = "namespace, digest, size, labels, created_at, updated_at";

    private final Session session;
    private final Namespaces namespaces;
    private final InstantSource clock;

    Contents(Session session, Namespaces namespaces, InstantSource clock) {
        this.session = session;
        this.namespaces = namespaces;
        this.clock = clock;
    }

    public Optional<Content> find(Namespace namespace, Digest digest) {
        return session.find(
                "SELECT " + COLUMNS + " FROM contents WHERE namespace = ? AND digest = ?",
                Contents::read,
                namespace.name(),
                digest);
    }

    /**
     * One that is there.
     *
     * @throws Fault NOT_FOUND
     */
    public Content get(Namespace namespace, Digest digest) {
        return find(namespace, digest).orElseThrow(() -> notFound(namespace, digest));
    }

    public List<Content> list(Namespace namespace) {
        return session.list(
                "SELECT " + COLUMNS + " FROM contents WHERE namespace = ? ORDER BY digest",
                Contents::read,
                namespace.name());
    }

    /** The digests that any namespace has. */
    public Set<Digest> digests() {
        return new HashSet<>(session.list("SELECT DISTINCT digest FROM contents", row -> Digest.parse(row.text())));
    }

    /** Whether any namespace has it. */
    public boolean isClaimed(Digest digest) {
        return session.number("SELECT EXISTS (SELECT 1 FROM contents WHERE digest = ?)", digest) > 0;
    }

    /**
     * Adds a blob that was flushed to disk; the labels are merged into those of a record that exists already.
     *
     * @throws Fault INVALID_ARGUMENT for labels over the limit
     */
    public void put(Namespace namespace, Digest digest, long size, Map<String, String> labels) {
        put(new Event.ContentCreated(namespace, digest, size, ""), labels);
    }

    /** As {@link #put(Namespace, Digest, long, Map)}; listeners are told what it is. */
    public void put(Namespace namespace, Descriptor blob, Map<String, String> labels) {
        put(new Event.ContentCreated(namespace, blob.digest(), blob.size(), blob.mediaType()), labels);
    }

    private void put(Event.ContentCreated blob, Map<String, String> labels) {
        Labels.check(labels);
        namespaces.ensure(blob.namespace());
        Instant now = clock.instant();
        if (find(blob.namespace(), blob.digest()).isEmpty()) {
            session.note(blob);
        }
        session.change(
                "INSERT INTO contents (" + COLUMNS + ") VALUES (?, ?, ?, ?, ?, ?)"
                        + " ON CONFLICT (namespace, digest) DO UPDATE SET"
                        + " labels = json_patch(labels, excluded.labels), updated_at = excluded.updated_at",
                blob.namespace().name(),
                blob.digest(),
                blob.size(),
                Labels.toJson(labels),
                now,
                now);
    }

    /**
     * Replaces the labels.
     *
     * @throws Fault NOT_FOUND; INVALID_ARGUMENT for labels over the limit
     */
    public Content update(Namespace namespace, Digest digest, Map<String, String> labels) {
        int rows = session.change(
                "UPDATE contents SET labels = ?, updated_at = ? WHERE namespace = ? AND digest = ?",
                Labels.toJson(Labels.check(labels)),
                clock.instant(),
                namespace.name(),
                digest);
        if (rows == 0) {
            throw notFound(namespace, digest);
        }
        return get(namespace, digest);
    }

    /** Takes the blob from the namespace and says whether it was there. The file goes when no namespace has it any more. */
    public boolean remove(Namespace namespace, Digest digest) {
        boolean removed = collect(namespace, digest);
        if (removed) {
            session.note(new Event.ContentDeleted(namespace, digest));
        }
        return removed;
    }

    /** As {@link #remove}, but tells nobody: as in containerd, only what somebody deletes is an event. */
    boolean collect(Namespace namespace, Digest digest) {
        return session.change("DELETE FROM contents WHERE namespace = ? AND digest = ?", namespace.name(), digest) > 0;
    }

    /**
     * As {@link #remove}.
     *
     * @throws Fault NOT_FOUND if it is not there
     */
    public void delete(Namespace namespace, Digest digest) {
        if (!remove(namespace, digest)) {
            throw notFound(namespace, digest);
        }
    }

    private static Content read(Row row) throws java.sql.SQLException {
        return new Content(
                row.namespace(), Digest.parse(row.text()), row.number(), row.labels(), row.time(), row.time());
    }

    private static Fault notFound(Namespace namespace, Digest digest) {
        return RecordFault.notFound("content", namespace, digest.toString());
    }
}
