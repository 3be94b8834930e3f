package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Flushes the database's log for those who wait for {@link Durability#POWER}: one flush serves all whose commits were
 * written before it began. The writer goes on meanwhile, so a slow disk delays only those who asked for it.
 *
 * <p>After a failed flush the kernel may have dropped what it could not write and call the next flush a success; so from
 * then on every write is refused, until a restart reads what is really there.
 */
final class Flushing implements AutoCloseable {
    /** Somebody who waits for a flush. */
    interface Waiter {
        void flushed(@Nullable Fault failure);
    }

    private static final Waiter END = failure -> {};

    private final Disk disk;
    private final Path log;
    private final BlockingQueue<Waiter> waiters = new LinkedBlockingQueue<>();
    private final Thread thread;
    private volatile @Nullable Fault broken;

    Flushing(Disk disk, Path log) {
        this.disk = disk;
        this.log = log;
        this.thread = Thread.ofPlatform().name("store-flush").daemon().start(this::run);
    }

    /** Calls the waiter, on this object's thread, when everything written so far is on disk. */
    void await(Waiter waiter) {
        waiters.add(waiter);
    }

    /** @throws Fault UNAVAILABLE if a flush has failed */
    void check() {
        Fault failure = broken;
        if (failure != null) {
            throw failure;
        }
    }

    /** Serves those who wait already, and ends. */
    @Override
    public void close() {
        waiters.add(END);
        Waiting.join(thread);
    }

    private void run() {
        List<Waiter> batch = new ArrayList<>();
        while (!batch.contains(END)) {
            batch.clear();
            try {
                batch.add(waiters.take());
            } catch (InterruptedException e) {
                continue; // nobody interrupts this thread
            }
            waiters.drainTo(batch);
            Fault failure = flush(batch);
            batch.forEach(waiter -> waiter.flushed(failure));
        }
    }

    private @Nullable Fault flush(List<Waiter> batch) {
        if (broken == null && !(batch.size() == 1 && batch.contains(END))) {
            try {
                disk.sync(log);
            } catch (IOException e) {
                broken = Fault.unavailable(
                                "write metadata",
                                "its log could not be flushed to disk (" + e.getMessage() + ")",
                                "Look at the disk, then restart the daemon")
                        .causedBy(e);
            }
        }
        return broken;
    }
}
