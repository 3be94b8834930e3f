package dev.berth.cri;

import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Poller;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries what comes out of a pipe to a client, as fast as the client reads. Without a client, or when it is gone, it is
 * read all the same, so that the process is not held up by somebody who will never come back.
 */
final class OutputCopy {
    private static final Logger LOG = LoggerFactory.getLogger(OutputCopy.class);
    private static final int CHUNK_BYTES = 32 << 10;

    /** As much as a pipe can hold: more than this after the end of a process was written by others. */
    private static final int MOST_LEFT_BYTES = (1 << 20) + (128 << 10);

    private final Fd pipe;
    private @Nullable OutputStream client;
    private final Thread thread;
    private final AtomicLong moved = new AtomicLong();
    private volatile boolean waitsForPipe;

    private OutputCopy(Fd pipe, @Nullable OutputStream client) {
        this.pipe = pipe;
        this.client = client;
        this.thread = Thread.ofVirtual().name("exec output").unstarted(this::copy);
    }

    /** Begins. */
    static OutputCopy start(Fd pipe, @Nullable OutputStream client) {
        var copy = new OutputCopy(pipe, client);
        copy.thread.start();
        return copy;
    }

    /**
     * Waits, when the process has ended, until all that it wrote is with the client, however slow that is, and stops. What
     * somebody writes who outlived it and holds the pipe is not waited for.
     *
     * @param silence how long nothing comes before nobody is waited for any more
     */
    void drain(Duration silence) throws InterruptedException {
        long atEnd = moved.get();
        boolean done = false;
        while (!done) {
            long before = moved.get();
            done = thread.join(silence)
                    || (waitsForPipe && moved.get() == before)
                    || moved.get() - atEnd > MOST_LEFT_BYTES;
        }
        stop();
        takeRest();
    }

    /** On a busy machine even what was written long ago may not have been told yet to who waits for it. */
    private void takeRest() {
        byte[] chunk = new byte[CHUNK_BYTES];
        try {
            pipe.readRest(chunk, MOST_LEFT_BYTES, n -> deliver(chunk, n));
        } catch (LinuxException e) {
            LOG.debug("the output of an exec cannot be read any more", e);
        }
    }

    /** Stops; calling it again is harmless. */
    void stop() throws InterruptedException {
        thread.interrupt();
        thread.join();
    }

    private void copy() {
        byte[] chunk = new byte[CHUNK_BYTES];
        try {
            while (await()) {
                int n = pipe.read(chunk);
                if (n < 0) {
                    return;
                }
                deliver(chunk, n);
                moved.addAndGet(n);
            }
        } catch (LinuxException e) {
            LOG.debug("the output of an exec cannot be read any more", e);
        } catch (InterruptedException e) {
            LOG.trace("not waiting for more", e); // stop()
        }
    }

    private boolean await() throws LinuxException, InterruptedException {
        waitsForPipe = true;
        try {
            return Poller.awaitReadable(pipe, Poller.FOREVER);
        } finally {
            waitsForPipe = false;
        }
    }

    private void deliver(byte[] chunk, int length) {
        OutputStream to = client;
        if (to == null || length == 0) {
            return;
        }
        try {
            to.write(chunk, 0, length);
        } catch (IOException e) {
            LOG.debug("the client is gone; the rest of the output is thrown away: {}", e.getMessage());
            client = null;
        }
    }
}
