package dev.berth.daemon;

import dev.berth.kernel.Ticker;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Gives memory back after a burst. The serial collector lets the heap grow to its limit before it looks at the old part of it; one
 * look at a small live set takes some 25 ms, and what is free afterwards goes back to the kernel.
 */
final class Slimming implements AutoCloseable {
    private static final Duration BETWEEN = Duration.ofSeconds(20);
    private static final int MOST_LOOKS = 180; // an hour
    private static final long WORTH_BYTES = 24 << 20;

    private final LongSupplier heap;
    private final Runnable collect;
    private final Thread thread;
    private long slimmest;
    private int patience; // looks from a collection that brought nothing to the next
    private int pause; // looks

    /**
     * Begins to look.
     *
     * @param heap bytes that it takes from the system
     * @param collect makes it as small as it can be
     */
    Slimming(Ticker ticker, LongSupplier heap, Runnable collect) {
        this.heap = heap;
        this.collect = collect;
        this.slimmest = heap.getAsLong();
        this.thread = Thread.ofVirtual().name("slimming").start(() -> run(ticker));
    }

    static Slimming start(Ticker ticker) {
        return new Slimming(ticker, Runtime.getRuntime()::totalMemory, Runtime.getRuntime()::gc);
    }

    private void run(Ticker ticker) {
        try {
            while (true) {
                ticker.sleep(BETWEEN);
                look();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // closed
        }
    }

    /** One look. While collections bring nothing, because what is there is needed, the next one waits twice as long. */
    void look() {
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

    @Override
    public void close() {
        thread.interrupt();
    }
}
