package dev.berth.daemon.cli;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.wire.containerd.streaming.StreamInit;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A channel beside a transfer: how far it is, a login that is asked for, an archive. What comes is given to its receiver, one message
 * after the other, on a thread of the connection.
 */
final class SideStream implements ClientResponseObserver<Any, Any>, AutoCloseable {
    private static final Duration TO_OPEN = Duration.ofMinutes(1);
    private static final Duration TO_END = Duration.ofMinutes(2);

    /** Who takes the messages. */
    interface Receiver {
        void got(SideStream stream, Any message) throws IOException;
    }

    private final String id = "berth-" + Ids.random().substring(0, 16);
    private final Receiver receiver;
    private final CountDownLatch open = new CountDownLatch(1);
    private final CountDownLatch end = new CountDownLatch(1);
    private @Nullable ClientCallStreamObserver<Any> call;
    private volatile @Nullable Throwable failure;

    private SideStream(Receiver receiver) {
        this.receiver = receiver;
    }

    /**
     * Opens one, which the daemon knows by its id when this returns.
     *
     * @throws Fault UNAVAILABLE if the daemon does not answer
     */
    static SideStream open(DaemonClient daemon, Receiver receiver) throws InterruptedException {
        var stream = new SideStream(receiver);
        var _ = daemon.streaming().stream(stream);
        stream.send(StreamInit.newBuilder().setId(stream.id).build());
        boolean answered = stream.open.await(TO_OPEN.toSeconds(), TimeUnit.SECONDS);
        if (stream.failure instanceof StatusRuntimeException refused) {
            throw refused;
        }
        if (!answered) {
            stream.close();
            throw Fault.unavailable("open a stream to the daemon", "it does not answer", "Look into its log");
        }
        return stream;
    }

    /** By which the transfer names it. */
    String id() {
        return id;
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<Any> newCall) {
        call = newCall;
    }

    @Override
    public void onNext(Any message) {
        if (open.getCount() > 0) {
            open.countDown(); // the first one only says that it is open
            return;
        }
        try {
            receiver.got(this, message);
        } catch (IOException | RuntimeException e) {
            failure = e;
            close();
        }
    }

    @Override
    public void onError(Throwable reason) {
        if (failure == null) {
            failure = reason;
        }
        open.countDown();
        end.countDown();
    }

    @Override
    public void onCompleted() {
        open.countDown();
        end.countDown();
    }

    /** Whether the daemon has ended it. */
    boolean hasEnded() {
        return end.getCount() == 0;
    }

    /** Sends a message, in an envelope as containerd makes it. */
    synchronized void send(Message message) {
        ClientCallStreamObserver<Any> to = call;
        if (to != null && !hasEnded()) {
            to.onNext(envelope(message));
        }
    }

    /** A message with its name. */
    static Any envelope(Message message) {
        return Any.newBuilder()
                .setTypeUrl(message.getDescriptorForType().getFullName())
                .setValue(message.toByteString())
                .build();
    }

    /** The name of the message in an envelope, without what some servers put before it. */
    static String type(Any envelope) {
        String url = envelope.getTypeUrl();
        return url.substring(url.lastIndexOf('.') + 1);
    }

    /** Says that nothing more will be sent. */
    synchronized void sendEnd() {
        ClientCallStreamObserver<Any> to = call;
        if (to != null && !hasEnded()) {
            to.onCompleted();
        }
    }

    /**
     * Waits until the daemon has sent everything.
     *
     * @throws IOException if what it sent could not be taken
     */
    void awaitEnd() throws IOException, InterruptedException {
        boolean ended = end.await(TO_END.toSeconds(), TimeUnit.SECONDS);
        failIfBroken();
        if (!ended) {
            throw Fault.unavailable("read from the daemon", "it does not end its answer", "Look into its log");
        }
    }

    /** Throws what has broken the receiver, if anything has. */
    void failIfBroken() throws IOException {
        Throwable reason = failure;
        if (reason instanceof IOException broken) {
            throw broken;
        }
        if (reason instanceof Fault fault) {
            throw fault;
        }
    }

    @Override
    public void close() {
        ClientCallStreamObserver<Any> to = call;
        if (to != null && !hasEnded()) {
            to.cancel("no longer needed", Status.CANCELLED.asException());
        }
    }
}
