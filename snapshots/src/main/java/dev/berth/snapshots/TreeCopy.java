package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.FileStat;
import dev.berth.linux.RegularFile;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/** A copy of a tree with everything: links among its files, holes, owners, modes, attributes, times. */
final class TreeCopy {
    /** A file that has several names, where its first copy is. */
    @SuppressWarnings("ArrayRecordComponent")
    private record First(byte[] directory, byte[] name) {}

    private final Dir from;
    private final Dir to;
    private final Map<Long, First> linked = new HashMap<>();
    private final Deque<byte[]> waiting = new ArrayDeque<>();
    private final Deque<byte[]> made = new ArrayDeque<>();

    private TreeCopy(Dir from, Dir to) {
        this.from = from;
        this.to = to;
    }

    /** Copies one snapshot's files into another's empty directory. */
    static void run(SnapshotFiles files, long from, long to) throws IOException {
        SnapshotFiles.longWork("copy-snapshot", () -> {
            try (Dir source = files.open(from);
                    Dir target = files.open(to)) {
                new TreeCopy(source, target).run();
            }
            return true;
        });
    }

    private void run() throws IOException {
        waiting.add(LayerPath.ROOT);
        while (!waiting.isEmpty()) {
            byte[] path = waiting.removeLast();
            made.addLast(path);
            try (Dir source = from.openDir(path, Dir.Resolve.NO_LINKS);
                    Dir target = to.openDir(path, Dir.Resolve.NO_LINKS)) {
                source.forEach(entry -> copy(source, target, path, entry.name()));
            }
        }
        while (!made.isEmpty()) {
            byte[] path = made.removeLast();
            try (Dir source = from.openDir(path, Dir.Resolve.NO_LINKS);
                    Dir target = to.openDir(path, Dir.Resolve.NO_LINKS)) {
                FileMeta.of(source).apply(target); // in the end: entries change times, and inherit
            }
        }
    }

    private void copy(Dir source, Dir target, byte[] path, byte[] name) throws IOException {
        FileStat stat = source.stat(name);
        if (stat.isDirectory()) {
            target.mkdir(name, 0700);
            waiting.addLast(LayerPath.join(path, name));
            return;
        }
        First first = stat.links() > 1 ? linked.putIfAbsent(stat.inode(), new First(path, name)) : null;
        if (first != null) {
            try (Dir directory = to.openDir(first.directory, Dir.Resolve.NO_LINKS)) {
                target.link(directory, first.name, name);
            }
            return;
        }
        switch (stat.type()) {
            case REGULAR -> copyContent(source, target, name);
            case SYMLINK -> target.symlink(source.readlink(name), name);
            default -> target.mknod(name, stat.type(), stat.permissions(), stat.rdev());
        }
        describe(source, target, name, stat);
    }

    private static void copyContent(Dir source, Dir target, byte[] name) throws IOException {
        try (RegularFile original = source.read(name);
                RegularFile copy = target.create(name, 0600)) {
            copy.copyOf(original);
        }
    }

    private static void describe(Dir source, Dir target, byte[] name, FileStat stat) throws IOException {
        target.chown(name, stat.uid(), stat.gid());
        if (stat.type() != dev.berth.linux.FileType.SYMLINK) {
            target.chmod(name, stat.permissions());
        }
        for (byte[] attribute : source.xattrs(name)) {
            byte[] value = source.xattr(name, attribute);
            if (value != null) {
                target.setXattr(name, attribute, value);
            }
        }
        target.setTimes(name, stat.accessed(), stat.modified());
    }
}
