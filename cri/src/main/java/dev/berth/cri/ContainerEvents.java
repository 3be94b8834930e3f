package dev.berth.cri;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Tells every subscriber what happens from the moment of its subscription on. A subscriber that does not keep up is cut
 * off rather than slowing the others or growing the daemon; it must list again and subscribe anew.
 */
public final class ContainerEvents {
    static final int BACKLOG = 4096;

    /** One subscriber. */
    public final class Subscription implements AutoCloseable {
        private final BlockingQueue<Optional<ContainerEvent>> queue = new ArrayBlockingQueue<>(BACKLOG);
        private volatile boolean overrun;

        /** Waits for the next event; empty once events were lost because nobody took them, which is after the last whole one. */
        public Optional<ContainerEvent> next() throws InterruptedException {
            if (overrun && queue.isEmpty()) {
                return Optional.empty();
            }
            return queue.take();
        }

        /**
         * One publisher at a time, so that nothing comes after what was lost. The mark is set before the end is offered: who
         * emptied the queue before finds the end in it, who still has to empty it finds the mark.
         */
        private synchronized void offer(ContainerEvent event) {
            if (!overrun && !queue.offer(Optional.of(event))) {
                overrun = true;
                boolean _ = queue.offer(Optional.empty());
            }
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
            subscription.offer(event);
        }
    }
}
