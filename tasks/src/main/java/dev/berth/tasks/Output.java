package dev.berth.tasks;

import dev.berth.linux.Fd;
import dev.berth.linux.Poller;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Collects what comes out of a pipe, up to a limit; the rest is read and thrown away, so that the writer never waits. */
final class Output {
    private static final Logger LOG = LoggerFactory.getLogger(Output.class);
    private static final int CHUNK = 64 << 10;

    private final Fd pipe;
    private final int limit;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Thread reader;
    private final AtomicLong moved = new AtomicLong();
    private volatile boolean ended;

    private Output(Fd pipe, int limit) {
        this.pipe = pipe;
        this.limit = limit;
        this.reader = Thread.ofVirtual().name("exec output").unstarted(this::read);
    }

    static Output collect(Fd pipe, int limitBytes) {
        var output = new Output(pipe, limitBytes);
        output.reader.start();
        return output;
    }

    /**
     * Waits for the end of the pipe. Gives up when nothing came for a while: somebody who outlives the process holds the
     * pipe, and what he will write is not the process's output.
     *
     * @param silence how long nothing may come
     * @param most how long it may take in all
     */
    void drain(Duration silence, Duration most) throws InterruptedException {
        long steps = Math.max(1, most.dividedBy(silence));
        for (long step = 0; step < steps && !ended; step++) {
            long before = moved.get();
            if (reader.join(silence) || moved.get() == before) {
                return;
            }
        }
    }

    /** What was collected; nothing more is after this. */
    byte[] stop() {
        reader.interrupt();
        try {
            reader.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return bytes.toByteArray();
    }

    private void read() {
        byte[] chunk = new byte[CHUNK];
        try {
            while (Poller.awaitReadable(pipe, Poller.FOREVER)) {
                int n = pipe.read(chunk);
                if (n < 0) {
                    ended = true;
                    return;
                }
                bytes.write(chunk, 0, Math.min(n, limit - bytes.size()));
                moved.addAndGet(n);
            }
        } catch (IOException e) {
            LOG.debug("the output of an exec cannot be read any more", e);
        } catch (InterruptedException e) {
            LOG.trace("not waiting for more", e); // stop()
        }
    }
}
