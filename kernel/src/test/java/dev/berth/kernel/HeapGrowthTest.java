package dev.berth.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class HeapGrowthTest {
    private static final long MIB = 1 << 20;

    private final AtomicLong heap = new AtomicLong(20 * MIB);
    private final AtomicLong live = new AtomicLong(20 * MIB);
    private final AtomicInteger collections = new AtomicInteger();

    private final HeapGrowth growth = new HeapGrowth(heap::get);

    private void look() {
        growth.look(() -> {
            collections.incrementAndGet();
            heap.set(live.get());
        });
    }

    @Test
    void aHeapThatHasGrownIsMadeSmallOnce() {
        heap.set(30 * MIB);
        look();
        assertThat(collections).hasValue(0);
        heap.set(120 * MIB);
        look();
        look();
        assertThat(collections).hasValue(1);
        assertThat(heap).hasValue(20 * MIB);
    }

    @Test
    void aHeapThatIsLargeForGoodIsLookedAtMoreAndMoreSeldom() {
        live.set(130 * MIB);
        heap.set(130 * MIB);
        for (int looks = 0; looks < 100; looks++) {
            look();
        }
        assertThat(collections.get()).isBetween(5, 7);
    }

    @Test
    void aBurstThatGoesOnIsGivenBackWhenItEnds() {
        live.set(90 * MIB);
        heap.set(120 * MIB);
        look();
        assertThat(heap).hasValue(90 * MIB);
        live.set(20 * MIB);
        look();
        assertThat(heap).hasValue(20 * MIB);
    }
}
