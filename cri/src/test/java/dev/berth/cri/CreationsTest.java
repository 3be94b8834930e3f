package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.Creations.Before;
import dev.berth.kernel.Fault;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(300)
class CreationsTest {
    private final Creations creations = new Creations();

    private String once(String request, Before before) {
        return creations.once("pod a", request, () -> before, () -> "new");
    }

    private static void isTaken(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.ALREADY_EXISTS));
    }

    @Test
    void aFreeNameIsMade() {
        assertThat(once("image 1", new Before.Free())).isEqualTo("new");
    }

    @Test
    void theSameRequestGetsWhatNobodyHeardOf() {
        assertThat(once("image 1", new Before.Unheard("old", "image 1"))).isEqualTo("old");
    }

    @Test
    void anotherRequestDoesNotGetWhatNobodyHeardOf() {
        isTaken(() -> once("image 2", new Before.Unheard("old", "image 1")));
    }

    @Test
    void whatWasDeliveredIsTaken() {
        isTaken(() -> once("image 1", new Before.Taken("old")));
    }

    @Test
    void onlyTheSameRequestJoinsWorkUnderWay() throws Exception {
        var begun = new CountDownLatch(1);
        var go = new CountDownLatch(1);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var first = threads.submit(() -> creations.once("pod a", "image 1", Before.Free::new, () -> {
                begun.countDown();
                go.await();
                return "new";
            }));
            begun.await();
            isTaken(() -> once("image 2", new Before.Free()));
            var second = threads.submit(() -> once("image 1", new Before.Taken("not asked")));
            go.countDown();
            assertThat(first.get()).isEqualTo("new");
            try {
                assertThat(second.get()).isEqualTo("new"); // it joined
            } catch (java.util.concurrent.ExecutionException late) {
                assertThat(late.getCause()).isInstanceOf(Fault.class); // or came when the work was done
            }
        }
    }
}
