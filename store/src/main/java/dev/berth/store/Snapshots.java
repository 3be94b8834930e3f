package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.store.SnapshotRecord.Kind;
import dev.berth.store.SnapshotRecord.Usage;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The snapshots of all snapshotters, as records; their files are the business of the snapshotter. */
public final class Snapshots {
    private static final String SELECT =
            "SELECT s.number, s.namespace, s.snapshotter, s.key, p.key, s.kind, s.labels, s.used_bytes, s.used_inodes,"
                    + " s.created_at, s.updated_at FROM snapshots s LEFT JOIN snapshots p ON p.number = s.parent ";

    private final Session session;
    private final Namespaces namespaces;
    private final InstantSource clock;

    Snapshots(Session session, Namespaces namespaces, InstantSource clock) {
        this.session = session;
        this.namespaces = namespaces;
        this.clock = clock;
    }

    public Optional<SnapshotRecord> find(Namespace namespace, String snapshotter, String key) {
        return session.find(
                SELECT + "WHERE s.namespace = ? AND s.snapshotter = ? AND s.key = ?",
                Snapshots::read,
                namespace.name(),
                snapshotter,
                key);
    }

    /**
     * One that is there.
     *
     * @throws Fault NOT_FOUND
     */
    public SnapshotRecord get(Namespace namespace, String snapshotter, String key) {
        return find(namespace, snapshotter, key)
                .orElseThrow(() -> RecordFault.notFound(snapshotter + " snapshot", namespace, key));
    }

    /** All of one snapshotter in a namespace, oldest first. */
    public List<SnapshotRecord> list(Namespace namespace, String snapshotter) {
        return session.list(
                SELECT + "WHERE s.namespace = ? AND s.snapshotter = ? ORDER BY s.number",
                Snapshots::read,
                namespace.name(),
                snapshotter);
    }

    /** The snapshot and those below it, topmost first. */
    public List<SnapshotRecord> chain(Namespace namespace, String snapshotter, String key) {
        List<SnapshotRecord> chain = session.list(
                "WITH RECURSIVE chain (number, depth) AS ("
                        + " SELECT number, 0 FROM snapshots WHERE namespace = ? AND snapshotter = ? AND key = ?"
                        + " UNION ALL SELECT c.parent, depth + 1 FROM chain JOIN snapshots c USING (number)"
                        + " WHERE c.parent IS NOT NULL) "
                        + SELECT + "JOIN chain ON chain.number = s.number ORDER BY chain.depth",
                Snapshots::read,
                namespace.name(),
                snapshotter,
                key);
        if (chain.isEmpty()) {
            throw RecordFault.notFound(snapshotter + " snapshot", namespace, key);
        }
        return chain;
    }

    /** The numbers that one snapshotter has in any namespace: a directory of another number is a leftover. */
    public Set<Long> numbers(String snapshotter) {
        return new HashSet<>(
                session.list("SELECT number FROM snapshots WHERE snapshotter = ?", Row::number, snapshotter));
    }

    /** What all snapshots take on disk, as far as it was measured. */
    public Usage usage() {
        return session.find(
                        "SELECT coalesce(sum(used_bytes), 0), coalesce(sum(used_inodes), 0) FROM snapshots",
                        row -> new Usage(row.number(), row.number()))
                .orElse(Usage.ZERO);
    }

    /** The same of one snapshotter. */
    public Usage usage(String snapshotter) {
        return session.find(
                        "SELECT coalesce(sum(used_bytes), 0), coalesce(sum(used_inodes), 0) FROM snapshots"
                                + " WHERE snapshotter = ?",
                        row -> new Usage(row.number(), row.number()),
                        snapshotter)
                .orElse(Usage.ZERO);
    }

    /**
     * Adds a snapshot and gives it its number.
     *
     * @throws Fault ALREADY_EXISTS; NOT_FOUND if the parent does not exist; INVALID_ARGUMENT if it is not committed
     */
    public SnapshotRecord create(SnapshotRecord snapshot) {
        namespaces.ensure(snapshot.namespace());
        Long parent = snapshot.parent().isEmpty() ? null : Long.valueOf(parentOf(snapshot));
        Instant now = clock.instant();
        int rows = session.change(
                "INSERT INTO snapshots (namespace, snapshotter, key, parent, kind, labels, created_at, updated_at,"
                        + " used_bytes, used_inodes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                snapshot.namespace().name(),
                snapshot.snapshotter(),
                snapshot.key(),
                parent,
                snapshot.kind(),
                Labels.toJson(snapshot.labels()),
                now,
                now,
                snapshot.usage().bytes(),
                snapshot.usage().inodes());
        if (rows == 0) {
            throw exists(snapshot);
        }
        if (snapshot.kind() != Kind.VIEW) { // as in containerd, of views nothing is told
            session.note(new Event.SnapshotPrepared(
                    snapshot.namespace(), snapshot.snapshotter(), snapshot.key(), snapshot.parent()));
        }
        return get(snapshot.namespace(), snapshot.snapshotter(), snapshot.key());
    }

    /**
     * Puts an active snapshot onto a parent: a layer that was unpacked before the one below it was there.
     *
     * @throws Fault NOT_FOUND if one of them does not exist; FAILED_PRECONDITION if it is not active or the parent is not
     *     committed
     */
    public SnapshotRecord graft(SnapshotRecord active, String parent) {
        SnapshotRecord found = get(active.namespace(), active.snapshotter(), active.key());
        if (found.kind() != Kind.ACTIVE) {
            throw Fault.precondition("graft snapshot " + found.key(), "it is not active but " + found.kind(), "");
        }
        session.change(
                "UPDATE snapshots SET parent = ?, updated_at = ? WHERE number = ?",
                parentOf(found.on(parent)),
                clock.instant(),
                found.number());
        return get(found.namespace(), found.snapshotter(), found.key());
    }

    /**
     * Turns an active snapshot into a committed one with a new key, and replaces its labels.
     *
     * @throws Fault NOT_FOUND; ALREADY_EXISTS if the name is taken; FAILED_PRECONDITION if it is not active
     */
    public SnapshotRecord commit(SnapshotRecord active, String name, Map<String, String> labels, Usage usage) {
        SnapshotRecord found = get(active.namespace(), active.snapshotter(), active.key());
        if (found.kind() != Kind.ACTIVE) {
            throw Fault.precondition("commit snapshot " + found.key(), "it is not active but " + found.kind(), "");
        }
        Names.check("snapshot", name);
        int rows = session.change(
                "UPDATE OR IGNORE snapshots SET key = ?, kind = 'COMMITTED', labels = ?, used_bytes = ?,"
                        + " used_inodes = ?, updated_at = ? WHERE number = ?",
                name,
                Labels.toJson(Labels.check(labels)),
                usage.bytes(),
                usage.inodes(),
                clock.instant(),
                found.number());
        if (rows == 0) {
            throw RecordFault.alreadyExists(found.snapshotter() + " snapshot", found.namespace(), name);
        }
        session.note(new Event.SnapshotCommitted(found.namespace(), found.snapshotter(), found.key(), name));
        return get(found.namespace(), found.snapshotter(), name);
    }

    /**
     * Replaces labels and usage.
     *
     * @throws Fault NOT_FOUND
     */
    public SnapshotRecord update(SnapshotRecord snapshot) {
        session.change(
                "UPDATE snapshots SET labels = ?, used_bytes = ?, used_inodes = ?, updated_at = ?"
                        + " WHERE namespace = ? AND snapshotter = ? AND key = ?",
                Labels.toJson(snapshot.labels()),
                snapshot.usage().bytes(),
                snapshot.usage().inodes(),
                clock.instant(),
                snapshot.namespace().name(),
                snapshot.snapshotter(),
                snapshot.key());
        return get(snapshot.namespace(), snapshot.snapshotter(), snapshot.key());
    }

    /**
     * Removes the record; its directory is the snapshotter's to remove afterwards.
     *
     * @return what was removed
     * @throws Fault NOT_FOUND; FAILED_PRECONDITION if it is the parent of another
     */
    public SnapshotRecord delete(Namespace namespace, String snapshotter, String key) {
        SnapshotRecord found = get(namespace, snapshotter, key);
        session.find("SELECT key FROM snapshots WHERE parent = ?", Row::text, found.number())
                .ifPresent(child -> {
                    throw Fault.precondition(
                            "remove snapshot " + key, "snapshot " + child + " stands on it", "Remove that one first");
                });
        session.change("DELETE FROM snapshots WHERE number = ?", found.number());
        session.note(new Event.SnapshotRemoved(namespace, snapshotter, key));
        return found;
    }

    /** Whether there is such a snapshot and no other stands on it. */
    boolean isBare(Namespace namespace, String snapshotter, String key) {
        return session.number(
                        "SELECT EXISTS (SELECT 1 FROM snapshots s WHERE namespace = ? AND snapshotter = ? AND key = ?"
                                + " AND NOT EXISTS (SELECT 1 FROM snapshots WHERE parent = s.number))",
                        namespace.name(),
                        snapshotter,
                        key)
                > 0;
    }

    /** Begins with numbers that an older, lost database cannot have given: its directories may still be there. */
    void skipOldNumbers() {
        session.change(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('snapshots', ?)",
                clock.instant().getEpochSecond());
    }

    private long parentOf(SnapshotRecord snapshot) {
        SnapshotRecord parent = get(snapshot.namespace(), snapshot.snapshotter(), snapshot.parent());
        if (parent.kind() != Kind.COMMITTED) {
            throw Fault.invalid(
                    "make snapshot " + snapshot.key(),
                    "its parent " + parent.key() + " is not committed",
                    "Commit it first, or stand on the one below it");
        }
        return parent.number();
    }

    private static SnapshotRecord read(Row row) throws SQLException {
        return new SnapshotRecord(
                row.number(),
                row.namespace(),
                row.text(),
                row.text(),
                row.text(),
                Kind.valueOf(row.text()),
                row.labels(),
                new Usage(row.number(), row.number()),
                row.time(),
                row.time());
    }

    private static Fault exists(SnapshotRecord snapshot) {
        return RecordFault.alreadyExists(snapshot.snapshotter() + " snapshot", snapshot.namespace(), snapshot.key());
    }
}
