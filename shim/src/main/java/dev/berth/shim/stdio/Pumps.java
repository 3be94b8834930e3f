package dev.berth.shim.stdio;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * All pumps, by the name of the process whose output they read. What they have on its way from a pipe to a log survives this
 * process: a pump that is started again under its name in the next one goes on with it. Thread-safe.
 */
public final class Pumps implements AutoCloseable {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]*)*");
    private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    /** Together they may take 32 MiB, should nobody of them read. */
    private static final int MOST_TAPS = 128;

    private final Path directory;
    private final InstantSource clock;
    private final PumpLoop loop;
    private final Map<String, LogPump> running = new ConcurrentHashMap<>();

    /** Held while pumps come and go. */
    private final ReentrantLock changes = new ReentrantLock();

    private Pumps(Path directory, InstantSource clock, PumpLoop loop) {
        this.directory = directory;
        this.clock = clock;
        this.loop = loop;
    }

    /**
     * Begins with none.
     *
     * @param directory where pumps keep what is on its way; made if it is not there
     */
    public static Pumps open(Path directory, InstantSource clock, Ticker ticker) throws IOException {
        Files.createDirectories(directory, OWNER_ONLY);
        return new Pumps(directory, clock, PumpLoop.start(ticker));
    }

    /**
     * Begins to read; does nothing if this pump runs already. Goes on with what an earlier pump of that name had on its way.
     *
     * @param name letters, digits and {@code - _ . /}
     * @param stderr empty if there is none
     * @param log empty to throw everything away
     * @throws Fault NOT_FOUND if a FIFO or the directory of the log is missing; ALREADY_EXISTS if a pump of that name reads
     *     something else
     */
    public void start(String name, String stdout, String stderr, String log) throws IOException, InterruptedException {
        start(new Output(name, stdout, stderr, log), false);
    }

    /**
     * Like {@link #start}, for a container that runs: if its log cannot be opened, its output is thrown away rather than
     * that it is held up, until {@link #reopen}.
     */
    public void resume(String name, String stdout, String stderr, String log) throws IOException, InterruptedException {
        start(new Output(name, stdout, stderr, log), true);
    }

    private void start(Output output, boolean anyway) throws IOException, InterruptedException {
        Path home = home(output.name());
        changes.lockInterruptibly();
        try (Rollback undo = new Rollback()) {
            LogPump known = running.get(output.name());
            if (known != null) {
                if (known.output().equals(output)) {
                    return;
                }
                throw Fault.alreadyExists(
                        "read the output of " + output.name(),
                        "it is read into " + known.output().log(),
                        "End that first");
            }
            if (!Files.isDirectory(home)) {
                Files.createDirectory(home, OWNER_ONLY);
                undo.add("files of the pump of " + output.name(), () -> remove(home));
            }
            LogPump pump = LogPump.open(output, home, loop, clock, anyway);
            undo.add("pump of " + output.name(), pump::close);
            pump.start();
            running.put(output.name(), pump);
            undo.commit();
        } finally {
            changes.unlock();
        }
    }

    /**
     * Opens the log file anew, after it was renamed.
     *
     * @throws Fault NOT_FOUND if there is no such pump, or the directory of the log is gone; no file has been made then
     */
    public void reopen(String name) throws InterruptedException {
        LogPump pump = running.get(name);
        if (pump == null) {
            throw Fault.notFound(
                    "open the log of " + name + " anew",
                    "its output is not being read",
                    "Only a running container has one");
        }
        pump.reopen();
    }

    /**
     * Shows what a pump reads from now on.
     *
     * @throws Fault NOT_FOUND if there is no such pump; RESOURCE_EXHAUSTED if too many look already
     */
    public Tap tap(String name) {
        LogPump pump = running.get(name);
        if (pump == null) {
            throw Fault.notFound(
                    "attach to " + name, "its output is not being read", "Only a running container has one");
        }
        if (running.values().stream().mapToInt(LogPump::taps).sum() >= MOST_TAPS) {
            throw Fault.exhausted(
                    "attach to " + name, MOST_TAPS + " are attached on this node already", "Let go of one first");
        }
        return pump.tap();
    }

    /**
     * Waits until the pipes are at their end, because nobody can write any more, and all of it is in the log.
     *
     * @return false if the time is over; true if there is no such pump
     */
    public boolean drain(String name, Duration limit) throws InterruptedException {
        LogPump pump = running.get(name);
        return pump == null || pump.drain(limit);
    }

    /** Ends a pump and forgets it; harmless if there is none. */
    public void stop(String name) throws IOException {
        changes.lock();
        try {
            LogPump pump = running.remove(name);
            if (pump != null) {
                pump.close();
            }
            remove(home(name));
        } finally {
            changes.unlock();
        }
    }

    private Path home(String name) {
        if (!NAME.matcher(name).matches()) {
            throw Fault.invalid(
                    "name a pump", "\"" + name + "\" is no name for one", "Use letters, digits and - _ . /");
        }
        return directory.resolve(name.replace('/', '~'));
    }

    private static void remove(Path home) throws IOException {
        if (!Files.isDirectory(home)) {
            return;
        }
        try (Stream<Path> files = Files.list(home)) {
            for (Path file : files.toList()) {
                Files.deleteIfExists(file);
            }
        }
        Files.deleteIfExists(home);
    }

    /** Stops reading; the next supervisor goes on. */
    @Override
    public void close() {
        loop.close();
        running.values().forEach(LogPump::close);
    }
}
