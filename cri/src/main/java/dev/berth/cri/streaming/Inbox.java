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
 * What has come for one stream and has not been read yet: bounded, so that in the end whoever reads the connection waits for a
 * stream that nobody empties. Go's clients cannot be told to send no more on one stream: so there is a reserve before that.
 * Thread-safe.
 */
final class Inbox extends InputStream {
    /** The client, as far as it has to hear something. */
    interface Sender {
        /**
         * Feels for a client that cannot send any more, because nobody takes what it has sent. That it has gone is not to be read
         * then; writing to it fails.
         */
        void feel() throws IOException;

        /** So many bytes have been read or thrown away. */
        void taken(int bytes);
    }

    /** What each has of its own. */
    static final int ROOM_BYTES = 64 << 10;

    /** With the reserve; then the one who brings waits. */
    static final int MOST_BYTES = 2 << 20;

    /** What a piece costs besides its bytes: a client may send them one by one. */
    private static final int PIECE_BYTES = 48;

    private static final Duration BETWEEN_PULSES = Duration.ofSeconds(2);

    private final Reserve reserve;
    private final Sender sender;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<byte[]> chunks = new ArrayDeque<>();
    private int held;
    private int borrowed;
    private int taken;
    private boolean ended;
    private boolean dropped;
    private @Nullable IOException broken;

    Inbox(Reserve reserve, Sender sender) {
        this.reserve = reserve;
        this.sender = sender;
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
        boolean kept;
        try {
            while (isOpen() && !hasRoom(cost(chunk))) {
                if (!changed.await(BETWEEN_PULSES.toMillis(), TimeUnit.MILLISECONDS)) {
                    feel();
                }
            }
            kept = isOpen();
            if (kept) {
                chunks.add(chunk);
                held += cost(chunk);
                changed.signalAll();
            }
        } catch (InterruptedException e) {
            throw interrupted();
        } finally {
            lock.unlock();
        }
        if (!kept) {
            sender.taken(chunk.length);
        }
    }

    private static int cost(byte[] chunk) {
        return chunk.length + PIECE_BYTES;
    }

    private boolean hasRoom(int cost) {
        if (held < ROOM_BYTES) {
            return true;
        }
        boolean lent = held < MOST_BYTES && reserve.take(cost);
        borrowed += lent ? cost : 0;
        return lent;
    }

    private void giveBack(int cost) {
        int part = Math.min(cost, borrowed);
        borrowed -= part;
        reserve.giveBack(part);
    }

    /** Without the lock: whoever reads must not wait until the client takes what is sent to it. */
    private void feel() throws IOException {
        lock.unlock();
        try {
            sender.feel();
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
                giveBack(borrowed); // what is here goes soon, and no more comes
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
        int n = await(bytes, offset, length);
        if (n > 0) {
            sender.taken(n);
        }
        return n;
    }

    private int await(byte[] bytes, int offset, int length) throws IOException {
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
        if (taken == chunk.length) {
            chunks.remove();
            taken = 0;
            held -= cost(chunk);
            giveBack(cost(chunk));
        }
        changed.signalAll();
        return n;
    }

    /** Nobody will read any more: what waits and what still comes is thrown away. */
    @Override
    public void close() {
        int thrown;
        lock.lock();
        try {
            dropped = true;
            thrown = chunks.stream().mapToInt(chunk -> chunk.length).sum() - taken;
            chunks.clear();
            held = 0;
            taken = 0;
            giveBack(borrowed);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        sender.taken(thrown);
    }

    private static InterruptedIOException interrupted() {
        Thread.currentThread().interrupt();
        return new InterruptedIOException("interrupted while waiting for a stream");
    }
}
