package dev.berth.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class MeanwhileTest {
    private final CountDownLatch go = new CountDownLatch(1);
    private final AtomicBoolean done = new AtomicBoolean();

    @Test
    void bothGoOnSideBySide() throws Exception {
        try (var work = Meanwhile.begin("work", () -> {
            go.await();
            done.set(true);
        })) {
            go.countDown(); // reached only because nobody waits yet
            work.await();
            assertThat(done).isTrue();
        }
    }

    @Test
    void aFailureIsThrownWhereItIsWaitedFor() {
        var fault = Fault.notFound("find", "nothing there", "");
        assertThatThrownBy(() -> fail(fault)).isSameAs(fault);
        assertThatThrownBy(() -> fail(new IOException("broken"))).isInstanceOfSatisfying(Fault.class, e -> {
            assertThat(e.code()).isEqualTo(Fault.Code.INTERNAL);
            assertThat(e).hasMessageContaining("work").hasMessageContaining("broken");
        });
    }

    private static void fail(Exception how) throws InterruptedException {
        try (var work = Meanwhile.begin("work", () -> {
            throw how;
        })) {
            work.await();
        }
    }

    @Test
    void nobodyGoesOnWhileItWorksAlsoAfterAFailure() {
        assertThatThrownBy(() -> {
                    try (var _ = Meanwhile.begin("work", () -> {
                        go.await();
                        done.set(true);
                    })) {
                        go.countDown();
                        throw new IllegalStateException("the other one fails");
                    }
                })
                .hasMessage("the other one fails");
        assertThat(done).isTrue();
    }

    @Test
    void anInterruptReachesTheWorkAndItsMaker() {
        var interrupted = new AtomicBoolean();
        try (var _ = Meanwhile.begin("work", () -> {
            try {
                go.await();
            } catch (InterruptedException e) {
                interrupted.set(true);
            }
        })) {
            Thread.currentThread().interrupt();
        }
        assertThat(Thread.interrupted()).isTrue();
        assertThat(interrupted).isTrue();
    }
}
