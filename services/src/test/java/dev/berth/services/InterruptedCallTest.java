package dev.berth.services;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class InterruptedCallTest {
    private static final class Caller implements StreamObserver<String> {
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

        @Override
        public void onNext(String message) {
            throw new AssertionError("nobody is there to hear " + message);
        }

        @Override
        public void onError(Throwable reason) {
            failure.set(reason);
        }

        @Override
        public void onCompleted() {
            throw new AssertionError("it was not completed");
        }
    }

    @Test
    void aCallerWhoHasGoneEndsWhatWasDoneForHim() throws Exception {
        Context.CancellableContext context = Context.current().withCancellation();
        Caller caller = new Caller();
        CountDownLatch begun = new CountDownLatch(1);
        AtomicReference<Boolean> leftInterrupted = new AtomicReference<>();
        Thread call = Thread.ofVirtual().start(context.wrap(() -> {
            Calls.answerWhileWanted(caller, () -> {
                begun.countDown();
                new CountDownLatch(1).await();
                return "done";
            });
            leftInterrupted.set(Thread.currentThread().isInterrupted());
        }));
        begun.await();
        context.cancel(null);
        call.join();
        assertThat(Status.fromThrowable(caller.failure.get()).getCode()).isEqualTo(Status.Code.CANCELLED);
        assertThat(leftInterrupted).hasValue(false);
    }
}
