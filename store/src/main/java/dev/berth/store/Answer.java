package dev.berth.store;

import dev.berth.kernel.Fault;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** What a caller waits for while a thread of the store works for it. */
final class Answer<T extends @Nullable Object> {
    private final CountDownLatch done = new CountDownLatch(1);
    private @Nullable T value;
    private @Nullable Throwable failure;

    void give(T result) {
        value = result;
        done.countDown();
    }

    void fail(Throwable reason) {
        failure = reason;
        done.countDown();
    }

    /** The value, or the failure thrown in the caller's thread, with the place where it happened as its cause. */
    @SuppressWarnings("NullAway") // the value is set unless the failure is
    T await() {
        Waiting.uninterrupted(() -> {
            done.await();
            return done;
        });
        return switch (failure) {
            case null -> value;
            case Fault fault -> throw fault;
            case Error error -> throw error;
            case RuntimeException e -> throw e;
            default -> throw new IllegalStateException(failure);
        };
    }
}
