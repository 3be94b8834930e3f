package dev.berth.tasks;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.berth.linux.Fd;
import dev.berth.linux.Poller;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Collects what comes out of a pipe, as far as there is room for it; the rest is read and thrown away, so that the writer never waits. */
final class Output implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Output.class);
    private static final int CHUNK = 64 << 10;
    private static final int FIRST = 1 << 10;

    /** As much as a pipe can hold: more than this after the end of a process was written by others. */
    private static final int MOST_LEFT = 1 << 20;

    private final Fd pipe;
    private final OutputBudget.Share share;

    /** Full but for the last one. Never one large array: that would have to be copied each time that it grows. */
    private final List<byte[]> kept = new ArrayList<>();

    private int lastUsed;
    private final Thread reader;
    private final AtomicLong moved = new AtomicLong();
    private volatile boolean ended;

    private Output(Fd pipe, OutputBudget.Share share) {
        this.pipe = pipe;
        this.share = share;
        this.reader = Thread.ofVirtual().name("exec output").unstarted(this::read);
    }

    static Output collect(Fd pipe, OutputBudget.Share share) {
        var output = new Output(pipe, share);
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

    /** Nothing more is collected after this. Calling it again is harmless. */
    @Override
    public void close() {
        boolean interrupted = false;
        reader.interrupt();
        while (reader.isAlive()) { // not for long: it waits for nothing but the pipe
            try {
                reader.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends the collecting and gives what came, not copied, with what is in the pipe: what the process wrote before its end. */
    ByteString take() {
        close();
        if (!ended) {
            keepRest();
        }
        List<ByteString> parts = new ArrayList<>(kept.size());
        for (int i = 0; i < kept.size(); i++) {
            byte[] part = kept.get(i);
            int used = i == kept.size() - 1 ? lastUsed : part.length;
            parts.add(UnsafeByteOperations.unsafeWrap(part, 0, used));
        }
        return ByteString.copyFrom(parts);
    }

    /** On a busy machine even what was written long ago may not have been told yet to who waits for it. */
    private void keepRest() {
        byte[] chunk = new byte[CHUNK];
        try {
            pipe.readRest(chunk, MOST_LEFT, n -> keep(chunk, share.grant(n)));
        } catch (IOException e) {
            LOG.debug("the output of an exec cannot be read any more", e);
        }
    }

    private void keep(byte[] chunk, int length) {
        int done = 0;
        while (done < length) {
            if (kept.isEmpty() || lastUsed == kept.getLast().length) {
                kept.add(new byte[kept.isEmpty() ? FIRST : CHUNK]);
                lastUsed = 0;
            }
            byte[] last = kept.getLast();
            int n = Math.min(length - done, last.length - lastUsed);
            System.arraycopy(chunk, done, last, lastUsed, n);
            lastUsed += n;
            done += n;
        }
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
                keep(chunk, share.grant(n));
                moved.addAndGet(n);
            }
        } catch (IOException e) {
            LOG.debug("the output of an exec cannot be read any more", e);
        } catch (InterruptedException e) {
            LOG.trace("not waiting for more", e); // close()
        }
    }
}
