package dev.berth.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SlimmingTest {
    private static final long MIB = 1 << 20;

    private final AtomicLong heap = new AtomicLong(20 * MIB);
    private final AtomicLong live = new AtomicLong(20 * MIB);
    private final AtomicInteger collections = new AtomicInteger();

    private Slimming slimming() {
        return new Slimming(Ticker.system(), heap::get, () -> {
            collections.incrementAndGet();
            heap.set(live.get());
        });
    }

    @Test
    void aHeapThatHasGrownIsMadeSmallOnce() {
        try (Slimming slimming = slimming()) {
            heap.set(30 * MIB);
            slimming.look();
            assertThat(collections).hasValue(0);
            heap.set(120 * MIB);
            slimming.look();
            slimming.look();
            assertThat(collections).hasValue(1);
            assertThat(heap).hasValue(20 * MIB);
        }
    }

    @Test
    void aHeapThatIsLargeForGoodIsLookedAtMoreAndMoreSeldom() {
        live.set(100 * MIB);
        heap.set(100 * MIB);
        try (Slimming slimming = slimming()) {
            live.set(130 * MIB);
            heap.set(130 * MIB);
            for (int looks = 0; looks < 100; looks++) {
                slimming.look();
            }
            assertThat(collections.get()).isBetween(5, 7);
        }
    }

    @Test
    void aBurstThatGoesOnIsGivenBackWhenItEnds() {
        try (Slimming slimming = slimming()) {
            live.set(90 * MIB);
            heap.set(120 * MIB);
            slimming.look();
            assertThat(heap).hasValue(90 * MIB);
            live.set(20 * MIB);
            slimming.look();
            assertThat(heap).hasValue(20 * MIB);
        }
    }
}
