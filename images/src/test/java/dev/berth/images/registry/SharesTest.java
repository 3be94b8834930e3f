package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class SharesTest {
    private final Shares shares = new Shares(1);

    @Test
    void noNameIsKnownForEver() throws InterruptedException {
        for (int i = 0; i < 1000; i++) {
            shares.take("host" + i);
        }
        assertThat(shares.names()).isEqualTo(1000);
        for (int i = 0; i < 1000; i++) {
            shares.giveBack("host" + i);
        }
        assertThat(shares.names()).isZero();
    }

    @Test
    @Timeout(120)
    void whoWaitsHasItsTurnAfterTheOther() throws InterruptedException {
        shares.take("a");
        var had = new CountDownLatch(1);
        Thread waiting = Thread.ofVirtual().start(() -> {
            try {
                shares.take("a");
                had.countDown();
                shares.giveBack("a");
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        shares.take("b");
        assertThat(had.getCount()).isEqualTo(1);
        shares.giveBack("b");
        shares.giveBack("a");
        had.await();
        waiting.join();
        assertThat(shares.names()).isZero();
    }

    @Test
    @Timeout(120)
    void whoStopsToWaitLeavesNothing() throws InterruptedException {
        shares.take("a");
        Thread waiting = Thread.ofVirtual().start(() -> {
            try {
                shares.take("a");
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        waiting.interrupt();
        waiting.join();
        shares.giveBack("a");
        assertThat(shares.names()).isZero();
        shares.take("a");
        shares.giveBack("a");
    }
}
