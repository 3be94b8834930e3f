package dev.berth.kernel;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Gives memory of a program that has gone quiet back to the machine. The serial collector shrinks the heap only in a full
 * collection, and a program that does nothing never comes to one: what a busy hour took would be kept for ever. One that is never
 * quiet gives back what a burst took.
 */
public final class IdleHeap implements AutoCloseable {
    private static final Duration LOOK = Duration.ofSeconds(20);
    private static final long QUIET = 1L << 20; // bytes between two looks: less than one call a second leaves

    private final Ticker ticker;
    private final LongSupplier used;
    private final HeapGrowth growth;
    private final Runnable collect;
    private final Thread watcher;

    private IdleHeap(Ticker ticker, LongSupplier used, HeapGrowth growth, Runnable collect) {
        this.ticker = ticker;
        this.used = used;
        this.growth = growth;
        this.collect = collect;
        long atFirst = used.getAsLong();
        this.watcher = Thread.ofVirtual().name("idle heap").unstarted(() -> watch(atFirst));
    }

    /**
     * Begins to watch this process.
     *
     * @param more what else is given back, after the heap
     */
    public static IdleHeap watch(Ticker ticker, Runnable more) {
        Runtime runtime = Runtime.getRuntime();
        var growth = new HeapGrowth(runtime::totalMemory);
        return watch(ticker, () -> runtime.totalMemory() - runtime.freeMemory(), growth, () -> {
            System.gc();
            more.run();
        });
    }

    static IdleHeap watch(Ticker ticker, LongSupplier used, HeapGrowth growth, Runnable collect) {
        var heap = new IdleHeap(ticker, used, growth, collect);
        heap.watcher.start();
        return heap;
    }

    @Override
    public void close() {
        watcher.interrupt();
    }

    private void watch(long atFirst) {
        long before = atFirst;
        boolean worked =
                true; // since our last collection: the heap may look as after it, but more than the heap is given back
        try {
            while (true) {
                ticker.sleep(LOOK);
                long now = used.getAsLong();
                boolean quiet = Math.abs(now - before) < QUIET;
                if (quiet && worked) {
                    collect.run();
                    now = used.getAsLong();
                    worked = false;
                } else {
                    worked |= !quiet;
                    growth.look(collect);
                }
                before = now;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // close()
        }
    }
}
