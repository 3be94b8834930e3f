package dev.berth.store;

import dev.berth.kernel.Namespace;
import java.time.Instant;
import java.util.Map;

/**
 * One snapshot: a tree of files on top of a parent.
 *
 * @param number names its directory; never given twice, 0 until the store has given it
 * @param key its name: of a container while active, often a chain id once committed
 * @param parent the key of a committed snapshot; empty for none
 * @param usage what it takes on disk without its parents; zero until somebody has measured it
 * @param createdAt set by the store
 * @param updatedAt set by the store
 */
public record SnapshotRecord(
        long number,
        Namespace namespace,
        String snapshotter,
        String key,
        String parent,
        Kind kind,
        Map<String, String> labels,
        Usage usage,
        Instant createdAt,
        Instant updatedAt) {
    /** What may be done with it. */
    public enum Kind {
        /** Writable; becomes COMMITTED or goes. */
        ACTIVE,
        /** Read-only, for somebody who looks. */
        VIEW,
        /** Finished; may be a parent. */
        COMMITTED
    }

    /** Space on disk. */
    public record Usage(long bytes, long inodes) {
        public static final Usage ZERO = new Usage(0, 0);
    }

    /**
     * Checks what has rules.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT for a bad key or labels over the limit
     */
    public SnapshotRecord {
        Names.check("snapshotter", snapshotter);
        Names.check("snapshot", key);
        labels = Labels.check(labels);
    }

    /** A snapshot that is not in the store yet, on no parent and without labels. */
    public static SnapshotRecord of(Namespace namespace, String snapshotter, String key, Kind kind) {
        return new SnapshotRecord(
                0, namespace, snapshotter, key, "", kind, Map.of(), Usage.ZERO, Instant.EPOCH, Instant.EPOCH);
    }

    public SnapshotRecord on(String newParent) {
        return new SnapshotRecord(
                number, namespace, snapshotter, key, newParent, kind, labels, usage, createdAt, updatedAt);
    }

    public SnapshotRecord withLabels(Map<String, String> newLabels) {
        return new SnapshotRecord(
                number, namespace, snapshotter, key, parent, kind, newLabels, usage, createdAt, updatedAt);
    }

    public SnapshotRecord withUsage(Usage newUsage) {
        return new SnapshotRecord(
                number, namespace, snapshotter, key, parent, kind, labels, newUsage, createdAt, updatedAt);
    }
}
