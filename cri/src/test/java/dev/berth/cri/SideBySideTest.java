package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class SideBySideTest {
    private static final Duration LONG = Duration.ofHours(1);
    private static final List<Integer> MANY = IntStream.range(0, 40).boxed().toList();

    private final Set<Integer> done = ConcurrentHashMap.newKeySet();
    private final CountDownLatch never = new CountDownLatch(1);

    @Test
    void allAreDone() throws Exception {
        new SideBySide(3, LONG).each("a test", MANY, done::add);
        assertThat(done).containsExactlyInAnyOrderElementsOf(MANY);
        new SideBySide(3, LONG).each("a test", List.<Integer>of(), done::add);
    }

    @Test
    void asManyAtOnceAsAllowedAndNoMore() throws Exception {
        var now = new AtomicInteger();
        var most = new AtomicInteger();
        var together = new CyclicBarrier(4);
        new SideBySide(4, LONG).each("a test", MANY, one -> {
            most.accumulateAndGet(now.incrementAndGet(), Math::max);
            together.await();
            now.decrementAndGet();
        });
        assertThat(most).hasValue(4);
    }

    @Test
    void whatFailsOrHangsIsNobodyElsesTrouble() throws Exception {
        var interrupted = new CountDownLatch(2);
        new SideBySide(4, Duration.ofMillis(100)).each("a test", MANY, one -> {
            switch (one) {
                case 1 -> throw new IllegalStateException("as a test wants it");
                case 2 -> throw new AssertionError("as a test wants it");
                case 3, 4 -> {
                    try {
                        never.await();
                    } catch (InterruptedException e) {
                        interrupted.countDown();
                    }
                }
                default -> done.add(one);
            }
        });
        assertThat(done).hasSize(MANY.size() - 4);
        interrupted.await();
    }

    @Test
    void allHangAndItEnds() throws Exception {
        new SideBySide(8, Duration.ofMillis(50)).each("a test", MANY, _ -> never.await());
        assertThat(done).isEmpty();
    }

    @Test
    void anInterruptEndsAll() throws Exception {
        var begun = new CountDownLatch(2);
        var ended = new CountDownLatch(2);
        Thread caller = Thread.currentThread();
        Thread.ofVirtual().start(() -> {
            try {
                begun.await();
                caller.interrupt();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        assertThatThrownBy(() -> new SideBySide(2, LONG).each("a test", MANY, _ -> {
                    begun.countDown();
                    try {
                        never.await();
                    } finally {
                        ended.countDown();
                    }
                }))
                .isInstanceOf(InterruptedException.class);
        ended.await();
    }
}
