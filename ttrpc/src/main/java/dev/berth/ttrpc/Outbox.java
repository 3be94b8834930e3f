package dev.berth.ttrpc;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What waits to be written to one connection: a queue with a limit in bytes, emptied by one thread.
 *
 * <p>A sender first reserves room, which may have to wait for a slow peer, and then adds the frame, which never waits.
 */
final class Outbox {
    /** Room for one message of the largest size and many small ones. */
    static final int LIMIT = 2 * Frame.MAX_DATA;

    private static final int CLOSED = 1 << 30;

    private final WritableByteChannel channel;
    private final Semaphore room = new Semaphore(LIMIT, true);
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<ByteBuffer> frames = new ArrayDeque<>();
    private boolean writing;
    private boolean closed;

    Outbox(WritableByteChannel channel) {
        this.channel = channel;
    }

    /** Waits for room; false if there was none in time. On a closed outbox it returns at once. */
    boolean reserve(int bytes, long nanos) throws InterruptedException {
        return room.tryAcquire(bytes, nanos, TimeUnit.NANOSECONDS);
    }

    /** Queues a frame for which room was reserved; on a closed outbox it is dropped. */
    void add(ByteBuffer frame) {
        lock.lock();
        try {
            if (!closed) {
                frames.add(frame);
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Writes what is queued until the outbox is closed; the caller's thread is the only one that writes. */
    void run() throws IOException {
        while (true) {
            ByteBuffer frame = take();
            if (frame == null) {
                return;
            }
            int size = frame.remaining();
            while (frame.hasRemaining()) {
                channel.write(frame);
            }
            room.release(size);
        }
    }

    /** Waits until everything queued is written, at most the given time. */
    void flush(Duration limit) {
        long left = limit.toNanos();
        lock.lock();
        try {
            while (!closed && (writing || !frames.isEmpty()) && left > 0) {
                left = changed.awaitNanos(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            lock.unlock();
        }
    }

    /** Drops what is queued, ends {@link #run()} and lets everybody who waits for room go on. */
    void close() {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            frames.clear();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        room.release(CLOSED);
    }

    private @Nullable ByteBuffer take() {
        lock.lock();
        try {
            writing = false;
            changed.signalAll();
            while (frames.isEmpty() && !closed) {
                changed.awaitUninterruptibly();
            }
            writing = !closed;
            return closed ? null : frames.remove();
        } finally {
            lock.unlock();
        }
    }
}
