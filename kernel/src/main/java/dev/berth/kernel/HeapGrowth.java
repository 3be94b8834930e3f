package dev.berth.kernel;

import java.util.function.LongSupplier;

/**
 * Whether a heap has grown so much that a collection is worth while, also in a program that is never quiet: the serial collector lets
 * it grow to its limit before it looks at the old part of it, and one look at a small live set takes some 25 ms.
 */
final class HeapGrowth {
    private static final int MOST_LOOKS = 180;
    private static final long WORTH_BYTES = 24 << 20;

    private final LongSupplier heap;
    private long slimmest;
    private int patience; // looks from a collection that brought nothing to the next
    private int pause; // looks

    /** @param heap bytes that it takes from the system */
    HeapGrowth(LongSupplier heap) {
        this.heap = heap;
        this.slimmest = heap.getAsLong();
    }

    /** One look. While collections bring nothing, because what is there is needed, the next one waits twice as long. */
    void look(Runnable collect) {
        if (pause > 0) {
            pause--;
            return;
        }
        long before = heap.getAsLong();
        if (before - slimmest < WORTH_BYTES) {
            return;
        }
        collect.run();
        long after = heap.getAsLong();
        slimmest = Math.min(slimmest, after);
        patience = before - after >= WORTH_BYTES ? 0 : Math.clamp(2L * patience, 1, MOST_LOOKS);
        pause = patience;
    }
}
