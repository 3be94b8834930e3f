package dev.berth.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class IdleHeapTest {
    private static final long MIB = 1 << 20;

    private final SynchronousQueue<Boolean> looks = new SynchronousQueue<>();
    private final LinkedBlockingQueue<Boolean> sleeps = new LinkedBlockingQueue<>();
    private final AtomicLong used = new AtomicLong(20 * MIB);
    private final AtomicInteger collections = new AtomicInteger();
    private final Ticker ticker = new Ticker() {
        @Override
        public long nanos() {
            return 0;
        }

        @Override
        public void sleep(Duration time) throws InterruptedException {
            sleeps.add(true);
            looks.take();
        }
    };
    private final IdleHeap heap = IdleHeap.watch(ticker, used::get, new HeapGrowth(() -> 0), () -> {
        collections.incrementAndGet();
        used.set(8 * MIB);
    });

    @AfterEach
    void close() {
        heap.close();
    }

    /** Lets it look once, and waits until it sleeps again. */
    private void look() throws InterruptedException {
        assertThat(sleeps.poll(10, TimeUnit.SECONDS)).isTrue();
        looks.put(true);
        assertThat(sleeps.poll(10, TimeUnit.SECONDS)).isTrue();
        sleeps.add(true);
    }

    @Test
    void aQuietProgramIsCollectedOnce() throws InterruptedException {
        look();
        assertThat(collections).hasValue(1);
        look();
        look();
        assertThat(collections).hasValue(1);
    }

    @Test
    void aBusyProgramIsLeftAlone() throws InterruptedException {
        for (int i = 1; i < 5; i++) {
            used.set((20 + 3L * i) * MIB);
            look();
        }
        assertThat(collections).hasValue(0);
        look();
        assertThat(collections).hasValue(1);
    }

    @Test
    void workThatLeavesTheHeapAsItWasIsFollowedByACollection() throws InterruptedException {
        look();
        used.set(12 * MIB);
        look();
        used.set(8 * MIB); // a collection of the young part was enough
        look();
        look();
        assertThat(collections).hasValue(2);
    }
}
