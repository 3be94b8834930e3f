package dev.berth.tasks;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.ClientStream;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.ttrpc.TtrpcStatus;
import dev.berth.wire.shim.supervisor.AcknowledgeRequest;
import dev.berth.wire.shim.supervisor.Event;
import dev.berth.wire.shim.supervisor.EventsRequest;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The supervisor's events: all that were not acknowledged, then what comes, over as many connections as it takes. One is
 * acknowledged after its consumer has returned; acknowledgements are sent behind, the newest for all before it.
 */
final class EventFeed implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EventFeed.class);
    private static final Duration PAUSE = Duration.ofMillis(100);

    private final Supervisor supervisor;
    private final Ticker ticker;
    private final InstantSource clock;
    private final Consumer<TaskEvent> consumer;
    private final Thread reader;
    private final Thread acknowledger;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private long taken;
    private final AtomicLong count = new AtomicLong();
    private volatile Duration lag = Duration.ZERO;
    private volatile boolean closed;

    private EventFeed(Supervisor supervisor, Ticker ticker, InstantSource clock, Consumer<TaskEvent> consumer) {
        this.supervisor = supervisor;
        this.ticker = ticker;
        this.clock = clock;
        this.consumer = consumer;
        this.reader = Thread.ofVirtual().name("supervisor events").unstarted(this::read);
        this.acknowledger =
                Thread.ofVirtual().name("supervisor acknowledgements").unstarted(this::acknowledge);
    }

    static EventFeed start(Supervisor supervisor, Ticker ticker, InstantSource clock, Consumer<TaskEvent> consumer) {
        var feed = new EventFeed(supervisor, ticker, clock, consumer);
        feed.reader.start();
        feed.acknowledger.start();
        return feed;
    }

    @Override
    public void close() {
        closed = true;
        reader.interrupt();
        acknowledger.interrupt();
        try {
            reader.join();
            acknowledger.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void read() {
        while (!closed) {
            try {
                TtrpcClient client = supervisor.client(Deadlines.SUPERVISOR);
                byte[] request =
                        EventsRequest.newBuilder().setAfter(taken()).build().toByteArray();
                try (ClientStream stream =
                        client.serverStream(Supervisor.SERVICE, "Events", request, TtrpcClient.FOREVER, Map.of())) {
                    for (byte[] next = stream.receive(); next != null; next = stream.receive()) {
                        take(Event.parseFrom(next));
                    }
                }
            } catch (TtrpcStatus | Fault e) {
                LOG.debug("the supervisor's events are interrupted", e);
            } catch (InvalidProtocolBufferException e) {
                LOG.error("the supervisor tells an event that cannot be read", e);
            } catch (InterruptedException e) {
                return; // close()
            }
            if (!pause()) {
                return;
            }
        }
    }

    private void take(Event event) throws InvalidProtocolBufferException, InterruptedException {
        var read = EventsServer.read(event.getEnvelope(), !event.getExitUnknown());
        if (read.isPresent()) {
            deliver(read.get());
        }
        lock.lock();
        try {
            taken = Math.max(taken, event.getSequence());
            count.incrementAndGet();
            lag = Duration.between(TaskClient.instant(event.getEnvelope().getTimestamp()), clock.instant());
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void deliver(TaskEvent event) throws InterruptedException {
        Delivery.to(consumer, event, ticker, () -> closed);
    }

    private void acknowledge() {
        long done = 0;
        while (!closed) {
            try {
                long newest = awaitMoreThan(done);
                byte[] request = AcknowledgeRequest.newBuilder()
                        .setSequence(newest)
                        .build()
                        .toByteArray();
                supervisor
                        .client(Deadlines.SUPERVISOR)
                        .call(Supervisor.SERVICE, "Acknowledge", request, Deadlines.QUERY, Map.of());
                done = newest;
            } catch (TtrpcStatus | Fault e) {
                LOG.debug("events are not acknowledged yet", e);
                if (!pause()) {
                    return;
                }
            } catch (InterruptedException e) {
                return; // close()
            }
        }
    }

    private long awaitMoreThan(long done) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (taken <= done) {
                changed.await();
            }
            return taken;
        } finally {
            lock.unlock();
        }
    }

    /** Events taken since the start. */
    long count() {
        return count.get();
    }

    /** Age of the newest event when it was taken. */
    Duration lag() {
        return lag.isNegative() ? Duration.ZERO : lag;
    }

    private long taken() {
        lock.lock();
        try {
            return taken;
        } finally {
            lock.unlock();
        }
    }

    private boolean pause() {
        try {
            ticker.sleep(PAUSE);
            return !closed;
        } catch (InterruptedException e) {
            return false;
        }
    }
}
