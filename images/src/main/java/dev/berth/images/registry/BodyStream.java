package dev.berth.images.registry;

import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The body of an answer as it arrives, with a limit on the time between two bytes and on how few may come, which an InputStream cannot
 * give. A few buffers are read ahead, no more.
 */
final class BodyStream implements HttpResponse.BodySubscriber<BodyStream>, AutoCloseable {
    private static final int READ_AHEAD = 4;
    private static final Ticker TICKER = Ticker.system();

    private sealed interface Arrival {
        record Bytes(List<ByteBuffer> buffers) implements Arrival {}

        record Broken(Throwable cause) implements Arrival {}

        record End() implements Arrival {}
    }

    /** Reads along. Told of each byte once, and of the end, or that the rest was given up. */
    interface Witness {
        void saw(ByteBuffer bytes);

        void over();
    }

    private final BlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();
    private final Deque<ByteBuffer> current = new ArrayDeque<>();
    private volatile Flow.@Nullable Subscription subscription;
    private volatile boolean closed;
    private @Nullable Witness witness;
    private boolean ended;
    private long waited; // nanoseconds for the bytes below
    private long received;

    /** Lets somebody read along; before anybody reads. */
    void showTo(Witness newWitness) {
        witness = newWitness;
    }

    /**
     * The next bytes, never an empty buffer; null at the end.
     *
     * @param limit how long to wait for a byte, and for so many that it is worth to go on; time in which nobody waits does not count
     * @throws IOException if the connection broke or not enough came in time
     */
    @Nullable
    ByteBuffer next(Duration limit) throws IOException, InterruptedException {
        while (true) {
            ByteBuffer ready = current.poll();
            if (ready != null && ready.hasRemaining()) {
                return ready;
            }
            if (ready == null) {
                if (ended) {
                    return null;
                }
                receive(limit);
            }
        }
    }

    /** Makes a buffer that {@link #next} gave the next one again. */
    void pushBack(ByteBuffer bytes) {
        current.push(bytes);
    }

    private void receive(Duration limit) throws IOException, InterruptedException {
        long start = TICKER.nanos();
        @Nullable Arrival arrival = arrivals.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
        waited += TICKER.nanos() - start;
        switch (arrival) {
            case null -> throw new IOException("no byte came for " + limit.toMillis() / 1000.0 + " s");
            case Arrival.Bytes(List<ByteBuffer> buffers) -> {
                current.addAll(buffers);
                buffers.forEach(it -> received += it.remaining());
                Witness along = witness;
                if (along != null) {
                    buffers.forEach(it -> along.saw(it.duplicate()));
                }
                refuseDrips(limit);
                Flow.Subscription from = subscription;
                if (from != null) {
                    from.request(1);
                }
            }
            case Arrival.Broken(Throwable cause) ->
                throw new IOException("the connection broke: " + reason(cause), cause);
            case Arrival.End() -> {
                ended = true;
                tellEnd();
            }
        }
    }

    private void tellEnd() {
        Witness along = witness;
        witness = null;
        if (along != null) {
            along.over();
        }
    }

    private void refuseDrips(Duration limit) throws IOException {
        if (waited >= limit.toNanos()) {
            if (received < Patience.leastBytes(limit)) {
                throw new IOException("only " + received + " bytes came in "
                        + Duration.ofNanos(waited).toMillis() / 1000.0 + " s");
            }
            waited = 0;
            received = 0;
        }
    }

    private static String reason(Throwable cause) {
        return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    }

    @Override
    public CompletionStage<BodyStream> getBody() {
        return CompletableFuture.completedFuture(this);
    }

    @Override
    public void onSubscribe(Flow.Subscription newSubscription) {
        subscription = newSubscription;
        if (closed) {
            newSubscription.cancel();
        } else {
            newSubscription.request(READ_AHEAD);
        }
    }

    @Override
    public void onNext(List<ByteBuffer> item) {
        arrivals.add(new Arrival.Bytes(item));
    }

    @Override
    public void onError(Throwable throwable) {
        arrivals.add(new Arrival.Broken(throwable));
    }

    @Override
    public void onComplete() {
        arrivals.add(new Arrival.End());
    }

    /** Gives up the rest, if any: its connection is closed. */
    @Override
    public void close() {
        closed = true;
        tellEnd();
        Flow.Subscription from = subscription;
        if (from != null && !ended) {
            from.cancel();
        }
    }
}
