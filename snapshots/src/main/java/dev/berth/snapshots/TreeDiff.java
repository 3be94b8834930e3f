package dev.berth.snapshots;

import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.FileStat;
import dev.berth.linux.FileType;
import dev.berth.linux.LinuxException;
import dev.berth.linux.RegularFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Tells what makes one tree another, as a layer: what is new or changed, and a mark for what is gone. A directory in which something
 * changed has an entry too; the root has none. Sockets are left out, as everywhere. Times are whole seconds.
 *
 * <p>The same trees always give the same bytes: names are sorted, and holes are written as the zeroes that they read as.
 */
final class TreeDiff {
    private static final int CHUNK = 1 << 17;
    private static final int MAX_PATH = 4095;
    private static final int MAX_DEPTH = 1000;
    private static final byte[] MARK = {'.', 'w', 'h', '.'};
    private static final byte[] OPAQUE = StandaloneForm.OPAQUE;
    private static final byte[] REDIRECT = "trusted.overlay.redirect".getBytes(StandardCharsets.US_ASCII);

    private final Dir lower;
    private final Dir upper;
    private final @Nullable Dir changed;
    private final TarWriter tar;
    private final @Nullable Instant latest;
    private final byte[] chunk = new byte[CHUNK];
    private final ByteBuffer one = ByteBuffer.allocateDirect(CHUNK);
    private final ByteBuffer other = ByteBuffer.allocateDirect(CHUNK);
    private final Set<ByteBuffer> writtenDirs = new HashSet<>();
    /** The name under which a file with several names is in the archive. */
    private final Map<Long, byte[]> linkTargets = new HashMap<>();
    /** Names of such files that have not changed, should another of their names have. */
    private final Map<Long, List<byte[]>> unchangedNames = new HashMap<>();

    private TreeDiff(Dir lower, Dir upper, @Nullable Dir changed, OutputStream out, @Nullable Instant latest) {
        this.lower = lower;
        this.upper = upper;
        this.changed = changed;
        this.tar = new TarWriter(out);
        this.latest = latest;
    }

    /**
     * Writes the layer.
     *
     * @param changed an overlay's own directory for what upper has and lower has not, so that only what is there has to be looked
     *     at; null if there is none
     * @param latest what has changed later is said to have changed then; null for no such limit
     */
    static void write(Dir lower, Dir upper, @Nullable Dir changed, OutputStream out, @Nullable Instant latest)
            throws IOException {
        TreeDiff diff = new TreeDiff(lower, upper, changed, out, latest);
        diff.walk(LayerPath.ROOT, true, changed != null, 0);
        diff.tar.finish();
    }

    /** One directory in both trees, open while its own entries are looked at and closed while those below are. */
    private final class Place implements AutoCloseable {
        private final byte[] path;
        private final boolean inLower;
        private final boolean sieved;
        private @Nullable Dir below;
        private @Nullable Dir above;

        Place(byte[] path, boolean inLower, boolean sieved) {
            this.path = path;
            this.inLower = inLower;
            this.sieved = sieved;
        }

        Dir above() throws LinuxException {
            Dir open = above;
            if (open == null) {
                open = upper.openDir(path, Dir.Resolve.NO_LINKS);
                above = open;
            }
            return open;
        }

        @Nullable
        Dir below() throws LinuxException {
            Dir open = below;
            if (open == null && inLower) {
                open = lower.openDir(path, Dir.Resolve.NO_LINKS);
                below = open;
            }
            return open;
        }

        /** The names at which something may be different, sorted. */
        Set<byte[]> names() throws IOException {
            Set<byte[]> names = new TreeSet<>(Arrays::compareUnsigned);
            if (sieved && changed != null) {
                try (Dir own = changed.openDir(path, Dir.Resolve.NO_LINKS)) {
                    own.forEach(entry -> names.add(entry.name()));
                }
                return names;
            }
            above().forEach(entry -> names.add(entry.name()));
            Dir there = below();
            if (there != null) {
                there.forEach(entry -> names.add(entry.name()));
            }
            return names;
        }

        /** Lets go of the handles until they are asked for again: a tree may be deep. */
        void rest() {
            if (above != null) {
                above.close();
                above = null;
            }
            if (below != null) {
                below.close();
                below = null;
            }
        }

        @Override
        public void close() {
            rest();
        }
    }

    private void walk(byte[] path, boolean inLower, boolean sieved, int depth) throws IOException {
        if (depth > MAX_DEPTH || path.length > MAX_PATH) {
            throw refused(path, "lies too deep");
        }
        if (Thread.interrupted()) {
            throw Fault.of(Fault.Code.CANCELLED, "tell what has changed", "it was cancelled", "");
        }
        try (Place place = new Place(path, inLower, sieved && merges(path))) {
            for (byte[] name : place.names()) {
                Dir there = place.below();
                FileStat before = there == null ? null : there.find(name);
                FileStat now = place.above().find(name);
                if (now == null) {
                    if (before != null) {
                        gone(path, name);
                    }
                    continue;
                }
                compare(place, name, before, now);
                if (now.isDirectory()) {
                    place.rest();
                    boolean both = before != null && before.isDirectory();
                    walk(LayerPath.join(path, name), both, place.sieved, depth + 1);
                }
            }
        }
    }

    /** Whether what an overlay's own directory lacks is as it was: it hides nothing and comes from nowhere else. */
    private boolean merges(byte[] path) throws IOException {
        if (changed == null) {
            return false;
        }
        try (Dir own = changed.openDir(path, Dir.Resolve.NO_LINKS)) {
            return own.xattr(OPAQUE) == null && own.xattr(REDIRECT) == null;
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT) || e.is(Errno.ENOTDIR) || e.is(Errno.ELOOP)) {
                return false;
            }
            throw e;
        }
    }

    private void compare(Place place, byte[] name, @Nullable FileStat before, FileStat now) throws IOException {
        if (now.type() == FileType.SOCKET) {
            return;
        }
        byte[] path = LayerPath.join(place.path, name);
        boolean linked = !now.isDirectory() && now.links() > 1;
        boolean same = before != null && same(place, name, before, now);
        if (same && !linked) {
            return;
        }
        byte[] target = linked ? linkTargets.get(now.inode()) : null;
        if (target == null && same) {
            unchangedNames.computeIfAbsent(now.inode(), _ -> new ArrayList<>()).add(path);
            return;
        }
        put(place.above(), name, path, now, target);
        if (linked && target == null) {
            linkTargets.put(now.inode(), path);
            List<byte[]> names = unchangedNames.remove(now.inode());
            for (byte[] each : names == null ? List.<byte[]>of() : names) {
                put(place.above(), name, each, now, path);
            }
        }
    }

    /** @param target the entry of which it is another name, or null */
    private void put(Dir in, byte[] name, byte[] path, FileStat stat, byte @Nullable [] target) throws IOException {
        if (startsWith(LayerPath.name(path), MARK)) {
            throw refused(path, "has a name that in a layer means that something else is deleted");
        }
        includeAbove(path);
        if (stat.isDirectory() && !writtenDirs.add(ByteBuffer.wrap(path))) {
            return;
        }
        if (target == null && stat.type() == FileType.REGULAR) {
            try (RegularFile file = in.read(name)) {
                FileStat open = file.stat();
                tar.begin(entry(in, name, path, open, null));
                copy(file, path, open.size());
            }
        } else {
            tar.begin(entry(in, name, path, stat, target));
        }
    }

    private TarEntry entry(Dir in, byte[] name, byte[] path, FileStat stat, byte @Nullable [] target)
            throws IOException {
        TarEntry.Kind kind = target == null ? kind(stat, path) : TarEntry.Kind.HARD_LINK;
        byte[] link = new byte[0];
        if (target != null) {
            link = target;
        } else if (kind == TarEntry.Kind.SYMLINK) {
            link = in.readlink(name);
        }
        boolean device = kind == TarEntry.Kind.CHARACTER_DEVICE || kind == TarEntry.Kind.BLOCK_DEVICE;
        Instant modified = stat.modified();
        if (latest != null && modified.isAfter(latest)) {
            modified = latest;
        }
        return new TarEntry(
                path,
                link,
                kind,
                stat.permissions(),
                stat.uid(),
                stat.gid(),
                stat.size(),
                stat.size(),
                null,
                device ? stat.rdev() : 0,
                modified.truncatedTo(ChronoUnit.SECONDS),
                Instant.EPOCH,
                xattrs(in, name));
    }

    private static TarEntry.Kind kind(FileStat stat, byte[] path) {
        return switch (stat.type()) {
            case REGULAR -> TarEntry.Kind.REGULAR;
            case DIRECTORY -> TarEntry.Kind.DIRECTORY;
            case SYMLINK -> TarEntry.Kind.SYMLINK;
            case CHARACTER_DEVICE -> TarEntry.Kind.CHARACTER_DEVICE;
            case BLOCK_DEVICE -> TarEntry.Kind.BLOCK_DEVICE;
            case FIFO -> TarEntry.Kind.FIFO;
            case SOCKET, UNKNOWN -> throw refused(path, "is of a type that no layer can hold");
        };
    }

    private void copy(RegularFile file, byte[] path, long size) throws IOException {
        long left = size;
        while (left > 0) {
            one.clear().limit((int) Math.min(CHUNK, left));
            int got = file.read(one);
            if (got < 0) {
                throw Fault.of(
                        Fault.Code.ABORTED,
                        "tell what has changed",
                        "\"" + LayerFault.shown(path) + "\" became shorter while it was read",
                        "Stop what writes there, then try again");
            }
            one.flip().get(chunk, 0, got);
            tar.write(chunk, 0, got);
            left -= got;
        }
    }

    private void gone(byte[] directory, byte[] name) throws IOException {
        byte[] mark = Arrays.copyOf(MARK, MARK.length + name.length);
        System.arraycopy(name, 0, mark, MARK.length, name.length);
        byte[] path = LayerPath.join(directory, mark);
        includeAbove(path);
        tar.begin(new TarEntry(
                path,
                new byte[0],
                TarEntry.Kind.REGULAR,
                0,
                0,
                0,
                0,
                0,
                null,
                0,
                Instant.EPOCH, // nobody sees it, and it must not differ
                Instant.EPOCH,
                List.of()));
    }

    /** A directory in which something has changed comes before it, the uppermost first. */
    private void includeAbove(byte[] path) throws IOException {
        byte[] directory = LayerPath.parent(path);
        if (directory.length == 0 || writtenDirs.contains(ByteBuffer.wrap(directory))) {
            return;
        }
        try (Dir in = upper.openDir(LayerPath.parent(directory), Dir.Resolve.NO_LINKS)) {
            byte[] name = LayerPath.name(directory);
            put(in, name, directory, in.stat(name), null);
        }
    }

    private boolean same(Place place, byte[] name, FileStat before, FileStat now) throws IOException {
        if (before.sameFile(now)) {
            return true;
        }
        boolean alike = before.mode() == now.mode()
                && before.uid() == now.uid()
                && before.gid() == now.gid()
                && before.rdev() == now.rdev();
        Dir there = place.below();
        if (!alike || there == null || !sameXattrs(there, place.above(), name)) {
            return false;
        }
        if (now.isDirectory()) {
            return true;
        }
        if (before.size() != now.size() || !before.modified().equals(now.modified())) {
            return false;
        }
        // A time without a fraction may have lost one in an archive, and then says little.
        boolean exact = !now.modified().equals(now.modified().truncatedTo(ChronoUnit.SECONDS));
        return switch (now.type()) {
            case REGULAR -> exact || now.size() == 0 || sameContent(there, place.above(), name);
            case SYMLINK -> Arrays.equals(there.readlink(name), place.above().readlink(name));
            default -> true;
        };
    }

    private boolean sameContent(Dir there, Dir here, byte[] name) throws IOException {
        try (RegularFile before = there.read(name);
                RegularFile now = here.read(name)) {
            while (true) {
                fill(before, one);
                fill(now, other);
                if (!one.equals(other)) {
                    return false;
                }
                if (one.remaining() < CHUNK) {
                    return true;
                }
            }
        }
    }

    private static void fill(RegularFile file, ByteBuffer buffer) throws IOException {
        buffer.clear();
        while (buffer.hasRemaining() && file.read(buffer) >= 0) {
            // a read may give less than is asked for
        }
        buffer.flip();
    }

    private static boolean sameXattrs(Dir there, Dir here, byte[] name) throws IOException {
        List<TarEntry.Xattr> before = xattrs(there, name);
        List<TarEntry.Xattr> now = xattrs(here, name);
        if (before.size() != now.size()) {
            return false;
        }
        for (int i = 0; i < now.size(); i++) {
            if (!Arrays.equals(before.get(i).name(), now.get(i).name())
                    || !Arrays.equals(before.get(i).value(), now.get(i).value())) {
                return false;
            }
        }
        return true;
    }

    /** Those that a layer may carry, sorted. */
    private static List<TarEntry.Xattr> xattrs(Dir in, byte[] name) throws IOException {
        List<TarEntry.Xattr> found = new ArrayList<>();
        for (byte[] attribute : in.xattrs(name)) {
            byte[] value = FileMeta.isOurs(attribute) ? in.xattr(name, attribute) : null;
            if (value != null) {
                found.add(new TarEntry.Xattr(attribute, value));
            }
        }
        found.sort((a, b) -> Arrays.compareUnsigned(a.name(), b.name()));
        return found;
    }

    private static boolean startsWith(byte[] name, byte[] prefix) {
        return name.length >= prefix.length && Arrays.equals(name, 0, prefix.length, prefix, 0, prefix.length);
    }

    private static Fault refused(byte[] path, String why) {
        return Fault.precondition(
                "make a layer of what has changed",
                "\"" + LayerFault.shown(path) + "\" " + why,
                "Remove it and try again");
    }
}
