package dev.berth.services;

import dev.berth.store.Event;
import dev.berth.store.Store;
import dev.berth.tasks.Tasks;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands on what happens to those who listen, in memory only: to the store, to tasks, and what clients say. As long as nobody
 * listens nothing is even translated.
 */
final class EventExchange implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EventExchange.class);

    private final Store store;
    private final InstantSource clock;
    private final Queue<EventSubscription> subscriptions = new ConcurrentLinkedQueue<>();
    private final Consumer<List<Event>> listener = this::changed;
    private final ExecutorService messenger = Executors.newSingleThreadExecutor(
            Thread.ofVirtual().name("containerd events").factory());

    private EventExchange(Store store, InstantSource clock) {
        this.store = store;
        this.clock = clock;
    }

    static EventExchange open(Store store, Tasks tasks, InstantSource clock) {
        var exchange = new EventExchange(store, clock);
        store.metadata().listen(exchange.listener);
        tasks.subscribe(event -> exchange.later(() -> exchange.tell(Topics.of(event))));
        return exchange;
    }

    Instant now() {
        return clock.instant();
    }

    /** Told on the store's own thread, which must not wait. */
    private void changed(List<Event> events) {
        if (!subscriptions.isEmpty()) {
            Instant at = clock.instant();
            later(() -> events.forEach(event -> tell(Topics.of(at, event))));
        }
    }

    /** Tells what a client has to say. */
    void publish(Happening happening) {
        later(() -> tell(happening));
    }

    void add(EventSubscription subscription) {
        subscriptions.add(subscription);
    }

    void remove(EventSubscription subscription) {
        subscriptions.remove(subscription);
    }

    private void later(Runnable task) {
        if (subscriptions.isEmpty()) {
            return;
        }
        try {
            messenger.execute(task);
        } catch (RejectedExecutionException e) {
            LOG.debug("no more events: closing");
        }
    }

    private void tell(Happening happening) {
        subscriptions.removeIf(subscription -> !subscription.offer(happening));
    }

    /** Ends all subscriptions. */
    @Override
    public void close() {
        store.metadata().ignore(listener);
        messenger.shutdownNow();
        subscriptions.forEach(EventSubscription::end);
        subscriptions.clear();
    }
}
