package dev.berth.snapshots;

import dev.berth.linux.Dir;
import java.io.IOException;
import java.util.Map;

/** What each directory of a layer gets in the end. */
final class Directories {
    private final PathSet<FileMeta> described = new PathSet<>();
    /** Made because something lies below; nobody has described them. */
    private final PathSet<Boolean> implied = new PathSet<>();

    /** The archive says what the directory has; the last word counts. */
    void describe(byte[] path, FileMeta meta) {
        described.put(path, meta);
        implied.remove(path);
    }

    void imply(byte[] path) {
        implied.put(path, true);
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
        implied.removeWithin(path);
    }

    /** The directories that only the layers below can describe, parents first. */
    PathSet<Boolean> implied() {
        return implied;
    }

    void applyDescribed(Dir root) throws IOException {
        for (Map.Entry<byte[], FileMeta> entry : described.all().entrySet()) {
            try (Dir dir = root.openDir(entry.getKey(), Dir.Resolve.NO_LINKS)) {
                entry.getValue().apply(dir);
            }
        }
    }

    void applyPlain(Dir root) throws IOException {
        for (byte[] path : implied.all().keySet()) {
            try (Dir dir = root.openDir(path, Dir.Resolve.NO_LINKS)) {
                FileMeta.PLAIN.apply(dir);
            }
        }
    }
}
