package dev.berth.shim.stdio;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Platform;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;

/** The log file of one container, which only we write and others rename, read and cut. Not thread-safe. */
final class LogFile implements AutoCloseable {
    private static final int MODE = 0640;
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSSSSS'Z'").withZone(ZoneOffset.UTC);

    private final Path path;
    private Fd file;
    private LogTurns turns;

    private LogFile(Path path, Fd file, LogTurns turns) {
        this.path = path;
        this.file = file;
        this.turns = turns;
    }

    /**
     * Opens the file, made if it is not there; what is in it stays.
     *
     * @throws Fault NOT_FOUND if its directory is missing, and others; no file has been made then
     */
    static LogFile open(Path path) throws InterruptedException {
        Fd file = openFile(path);
        return new LogFile(path, file, turns(path, file));
    }

    /** Goes on in a new file of that name, after the old one was renamed. If this fails, the old one is kept. */
    void reopen() throws InterruptedException {
        Fd next = openFile(path);
        LogTurns ofNext = turns(path, next);
        close();
        file = next;
        turns = ofNext;
    }

    private static LogTurns turns(Path path, Fd file) {
        try {
            return LogTurns.of(file.stamp());
        } catch (LinuxException e) {
            file.close();
            throw fault(path, e);
        }
    }

    /** Has others who write into the same file wait; between the look where it ends and the last byte of a write. */
    void begin() {
        turns.begin();
    }

    void end() {
        turns.end();
    }

    private static Fd openFile(Path path) throws InterruptedException {
        try {
            // Not to wait, in case it is a FIFO; for a file it means nothing.
            int flags = Fd.O_WRONLY | Fd.O_CREAT | Fd.O_NONBLOCK | Fd.O_NOCTTY;
            return Platform.<Fd, LinuxException>call("open log", () -> Fd.open(path, flags, MODE));
        } catch (LinuxException e) {
            throw fault(path, e);
        }
    }

    private static Fault fault(Path path, LinuxException e) {
        String what = "open the log " + path;
        Fault fault = switch (e.errno()) {
            case Errno.ENOENT ->
                Fault.notFound(what, "its directory does not exist", "Make the directory before the container starts");
            case Errno.ENOTDIR, Errno.EISDIR, Errno.ENXIO, Errno.ENAMETOOLONG, Errno.ELOOP ->
                Fault.invalid(what, String.valueOf(e.getMessage()), "Name a file in a directory that exists");
            case Errno.ENOSPC, Errno.EDQUOT ->
                Fault.exhausted(what, "the disk is full", "Free some space and try again");
            default -> Fault.precondition(what, String.valueOf(e.getMessage()), "Make the path writable");
        };
        return fault.causedBy(e);
    }

    /** Which file it is now, and how long. */
    Fd.Stamp stamp() throws LinuxException {
        return file.stamp();
    }

    /**
     * Where the first byte of an intended write goes: the place that it names, if this is still that file, and nobody else
     * has written there since.
     *
     * @param time of the first line: by it one that this write has begun is told from that of another
     */
    long place(Fd.Stamp intended, Instant time) throws LinuxException {
        Fd.Stamp now = stamp();
        boolean still = now.sameFile(intended) && now.size() >= intended.size();
        return still && (now.size() == intended.size() || has(intended.size(), TIME.format(time)))
                ? intended.size()
                : now.size();
    }

    /** Whether the file goes on with a text, or with the beginning of it and no more. */
    private boolean has(long place, String text) throws LinuxException {
        byte[] wanted = text.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer there = ByteBuffer.allocateDirect(wanted.length);
        Path same = Path.of("/proc/self/fd/" + file.number()); // whatever its name leads to now
        try (Fd reader = Fd.open(same, Fd.O_RDONLY)) {
            int n = reader.readAt(there, place);
            byte[] found = new byte[Math.max(0, n)];
            there.flip().get(found);
            return Arrays.equals(found, Arrays.copyOf(wanted, found.length));
        }
    }

    /** Cuts off what was written after a place, so that no line is left torn. */
    void cut(long place) throws LinuxException {
        file.truncate(place);
    }

    /** A way into the file that begins at a place. */
    Writing from(long place, ByteBuffer buffer) {
        return new Writing(file, place, buffer.clear());
    }

    /** Collects lines in a buffer and writes it when it is full. */
    static final class Writing implements CriLines.Sink {
        private final Fd file;
        private final ByteBuffer buffer;
        private long at;

        private Writing(Fd file, long at, ByteBuffer buffer) {
            this.file = file;
            this.at = at;
            this.buffer = buffer;
        }

        @Override
        public ByteBuffer room(int bytes) throws IOException {
            if (buffer.remaining() < bytes) {
                flush();
            }
            return buffer;
        }

        void flush() throws LinuxException {
            buffer.flip();
            int length = buffer.remaining();
            file.writeAt(buffer, at);
            at += length;
            buffer.clear();
        }
    }

    @Override
    public void close() {
        turns.close();
        file.close();
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
