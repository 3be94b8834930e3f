package dev.berth.shim.stdio;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Output on its way to somebody who is attached. The pump never waits for him: what finds no room is lost for him, and he is
 * told how much that was. Thread-safe.
 */
public final class Tap implements AutoCloseable {
    static final int ROOM_BYTES = 256 << 10;

    /**
     * Some output.
     *
     * @param lost bytes that came before it and found no room
     */
    @SuppressWarnings("ArrayRecordComponent") // handed over, never compared
    public record Piece(boolean isError, byte[] bytes, long lost) {}

    private final Consumer<Tap> atClose;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<Piece> pieces = new ArrayDeque<>();
    private int waiting;
    private long lost;
    private boolean ended;

    Tap(Consumer<Tap> atClose) {
        this.atClose = atClose;
    }

    /** Shows a part of an array, which is copied. */
    void offer(boolean isError, byte[] bytes, int from, int to) {
        lock.lock();
        try {
            if (ended || from >= to) {
                return;
            }
            if (waiting + (to - from) > ROOM_BYTES) {
                lost += to - from;
                return;
            }
            pieces.add(new Piece(isError, Arrays.copyOfRange(bytes, from, to), lost));
            lost = 0;
            waiting += to - from;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Nothing more will come. */
    void end() {
        lock.lock();
        try {
            ended = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for the next piece; null at the end. */
    public @Nullable Piece next() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (pieces.isEmpty() && lost == 0 && !ended) {
                changed.await();
            }
            Piece piece = pieces.poll();
            if (piece != null) {
                waiting -= piece.bytes().length;
                return piece;
            }
            if (lost > 0) {
                piece = new Piece(false, new byte[0], lost);
                lost = 0;
            }
            return piece;
        } finally {
            lock.unlock();
        }
    }

    /** He is not attached any more; what waits is dropped. */
    @Override
    public void close() {
        lock.lock();
        try {
            ended = true;
            pieces.clear();
            lost = 0;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        atClose.accept(this);
    }
}
