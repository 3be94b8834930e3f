package dev.berth.cri.streaming;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Memory that streams share beyond what each has of its own, so that one whose reader is stuck does not hold up the others of
 * its connection at once, and all of them together cost no more than this. Thread-safe.
 */
final class Reserve {
    private final AtomicInteger left;

    Reserve(int bytes) {
        this.left = new AtomicInteger(bytes);
    }

    /** False if there is not so much. */
    boolean take(int bytes) {
        int before = left.getAndUpdate(now -> now >= bytes ? now - bytes : now);
        return before >= bytes;
    }

    void giveBack(int bytes) {
        left.addAndGet(bytes);
    }

    int left() {
        return left.get();
    }
}
