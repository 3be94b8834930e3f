package dev.berth.images;

import dev.berth.kernel.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The threads of one pull. A limited number of layers is worked on at a time, here and in all pulls together; the first failure ends
 * the work of all. Everything that was begun has ended when {@link #close} returns.
 */
final class Crew implements AutoCloseable {
    private final ExecutorService threads = Executors.newThreadPerTaskExecutor(
            Thread.ofPlatform().daemon().name("layer-", 0).factory());
    private final Turns.Line line;
    private final LongAdder fetched;
    private final Spent spent;
    private final Semaphore here;
    private final List<Future<?>> begun = new ArrayList<>();
    private final AtomicReference<@Nullable Throwable> firstFailure = new AtomicReference<>();

    /**
     * A crew for one pull.
     *
     * @param line limits the layers of all pulls
     * @param fetched counts the bytes of all pulls
     * @param spent notes where the time goes
     */
    Crew(Turns.Line line, LongAdder fetched, Spent spent, int atOnce) {
        this.line = line;
        this.fetched = fetched;
        this.spent = spent;
        this.here = new Semaphore(atOnce);
    }

    Spent spent() {
        return spent;
    }

    /** Notes bytes that came from a registry. */
    void fetched(long bytes) {
        fetched.add(bytes);
    }

    /**
     * Begins to work on a layer when it is its turn.
     *
     * @throws InterruptedException if the caller is interrupted while it waits
     */
    <T extends @Nullable Object> Future<T> begin(Callable<T> work) throws InterruptedException {
        here.acquire();
        try {
            line.take();
        } catch (InterruptedException e) {
            here.release();
            throw e;
        }
        return submit(() -> {
            try {
                return work.call();
            } finally {
                line.giveBack();
                here.release();
            }
        });
    }

    /** Begins to work on a part of a layer that is already worked on. */
    <T extends @Nullable Object> Future<T> beside(Callable<T> work) {
        return threads.submit(work);
    }

    private <T extends @Nullable Object> Future<T> submit(Callable<T> work) {
        Future<T> future = threads.submit(() -> {
            try {
                Throwable failed = firstFailure.get();
                if (failed != null) {
                    throw new CancellationException("another layer has failed");
                }
                return work.call();
            } catch (Throwable e) {
                if (firstFailure.compareAndSet(null, e)) {
                    cancel();
                }
                throw e;
            }
        });
        synchronized (begun) {
            begun.add(future);
            if (firstFailure.get() != null) {
                future.cancel(true);
            }
        }
        return future;
    }

    /**
     * Waits for some work.
     *
     * @throws Fault the first failure of any
     */
    <T extends @Nullable Object> T result(Future<T> future) throws InterruptedException {
        try {
            return future.get();
        } catch (ExecutionException | CancellationException e) {
            Throwable first = firstFailure.get();
            throw fault(first != null ? first : e);
        }
    }

    /** What a failure of some thread means for the pull. */
    static RuntimeException fault(Throwable failure) {
        Throwable cause =
                failure instanceof ExecutionException && failure.getCause() != null ? failure.getCause() : failure;
        return switch (cause) {
            case Fault known -> known;
            case InterruptedException e ->
                Fault.of(Fault.Code.CANCELLED, "pull", "it was interrupted", "").causedBy(e);
            case CancellationException e ->
                Fault.of(Fault.Code.CANCELLED, "pull", "it was interrupted", "").causedBy(e);
            default -> Fault.internal("pull", cause.toString(), "").causedBy(cause);
        };
    }

    private void cancel() {
        synchronized (begun) {
            begun.forEach(each -> each.cancel(true));
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
        threads.close();
    }
}
