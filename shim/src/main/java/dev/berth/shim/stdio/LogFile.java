package dev.berth.shim.stdio;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Platform;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** The log file of one container, which only we write and others rename, read and cut. Not thread-safe. */
final class LogFile implements AutoCloseable {
    private static final int MODE = 0640;

    private final Path path;
    private Fd file;

    private LogFile(Path path, Fd file) {
        this.path = path;
        this.file = file;
    }

    /**
     * Opens the file, made if it is not there; what is in it stays.
     *
     * @throws Fault NOT_FOUND if its directory is missing, and others; no file has been made then
     */
    static LogFile open(Path path) throws InterruptedException {
        return new LogFile(path, openFile(path));
    }

    /** Goes on in a new file of that name, after the old one was renamed. If this fails, the old one is kept. */
    void reopen() throws InterruptedException {
        Fd next = openFile(path);
        file.close();
        file = next;
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

    /** Where the first byte of an intended write goes: the place that it names, if this is still that file. */
    long place(Fd.Stamp intended) throws LinuxException {
        Fd.Stamp now = stamp();
        return now.sameFile(intended) && now.size() >= intended.size() ? intended.size() : now.size();
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
        file.close();
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
