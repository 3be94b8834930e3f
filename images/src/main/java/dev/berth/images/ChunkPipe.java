package dev.berth.images;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Hands a layer's bytes from the thread that downloads to the thread that unpacks, a limited number at a time. The buffers go round: new ones for each piece of a layer would outlive the young generation and fill the heap. One writer,
 * one reader.
 */
final class ChunkPipe extends InputStream {
    private static final long MAX_BYTES = 1 << 20;

    /** Large enough for a call that writes it to be worth while. */
    static final int PIECE_BYTES = 1 << 17;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<ByteBuffer> chunks = new ArrayDeque<>();
    private final Deque<ByteBuffer> used = new ArrayDeque<>();
    private long waiting;
    private boolean finished;
    private boolean abandoned;
    private boolean declined;
    private @Nullable Throwable failure;
    private volatile long waited; // by the reader, in nanoseconds

    /** An empty buffer to be filled and {@link #put}. */
    ByteBuffer piece() {
        lock.lock();
        try {
            ByteBuffer again = used.poll();
            return again == null ? ByteBuffer.allocate(PIECE_BYTES) : again.clear();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Passes a buffer on; the caller must not touch it again. Waits while the reader is too far behind.
     *
     * @return whether it is worth while to go on; if there is no reader, the buffer is dropped
     */
    boolean put(ByteBuffer chunk) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (!abandoned && waiting >= MAX_BYTES) {
                changed.await();
            }
            if (!abandoned && chunk.hasRemaining()) {
                waiting += chunk.remaining();
                chunks.add(chunk);
                changed.signalAll();
            } else {
                used.add(chunk);
            }
            return declined || !abandoned;
        } finally {
            lock.unlock();
        }
    }

    /** All has been put. */
    void finish() {
        end(null);
    }

    /** No more will come; the reader gets an exception when it has read what is there. */
    void fail(Throwable cause) {
        end(cause);
    }

    private void end(@Nullable Throwable cause) {
        lock.lock();
        try {
            if (!finished) {
                finished = true;
                failure = cause;
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
    public int read(byte[] into, int from, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        try {
            lock.lockInterruptibly();
            try {
                return take(into, from, length);
            } finally {
                lock.unlock();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted");
        }
    }

    private int take(byte[] into, int from, int length) throws IOException, InterruptedException {
        ByteBuffer first = chunks.peek();
        while (first == null) {
            if (failure != null) {
                throw new IOException("the download failed", failure);
            }
            if (finished) {
                return -1;
            }
            long since = Spent.now();
            changed.await();
            waited = waited + Spent.now() - since;
            first = chunks.peek();
        }
        int count = Math.min(length, first.remaining());
        first.get(into, from, count);
        waiting -= count;
        if (!first.hasRemaining()) {
            used.add(chunks.remove());
        }
        changed.signalAll();
        return count;
    }

    /** The reader goes, but wants the bytes to come nevertheless: it will have them from elsewhere. */
    void decline() {
        lock.lock();
        try {
            declined = true;
        } finally {
            lock.unlock();
        }
        close();
    }

    /** For how long the reader had to wait, in nanoseconds; of the reader's thread. */
    long waited() {
        return waited;
    }

    /** The reader is gone: the writer is told at its next buffer. */
    @Override
    public void close() {
        lock.lock();
        try {
            abandoned = true;
            used.addAll(chunks);
            chunks.clear();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
