package dev.berth.shim.stdio;

import dev.berth.linux.Fd;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Who writes into a file: containers that were given the same log take turns, or they would write over each other's lines,
 * because each writes at a place that it has noted. All pumps of a node are in one process, so a lock is enough. Thread-safe.
 */
final class LogTurns implements AutoCloseable {
    private static final Map<File, LogTurns> ALL = new ConcurrentHashMap<>();

    private record File(long device, long inode) {}

    private final ReentrantLock lock = new ReentrantLock();
    private final File file;
    private int users;

    private LogTurns(File file) {
        this.file = file;
    }

    /** Those of a file, the same for all who have it open. */
    static LogTurns of(Fd.Stamp stamp) {
        return ALL.compute(new File(stamp.device(), stamp.inode()), (file, known) -> {
            LogTurns turns = known == null ? new LogTurns(file) : known;
            turns.users++;
            return turns;
        });
    }

    void begin() {
        lock.lock();
    }

    void end() {
        lock.unlock();
    }

    /** One user less; once for each {@link #of}. */
    @Override
    public void close() {
        ALL.computeIfPresent(file, (_, turns) -> --turns.users == 0 ? null : turns);
    }
}
