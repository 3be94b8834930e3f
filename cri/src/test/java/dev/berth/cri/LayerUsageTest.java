package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.cri.Statistics.WritableLayer;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.store.SnapshotRecord.Usage;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nobody who asks for statistics walks through files, or waits for more than a first figure, and that only a moment. */
@Timeout(120)
class LayerUsageTest {
    private static final Instant AT = Instant.ofEpochSecond(7);

    /** Time that stands still until it is told. */
    private static final class HandTicker implements Ticker {
        private final AtomicLong now = new AtomicLong(1);

        @Override
        public long nanos() {
            return now.get();
        }

        @Override
        public void sleep(Duration time) {
            now.addAndGet(time.toNanos());
        }
    }

    private final HandTicker ticker = new HandTicker();
    private final Semaphore mayWalk = new Semaphore(0);
    private final AtomicLong walks = new AtomicLong();
    private final Queue<Thread> walkers = new ConcurrentLinkedQueue<>();
    private final Set<String> alive = ConcurrentHashMap.newKeySet();
    private final Set<String> broken = ConcurrentHashMap.newKeySet();
    private final LayerUsage layers =
            new LayerUsage(new CriContext.Time(InstantSource.fixed(AT), ticker), this::walk, alive::contains);

    @AfterEach
    void end() {
        layers.close();
    }

    private Usage walk(String id) {
        walkers.add(Thread.currentThread());
        mayWalk.acquireUninterruptibly();
        if (!alive.contains(id)) {
            throw Fault.notFound("walk", "it is gone", "");
        }
        if (broken.contains(id)) {
            throw Fault.unavailable("walk", "EIO", "");
        }
        return new Usage(walks.incrementAndGet(), 1);
    }

    private Optional<WritableLayer> ask(String id) {
        layers.expect(id);
        return layers.of(id, ticker.nanos());
    }

    /** The figure that comes with or after the walk of this number. */
    private void awaitFigure(String id, long bytes) {
        while (ask(id).filter(found -> found.usage().bytes() == bytes).isEmpty()) {
            Thread.onSpinWait();
        }
    }

    @Test
    void whoAsksNeverWalksAndIsNotHeldUpByAWalk() {
        alive.add("a");
        assertThat(ask("a")).as("the first walk hangs").isEmpty();
        mayWalk.release();
        awaitFigure("a", 1);
        assertThat(ask("a")).contains(new WritableLayer(AT, new Usage(1, 1)));
        ticker.sleep(LayerUsage.FRESH);
        assertThat(ask("a").orElseThrow().usage().bytes())
                .as("the next walk hangs, the last figure is told")
                .isEqualTo(1);
        assertThat(ask("a").orElseThrow().usage().bytes()).isEqualTo(1);
        mayWalk.release();
        awaitFigure("a", 2);
        assertThat(walkers).hasSize(2).doesNotContain(Thread.currentThread()).noneMatch(Thread::isVirtual);
    }

    @Test
    void whatDoesNotRunIsCountedOnceAfterItsEnd() {
        alive.add("a");
        mayWalk.release(10);
        awaitFigure("a", 1);
        ticker.sleep(LayerUsage.FRESH);
        layers.expectLast("a", AT.minusSeconds(1));
        assertThat(walkers).as("it was counted since").hasSize(1);
        layers.expectLast("a", AT);
        while (walks.get() < 2) {
            Thread.onSpinWait();
        }
        assertThat(walkers).hasSize(2);
    }

    @Test
    void aFreshFigureIsNotMadeAnew() {
        alive.add("a");
        mayWalk.release(10);
        awaitFigure("a", 1);
        ticker.sleep(LayerUsage.FRESH.minusMillis(1));
        assertThat(ask("a").orElseThrow().usage().bytes()).isEqualTo(1);
        ticker.sleep(Duration.ofMillis(1));
        awaitFigure("a", 2);
        assertThat(walkers).hasSize(2);
    }

    @Test
    void aLayerThatTakesLongIsWalkedSeldom() {
        alive.add("a");
        layers.expect("a");
        while (walkers.isEmpty()) {
            Thread.onSpinWait();
        }
        ticker.sleep(Duration.ofSeconds(6));
        mayWalk.release(10);
        awaitFigure("a", 1);
        ticker.sleep(Duration.ofSeconds(59));
        assertThat(ask("a").orElseThrow().usage().bytes()).isEqualTo(1);
        assertThat(walkers).hasSize(1);
        ticker.sleep(Duration.ofSeconds(1));
        awaitFigure("a", 2);
    }

    /** Would wait for hours if it waited for a walk that is under way. */
    private Optional<WritableLayer> askPatiently(String id) {
        layers.expect(id);
        return layers.of(id, ticker.nanos() + Duration.ofHours(9).toNanos());
    }

    @Test
    void aWalkThatFailsIsNotRepeatedAtOnceNorWaitedForAgain() {
        alive.add("a");
        broken.add("a");
        mayWalk.release();
        assertThat(askPatiently("a")).as("the first, which ends").isEmpty();
        assertThat(askPatiently("a")).isEmpty();
        ticker.sleep(LayerUsage.FRESH.minusMillis(1));
        assertThat(askPatiently("a")).isEmpty();
        assertThat(walkers).hasSize(1);
        ticker.sleep(Duration.ofMillis(1));
        assertThat(askPatiently("a")).as("the second hangs").isEmpty();
        broken.remove("a");
        mayWalk.release();
        awaitFigure("a", 1);
        assertThat(walkers).hasSize(2);
    }

    @Test
    void walksAreFewAtATime() {
        for (int i = 0; i < 50; i++) {
            alive.add("c" + i);
            layers.expect("c" + i);
        }
        mayWalk.release(50);
        for (int i = 0; i < 50; i++) {
            while (layers.of("c" + i, ticker.nanos()).isEmpty()) {
                Thread.onSpinWait();
            }
        }
        assertThat(Set.copyOf(walkers)).hasSizeLessThanOrEqualTo(2);
    }

    @Test
    void whatIsGoneIsForgotten() {
        alive.add("a");
        mayWalk.release(10);
        awaitFigure("a", 1);
        layers.forget("a");
        assertThat(layers.of("a", ticker.nanos())).isEmpty();
        alive.remove("a");
        assertThat(ask("a")).as("asked once more by somebody with an old list").isEmpty();
        while (layers.size() > 0) {
            Thread.onSpinWait();
        }
    }
}
