package dev.berth.cri;

import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Tells every subscriber what happens from the moment of its subscription on. A subscriber that does not keep up is cut
 * off rather than slowing the others or growing the daemon; it must list again and subscribe anew.
 */
public final class ContainerEvents {
    private static final int BACKLOG = 4096;

    /** One subscriber. */
    public final class Subscription implements AutoCloseable {
        private final BlockingQueue<ContainerEvent> queue = new ArrayBlockingQueue<>(BACKLOG);
        private final AtomicBoolean overrun = new AtomicBoolean();

        /** Waits for the next event. */
        public ContainerEvent next() throws InterruptedException {
            return queue.take();
        }

        /** True if events were lost because nobody took them; what is still queued is whole up to that point. */
        public boolean overrun() {
            return overrun.get() && queue.isEmpty();
        }

        @Override
        public void close() {
            subscriptions.remove(this);
        }
    }

    private final List<Subscription> subscriptions = new CopyOnWriteArrayList<>();

    public Subscription subscribe() {
        var subscription = new Subscription();
        subscriptions.add(subscription);
        return subscription;
    }

    void publish(ContainerEvent event) {
        for (Subscription subscription : subscriptions) {
            if (!subscription.overrun.get() && !subscription.queue.offer(event)) {
                subscription.overrun.set(true);
            }
        }
    }
}
