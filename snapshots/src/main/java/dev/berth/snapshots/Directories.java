package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.store.SnapshotRecord.Usage;
import java.io.IOException;
import java.util.Map;

/** What each directory of a layer gets in the end. */
final class Directories {
    /** What is known of a directory that was made because something lies below it. */
    enum Implied {
        /** It is new, whatever the layers below have there. */
        FRESH,
        /** It is what the layers below have there. */
        AS_BELOW,
        /** It was taken for what the layers below have there, but an entry has described or replaced it since. */
        NO_MORE
    }

    private final PathSet<FileMeta> described = new PathSet<>();
    private final PathSet<Implied> implied = new PathSet<>();
    private long bytes;
    private long inodes;

    /** The archive says what the directory has; the last word counts. */
    void describe(byte[] path, FileMeta meta) {
        described.put(path, meta);
        settle(path);
    }

    void imply(byte[] path, Implied how) {
        implied.put(path, how);
    }

    private void settle(byte[] path) {
        Implied how = implied.get(path);
        if (how == Implied.AS_BELOW) {
            implied.put(path, Implied.NO_MORE);
        } else if (how == Implied.FRESH) {
            implied.remove(path);
        }
    }

    /** A directory of a lower layer is to have afterwards what it has now, its times above all. */
    void keep(Dir dir, byte[] path) throws IOException {
        if (described.get(path) == null && implied.get(path) == null) {
            described.put(path, FileMeta.of(dir));
        }
    }

    /** The directory is gone, with all below it. */
    void forget(byte[] path) {
        described.removeWithin(path);
        implied.within(path).forEach(this::settle);
    }

    /** The directories that no entry describes, parents first. */
    PathSet<Implied> implied() {
        return implied;
    }

    void applyDescribed(Dir root) throws IOException {
        for (Map.Entry<byte[], FileMeta> entry : described.all().entrySet()) {
            try (Dir dir = root.openDir(entry.getKey(), Dir.Resolve.NO_LINKS)) {
                entry.getValue().apply(dir);
                count(dir);
            }
        }
    }

    private void count(Dir dir) throws IOException {
        bytes += dir.stat().blocks() * TreeUsage.BLOCK;
        inodes++;
    }

    /** What all of them take on disk, after what was described has been applied: one of many entries is no small one. */
    Usage usage(Dir root) throws IOException {
        for (Map.Entry<byte[], Implied> entry : implied.all().entrySet()) {
            if (entry.getValue() != Implied.NO_MORE) {
                try (Dir dir = root.openDir(entry.getKey(), Dir.Resolve.NO_LINKS)) {
                    count(dir);
                }
            }
        }
        return new Usage(bytes, inodes);
    }

    void applyPlain(Dir root) throws IOException {
        for (Map.Entry<byte[], Implied> entry : implied.all().entrySet()) {
            if (entry.getValue() == Implied.NO_MORE) {
                continue;
            }
            byte[] path = entry.getKey();
            try (Dir dir = root.openDir(path, Dir.Resolve.NO_LINKS)) {
                FileMeta.PLAIN.apply(dir);
            }
        }
    }
}
