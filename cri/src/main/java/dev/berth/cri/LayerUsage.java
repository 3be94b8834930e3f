package dev.berth.cri;

import dev.berth.cri.Statistics.WritableLayer;
import dev.berth.kernel.Fault;
import dev.berth.store.SnapshotRecord.Usage;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the writable layers of containers take on disk. That takes a walk through their files, which nobody who asks does or waits
 * for: two threads walk, each layer at most every ten seconds and never for more than a tenth of the time, and the last figure is
 * told with its time. Who asks for nothing costs nothing. Only of a layer that was never walked the first figure is waited for, a
 * moment.
 */
final class LayerUsage implements AutoCloseable {
    static final Duration FRESH = Duration.ofSeconds(10);
    /** A walk that took a second is not repeated within ten. */
    private static final int REST = 10;

    private static final Duration FIRST = Duration.ofMillis(500);
    private static final int THREADS = 2;
    private static final Logger LOG = LoggerFactory.getLogger(LayerUsage.class);

    private final CriContext.Time time;
    private final Function<String, Usage> walk;
    private final Predicate<String> alive;
    private final Map<String, Layer> layers = new ConcurrentHashMap<>();
    private final ThreadPoolExecutor threads = new ThreadPoolExecutor(
            THREADS,
            THREADS,
            FRESH.toSeconds() * 2,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(), // at most one entry for each container
            Thread.ofPlatform().name("layer-usage-", 0).daemon().factory());

    /** Of one container; changed with its lock. */
    private static final class Layer {
        private @Nullable WritableLayer last;
        /** When the walk that it is from began. */
        private Instant begun = Instant.MIN;

        private @Nullable CountDownLatch underWay;
        /** Whether a walk has ended, well or not. */
        private boolean tried;

        private long dueNanos;
    }

    /**
     * Nothing is walked yet.
     *
     * @param walk counts the files of a container's layer; only called on threads of this object
     * @param alive whether there is still a container of this id
     */
    LayerUsage(CriContext.Time time, Function<String, Usage> walk, Predicate<String> alive) {
        this.time = time;
        this.walk = walk;
        this.alive = alive;
        threads.allowCoreThreadTimeOut(true);
    }

    /** Says that somebody is about to ask for the figure of a container, and begins a walk if it is time for one. */
    void expect(String id) {
        Layer layer = layers.computeIfAbsent(id, _ -> new Layer());
        synchronized (layer) {
            long now = time.ticker().nanos();
            if (layer.underWay == null && (!layer.tried || now - layer.dueNanos >= 0)) {
                var ended = new CountDownLatch(1);
                layer.underWay = ended;
                try {
                    threads.execute(() -> measure(id, layer, ended));
                } catch (RejectedExecutionException e) { // closing
                    layer.underWay = null;
                    ended.countDown();
                }
            }
        }
    }

    /** The same of a container that does not run: a figure from after its end is the last there will be. */
    void expectLast(String id, Instant ended) {
        Layer layer = layers.get(id);
        if (layer != null) {
            synchronized (layer) {
                if (layer.last != null && layer.begun.isAfter(ended)) {
                    return;
                }
            }
        }
        expect(id);
    }

    /** The last figure of a container that was expected; empty if there is none, and there will be none in a moment. */
    Optional<WritableLayer> of(String id, long sinceNanos) {
        Layer layer = layers.get(id);
        if (layer == null) {
            return Optional.empty();
        }
        CountDownLatch first;
        synchronized (layer) {
            if (layer.tried) {
                return Optional.ofNullable(layer.last);
            }
            first = layer.underWay;
        }
        if (first != null) {
            await(first, FIRST.minus(time.ticker().since(sinceNanos)));
        }
        synchronized (layer) {
            return Optional.ofNullable(layer.last);
        }
    }

    private static void await(CountDownLatch first, Duration limit) {
        try {
            var _ = first.await(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void measure(String id, Layer layer, CountDownLatch ended) {
        long began = time.ticker().nanos();
        Instant begun = time.clock().instant();
        Usage usage = null;
        try {
            usage = walk.apply(id);
        } catch (Fault e) {
            LOG.debug("the writable layer of container {} was not counted: {}", id, e.getMessage());
        } catch (RuntimeException e) {
            LOG.warn("the writable layer of container {} was not counted", id, e);
        } finally { // also after an error, or the layer would never be walked again
            end(layer, began, usage == null ? null : new Walked(begun, usage));
            ended.countDown();
        }
        if (!alive.test(id)) { // it was removed while somebody asked for it
            layers.remove(id, layer);
        }
    }

    private record Walked(Instant begun, Usage usage) {}

    private void end(Layer layer, long began, @Nullable Walked walked) {
        Duration rest = time.ticker().since(began).multipliedBy(REST);
        synchronized (layer) {
            if (walked != null) {
                layer.last = new WritableLayer(time.clock().instant(), walked.usage());
                layer.begun = walked.begun();
            }
            layer.tried = true;
            layer.dueNanos = time.ticker().nanos() + (rest.compareTo(FRESH) > 0 ? rest : FRESH).toNanos();
            layer.underWay = null;
        }
    }

    /** Forgets a container that is removed. */
    void forget(String id) {
        layers.remove(id);
    }

    /** How many containers are remembered. */
    int size() {
        return layers.size();
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
