package dev.berth.ttrpc;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** The messages that came in on one stream and nobody has taken yet; limited, because ttrpc has no flow control. */
final class Inbox {
    private static final int MAX_MESSAGES = 1024;
    private static final int MAX_BYTES = 2 * Frame.MAX_DATA;

    /** The reader serves all streams of the connection, so one whose owner does not take its messages may not hold it up. */
    private static final long OVERFLOW_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<byte[]> messages = new ArrayDeque<>();
    private long bytes;
    private boolean ended;
    private @Nullable TtrpcStatus failure;

    /** Adds a message. If the owner takes none for a second while the inbox is full, the stream fails. */
    void add(byte[] message) {
        long left = OVERFLOW_NANOS;
        lock.lock();
        try {
            while (!ended && full(message.length) && left > 0) {
                left = changed.awaitNanos(left);
            }
            if (ended) {
                return;
            }
            if (full(message.length)) {
                ended = true;
                failure = new TtrpcStatus(
                        TtrpcStatus.Code.RESOURCE_EXHAUSTED,
                        "more messages came than the receiver of the stream takes");
            } else {
                messages.add(message);
                bytes += message.length;
            }
            changed.signalAll();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // nobody interrupts a reader, so nobody is left to tell
        } finally {
            lock.unlock();
        }
    }

    /** Ends the stream for its owner, once he has taken what is there. Only the first end counts. */
    void end(@Nullable TtrpcStatus reason) {
        lock.lock();
        try {
            if (!ended) {
                ended = true;
                failure = reason;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Takes the next message; null at the end of the stream.
     *
     * @throws TtrpcStatus DEADLINE_EXCEEDED if none came in time, CANCELLED if the thread was interrupted (its flag is set
     *     again), or whatever ended the stream
     */
    byte @Nullable [] take(long nanos) {
        long left = nanos;
        lock.lock();
        try {
            while (messages.isEmpty() && !ended) {
                if (left <= 0) {
                    throw new TtrpcStatus(TtrpcStatus.Code.DEADLINE_EXCEEDED, "no answer in time");
                }
                left = changed.awaitNanos(left);
            }
            byte[] message = messages.poll();
            if (message != null) {
                bytes -= message.length;
                changed.signalAll();
                return message;
            }
            if (failure != null) {
                throw new TtrpcStatus(failure.code(), failure.reason(), failure.details());
            }
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TtrpcStatus(TtrpcStatus.Code.CANCELLED, "the caller was interrupted");
        } finally {
            lock.unlock();
        }
    }

    private boolean full(int more) {
        return messages.size() >= MAX_MESSAGES || (bytes > 0 && bytes + more > MAX_BYTES);
    }
}
