package dev.berth.cri.streaming;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What has come for one stream and has not been read yet: bounded, so that whoever reads the connection waits for a stream
 * that nobody empties. Thread-safe.
 */
final class Inbox extends InputStream {
    /**
     * Feels for a client that cannot send any more, because nobody takes what it has sent. That it has gone is not to be read then;
     * writing to it fails.
     */
    interface Pulse {
        void feel() throws IOException;
    }

    /** More than this and the one who brings waits. */
    static final int ROOM_BYTES = 64 << 10;

    private static final Duration BETWEEN_PULSES = Duration.ofSeconds(2);

    private final Pulse pulse;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<byte[]> chunks = new ArrayDeque<>();
    private int buffered;
    private int taken;
    private boolean ended;
    private boolean dropped;
    private @Nullable IOException broken;

    Inbox(Pulse pulse) {
        this.pulse = pulse;
    }

    /**
     * Brings bytes; waits for room. What nobody wants any more is thrown away.
     *
     * @throws IOException if the client goes meanwhile
     */
    void put(byte[] chunk) throws IOException {
        if (chunk.length == 0) {
            return;
        }
        try {
            lock.lockInterruptibly();
        } catch (InterruptedException e) {
            throw interrupted();
        }
        try {
            while (buffered >= ROOM_BYTES && isOpen()) {
                if (!changed.await(BETWEEN_PULSES.toMillis(), TimeUnit.MILLISECONDS)) {
                    feel();
                }
            }
            if (isOpen()) {
                chunks.add(chunk);
                buffered += chunk.length;
                changed.signalAll();
            }
        } catch (InterruptedException e) {
            throw interrupted();
        } finally {
            lock.unlock();
        }
    }

    /** Without the lock: whoever reads must not wait until the client takes what is sent to it. */
    private void feel() throws IOException {
        lock.unlock();
        try {
            pulse.feel();
        } finally {
            lock.lock();
        }
    }

    private boolean isOpen() {
        return !ended && !dropped && broken == null;
    }

    /** The client will send no more. */
    void end() {
        lock.lock();
        try {
            ended = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** The client is gone: what has come is still read, then reading fails. Nothing happens after an end. */
    void breakOff(String why) {
        lock.lock();
        try {
            if (broken == null && !ended) {
                broken = new IOException(why);
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        try {
            lock.lockInterruptibly();
        } catch (InterruptedException e) {
            throw interrupted();
        }
        try {
            while (chunks.isEmpty() && isOpen()) {
                changed.await();
            }
            byte[] chunk = chunks.peek();
            if (chunk != null && !dropped) {
                return take(chunk, bytes, offset, length);
            }
            if (broken != null) {
                throw new IOException(broken);
            }
            return -1;
        } catch (InterruptedException e) {
            throw interrupted();
        } finally {
            lock.unlock();
        }
    }

    private int take(byte[] chunk, byte[] bytes, int offset, int length) {
        int n = Math.min(length, chunk.length - taken);
        System.arraycopy(chunk, taken, bytes, offset, n);
        taken += n;
        buffered -= n;
        if (taken == chunk.length) {
            chunks.remove();
            taken = 0;
        }
        changed.signalAll();
        return n;
    }

    /** Nobody will read any more: what waits and what still comes is thrown away. */
    @Override
    public void close() {
        lock.lock();
        try {
            dropped = true;
            chunks.clear();
            buffered = 0;
            taken = 0;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private static InterruptedIOException interrupted() {
        Thread.currentThread().interrupt();
        return new InterruptedIOException("interrupted while waiting for a stream");
    }
}
