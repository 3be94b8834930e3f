package dev.berth.shim.stdio;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Tee;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import org.jspecify.annotations.Nullable;

/** One of the pipes that a pump reads, with what is on its way from there to the log. Used under the pump's lock. */
final class Source implements AutoCloseable {
    final CriLines lines;
    final boolean isError;

    /** Null if everything is thrown away. */
    final @Nullable Staging staging;

    private final Path fifo;
    private final PumpLoop loop;
    private final Runnable onReady;
    private final @Nullable Fd nowhere;
    private Fd pipe;
    private long token;
    private boolean ended;

    /** Set by the thread that waits, before it asks for a turn. */
    private volatile boolean ready;

    private Source(Path fifo, String stream, @Nullable Staging staging, PumpLoop loop, Runnable wantTurn)
            throws LinuxException {
        this.fifo = fifo;
        this.lines = new CriLines(stream);
        this.isError = stream.equals("stderr");
        this.staging = staging;
        this.loop = loop;
        this.onReady = () -> {
            ready = true;
            wantTurn.run();
        };
        this.pipe = Fifo.openReader(fifo);
        this.nowhere = staging == null ? Fd.open(Path.of("/dev/null"), Fd.O_WRONLY) : null;
    }

    /**
     * Opens the pipe; nothing is read before {@link #watch()}.
     *
     * @param staged the file for what is on its way; null to throw everything away
     * @param wantTurn called when there is something to read
     * @throws Fault NOT_FOUND if there is no FIFO of that name; INVALID_ARGUMENT if it is none
     */
    static Source open(String stream, Path fifo, @Nullable Path staged, PumpLoop loop, Runnable wantTurn)
            throws IOException {
        String what = "read " + stream + " from " + fifo;
        if (!Files.exists(fifo)) {
            throw Fault.notFound(what, "there is no such FIFO", "Make it before the container is created");
        }
        if (!isFifo(fifo)) {
            throw Fault.invalid(what, "it is not a FIFO", "Give the FIFO that the container writes to");
        }
        Staging staging = staged == null ? null : Staging.open(staged);
        try {
            return new Source(fifo, stream, staging, loop, wantTurn);
        } catch (LinuxException e) {
            if (staging != null) {
                staging.close();
            }
            throw e;
        }
    }

    private static boolean isFifo(Path path) throws IOException {
        PosixFileAttributes attributes =
                Files.readAttributes(path, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        return attributes.isOther(); // neither file nor directory nor link; a socket or device fails to open
    }

    void watch() throws LinuxException {
        token = loop.watch(pipe, onReady);
    }

    /** Whether there is something to read, or at least it is worth a look. */
    boolean isReady() {
        return ready;
    }

    /** Whether the last look found that nobody can write any more. */
    boolean hasEnded() {
        return ended;
    }

    /** How many bytes at the beginning of the buffers are from before, once a chunk was taken. */
    int before() {
        return staging == null ? 0 : staging.waitingBytes();
    }

    /**
     * Takes a chunk.
     *
     * @param look somebody wants to see the bytes, even if there is no log
     * @return how many bytes are in the buffers; 0 if none came; -1 if none came and there is no writer any more
     */
    int take(Buffers buffers, boolean look) throws IOException {
        if (staging != null) {
            return staging.take(pipe, buffers);
        }
        if (look) {
            int n = pipe.read(buffers.in.clear());
            buffers.in.flip().get(buffers.bytes, 0, Math.max(0, n));
            return n;
        }
        return nowhere == null ? -1 : Tee.splice(pipe, nowhere, Buffers.CHUNK_BYTES);
    }

    /** Waits for more. */
    void rest() throws LinuxException {
        ready = false;
        loop.arm(pipe, token);
    }

    /**
     * Nobody can write now. Waits for another writer, in a newly opened pipe: the old one would report its end for ever.
     */
    void end() throws LinuxException {
        ended = true;
        ready = false;
        try {
            Fd next = Fifo.openReader(fifo);
            forget();
            pipe = next;
            watch();
        } catch (LinuxException e) {
            if (!e.is(Errno.ENOENT)) {
                throw e;
            }
            // Removed with its task: there will be no other writer, and the old pipe is not armed.
        }
    }

    /** Somebody writes again. */
    void goOn() {
        ended = false;
    }

    private void forget() {
        loop.forget(pipe, token);
        pipe.close();
    }

    @Override
    public void close() {
        forget();
        if (staging != null) {
            staging.close();
        }
        if (nowhere != null) {
            nowhere.close();
        }
    }
}
