package dev.berth.cri;

import dev.berth.kernel.Fault;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Tells every subscriber what happens from the moment of its subscription on. A subscriber that does not keep up is cut
 * off rather than slowing the others or growing the daemon; it must list again and subscribe anew.
 */
public final class ContainerEvents implements AutoCloseable {
    static final int BACKLOG = 4096;

    /** One subscriber. */
    public final class Subscription implements AutoCloseable {
        private final BlockingQueue<Optional<ContainerEvent>> queue = new ArrayBlockingQueue<>(BACKLOG);
        private volatile @Nullable Fault end;

        /**
         * Waits for the next event.
         *
         * @throws Fault after the last one: RESOURCE_EXHAUSTED if events were lost because nobody took them, UNAVAILABLE if there
         *     will be no more because the daemon ends
         */
        public ContainerEvent next() throws InterruptedException {
            Fault known = end;
            Optional<ContainerEvent> next = known != null && queue.isEmpty() ? Optional.empty() : queue.take();
            return next.orElseThrow(() -> Objects.requireNonNull(end));
        }

        /** One publisher at a time, so that nothing comes after what was lost. */
        private synchronized void offer(ContainerEvent event) {
            if (end == null && !queue.offer(Optional.of(event))) {
                end(Fault.exhausted(
                        WHAT,
                        "events came faster than they were taken",
                        "List pods and containers, then subscribe again"));
            }
        }

        /**
         * The mark is set before the end is offered: who emptied the queue before finds the end in it, who still has to empty it finds
         * the mark.
         */
        private synchronized void end(Fault why) {
            if (end == null) {
                end = why;
                boolean _ = queue.offer(Optional.empty());
            }
        }

        @Override
        public void close() {
            subscriptions.remove(this);
        }
    }

    private static final String WHAT = "GetContainerEvents";

    private volatile boolean closed;
    private final List<Subscription> subscriptions = new CopyOnWriteArrayList<>();

    public Subscription subscribe() {
        var subscription = new Subscription();
        subscriptions.add(subscription);
        if (closed) {
            subscription.end(ending());
        }
        return subscription;
    }

    private static Fault ending() {
        return Fault.unavailable(WHAT, "the daemon is ending", "Subscribe again when it is back");
    }

    /** Ends all subscriptions, also those still to come: whoever waits for the next event would wait for ever. */
    @Override
    public void close() {
        closed = true;
        subscriptions.forEach(subscription -> subscription.end(ending()));
    }

    /**
     * Makes an event and tells it, one event after the other: what is told later was seen later, so that no status that a
     * subscriber gets is older than the one before.
     *
     * @param event looks at the pod; not called if nobody listens
     */
    synchronized void publish(Supplier<ContainerEvent> event) {
        if (subscriptions.isEmpty()) {
            return;
        }
        ContainerEvent made = event.get();
        for (Subscription subscription : subscriptions) {
            subscription.offer(made);
        }
    }
}
