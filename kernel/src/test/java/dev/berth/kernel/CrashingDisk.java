package dev.berth.kernel;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * A disk that stops at a chosen change, and ever after, like a pulled plug.
 *
 * <p>The habit: run a scenario once for every change number, restart on what is left, check the invariants.
 *
 * <pre>{@code
 * int changes = CrashingDisk.atEveryChange(
 *         n -> newRoot(n), disk -> scenario(disk, disk.root()), disk -> check(disk.copyAfterKill(newPlace())));
 * }</pre>
 *
 * <p>It also knows what was synced, so that after the crash {@link #copyAfterPowerLoss} can leave out what a real power loss
 * might take. Restart on a copy: whatever the dying scenario still does when its objects are closed does not reach it.
 */
public final class CrashingDisk implements Disk {
    /** What every change throws after the crash. */
    public static final class PulledPlug extends IOException {
        private static final long serialVersionUID = 1L;

        PulledPlug(String change) {
            super("the plug was pulled before: " + change);
        }
    }

    /** A part of a test. */
    public interface Step {
        void run(CrashingDisk disk) throws Exception;
    }

    private record Synced(long size) {}

    private record Move(Path from, Path to) {}

    private final Disk real;
    private final Path root;
    private final int crashAt;
    private final Map<Object, Synced> synced = new HashMap<>();
    private final List<Move> moves = new ArrayList<>();
    private int changes;

    /**
     * @param root beneath it this disk remembers what was synced
     * @param crashAt number of the first change that fails, from 1; {@link Integer#MAX_VALUE} for never
     */
    public CrashingDisk(Disk real, Path root, int crashAt) {
        this.real = real;
        this.root = root;
        this.crashAt = crashAt;
    }

    /**
     * Runs the scenario with a crash at change 1, at change 2, and so on, until it ends without a crash; after each run the
     * check, with the same disk object, dead by then.
     *
     * @param rootFor a fresh root for run number n
     * @return how many changes the scenario makes
     */
    public static int atEveryChange(java.util.function.IntFunction<Path> rootFor, Step scenario, Step check)
            throws Exception {
        for (int n = 1; ; n++) {
            CrashingDisk disk = new CrashingDisk(new NioDisk(), rootFor.apply(n), n);
            try {
                scenario.run(disk);
            } catch (Exception e) {
                if (!disk.crashed()) {
                    throw e;
                }
            }
            try {
                check.run(disk);
            } catch (Exception | AssertionError e) {
                throw new AssertionError("after a crash at change " + n, e);
            }
            if (!disk.crashed()) {
                return disk.changes();
            }
        }
    }

    public Path root() {
        return root;
    }

    public synchronized boolean crashed() {
        return changes >= crashAt;
    }

    /** How many changes were tried. */
    public synchronized int changes() {
        return changes;
    }

    @Override
    public synchronized void replace(Path target, byte[] bytes) throws IOException {
        tick("replace " + target);
        real.replace(target, bytes);
        remember(target);
    }

    @Override
    public synchronized void sync(Path file) throws IOException {
        tick("sync " + file);
        real.sync(file);
        remember(file);
    }

    @Override
    public synchronized void syncDirectory(Path directory) throws IOException {
        tick("sync directory " + directory);
        real.syncDirectory(directory);
        moves.removeIf(move -> directory.equals(move.to().getParent()));
    }

    @Override
    public synchronized void syncFilesystem(Path anywhereOnIt) throws IOException {
        tick("sync file system of " + anywhereOnIt);
        real.syncFilesystem(anywhereOnIt);
        moves.clear();
        for (Path file : files()) {
            remember(file);
        }
    }

    @Override
    public synchronized void rename(Path from, Path to) throws IOException {
        tick("rename " + from + " to " + to);
        real.rename(from, to);
    }

    @Override
    public synchronized void move(Path from, Path to) throws IOException {
        tick("move " + from + " to " + to);
        real.move(from, to);
        moves.add(new Move(from, to));
    }

    @Override
    public synchronized void remove(Path path) throws IOException {
        tick("remove " + path);
        real.remove(path);
    }

    /** Copies what is beneath the root to a new place: what a killed process leaves behind. */
    public synchronized Path copyAfterKill(Path copy) throws IOException {
        return copy(copy, file -> Long.MAX_VALUE);
    }

    /**
     * Copies what is beneath the root to a new place as a power loss might leave it: of files that have grown after their last
     * sync the growth is lost (their names stay, as on ext4), of those never synced everything; and if asked, moves whose
     * directories were not synced have not happened.
     *
     * @param spared files that somebody else syncs, as a database does its own
     */
    public synchronized Path copyAfterPowerLoss(Path copy, boolean takeBackMoves, Predicate<Path> spared)
            throws IOException {
        copy(copy, file -> {
            Synced last = synced.get(key(file));
            return spared.test(file) ? Long.MAX_VALUE : last == null ? 0 : last.size();
        });
        for (Move move : takeBackMoves ? moves.reversed() : List.<Move>of()) {
            Path to = copy.resolve(root.relativize(move.to()));
            if (Files.exists(to)) {
                Path from = copy.resolve(root.relativize(move.from()));
                Files.createDirectories(from.getParent());
                Files.move(to, from, StandardCopyOption.ATOMIC_MOVE);
            }
        }
        return copy;
    }

    private interface Length {
        long of(Path file) throws IOException;
    }

    private Path copy(Path copy, Length length) throws IOException {
        try (Stream<Path> all = Files.walk(root)) {
            for (Path path : (Iterable<Path>) all::iterator) {
                Path target = copy.resolve(root.relativize(path));
                if (Files.isDirectory(path)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(path, target, StandardCopyOption.COPY_ATTRIBUTES);
                    truncate(target, length.of(path));
                }
            }
        }
        return copy;
    }

    private static void truncate(Path file, long size) throws IOException {
        if (Files.size(file) > size) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.truncate(size);
            }
        }
    }

    private void tick(String change) throws PulledPlug {
        if (changes < crashAt) {
            changes++;
        }
        if (changes >= crashAt) {
            throw new PulledPlug(change);
        }
    }

    private void remember(Path file) throws IOException {
        synced.put(key(file), state(file));
    }

    private static Object key(Path file) throws IOException {
        return Objects.requireNonNull(attributes(file).fileKey());
    }

    private static Synced state(Path file) throws IOException {
        return new Synced(attributes(file).size());
    }

    private static BasicFileAttributes attributes(Path file) throws IOException {
        return Files.readAttributes(file, BasicFileAttributes.class);
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> all = Files.walk(root)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }
}
