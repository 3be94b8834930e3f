package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.FileStat;
import dev.berth.linux.LinuxException;
import dev.berth.store.SnapshotRecord.Usage;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Counts what a tree takes on disk, while its owner may be changing it. Directories wait as names, not as handles, so neither
 * their number nor their depth costs descriptors.
 */
final class TreeUsage {
    /** Deeper ones are not looked into: the way to them is walked anew each time, and no path reaches them. */
    private static final int MAX_DEPTH = 10_000;

    private static final int MAX_STEP = 4000;
    /** What {@link FileStat#blocks} counts in. */
    static final int BLOCK = 512;

    /** A directory to be looked into; the top has no name. */
    @SuppressWarnings("ArrayRecordComponent")
    private record Waiting(@Nullable Waiting above, byte[] name, int depth) {}

    private final Dir root;
    private final Deque<Waiting> waiting = new ArrayDeque<>();
    private final Set<Long> counted = new HashSet<>();
    private long bytes;
    private long inodes;

    private TreeUsage(Dir root) {
        this.root = root;
    }

    static Usage of(Dir root) throws IOException {
        TreeUsage usage = new TreeUsage(root);
        usage.add(root.stat());
        usage.waiting.add(new Waiting(null, LayerPath.ROOT, 0));
        while (!usage.waiting.isEmpty()) {
            usage.look(usage.waiting.removeLast());
        }
        return new Usage(usage.bytes, usage.inodes);
    }

    private void look(Waiting place) throws IOException {
        Dir dir = open(place);
        if (dir == null) {
            return; // gone meanwhile
        }
        try (dir) {
            dir.forEach(entry -> {
                FileStat stat = dir.find(entry.name());
                if (stat != null) {
                    add(stat);
                    if (stat.isDirectory() && place.depth < MAX_DEPTH) {
                        waiting.add(new Waiting(place, entry.name(), place.depth + 1));
                    }
                }
            });
        }
    }

    private void add(FileStat stat) {
        if (stat.links() == 1 || stat.isDirectory() || counted.add(stat.inode())) {
            bytes += stat.blocks() * BLOCK;
            inodes++;
        }
    }

    private @Nullable Dir open(Waiting place) throws LinuxException {
        List<byte[]> steps = steps(place);
        Dir at = root.reopen();
        try {
            for (byte[] step : steps) {
                Dir next = at.openDir(step, Dir.Resolve.SAME_MOUNT);
                at.close();
                at = next;
            }
            return at;
        } catch (LinuxException e) {
            at.close();
            if (e.is(Errno.ENOENT) || e.is(Errno.ENOTDIR) || e.is(Errno.ELOOP) || e.is(Errno.EXDEV)) {
                return null;
            }
            throw e;
        }
    }

    /** The way to a directory in paths that the kernel takes. */
    private static List<byte[]> steps(Waiting place) {
        Deque<byte[]> names = new ArrayDeque<>();
        for (Waiting at = place; at != null && at.depth > 0; at = at.above) {
            names.addFirst(at.name);
        }
        List<byte[]> steps = new ArrayList<>();
        byte[] step = LayerPath.ROOT;
        for (byte[] name : names) {
            if (step.length + name.length > MAX_STEP) {
                steps.add(step);
                step = LayerPath.ROOT;
            }
            step = LayerPath.join(step, name);
        }
        steps.add(step);
        return steps;
    }
}
