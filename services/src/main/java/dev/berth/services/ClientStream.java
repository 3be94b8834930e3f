package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.Empty;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.berth.wire.containerd.streaming.StreamInit;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One stream between a client and a call of it. Its first message names it; from then on both send messages in envelopes. A few
 * messages wait here at most: the client is asked for one more whenever one has been taken.
 */
final class ClientStream implements StreamObserver<Any> {
    private static final int WAITING = 4;

    /** What is in the queue: a message, or how it ended. */
    private sealed interface Item {
        record Got(Any message) implements Item {}

        record End(@Nullable Throwable failure) implements Item {}
    }

    private final Streams streams;
    private final String namespace;
    private final ServerCallStreamObserver<Any> client;
    private final BlockingQueue<Item> received = new LinkedBlockingQueue<>();
    private @Nullable String id;
    private boolean closed;

    /** Asks for the first message. */
    ClientStream(Streams streams, String namespace, ServerCallStreamObserver<Any> client) {
        this.streams = streams;
        this.namespace = namespace;
        this.client = client;
        client.disableAutoRequest();
        client.setOnCancelHandler(() -> onError(Status.CANCELLED.asRuntimeException()));
        client.request(1);
    }

    @Override
    public void onNext(Any message) {
        if (id != null) {
            received.add(new Item.Got(message));
            return;
        }
        try {
            String name = StreamInit.parseFrom(message.getValue()).getId();
            streams.add(namespace, name, this);
            id = name;
            send(Empty.getDefaultInstance());
            client.request(WAITING);
        } catch (InvalidProtocolBufferException | RuntimeException e) {
            refuse(e);
        }
    }

    private synchronized void refuse(Exception failure) {
        closed = true;
        client.onError(Calls.status(failure));
    }

    @Override
    public void onError(Throwable failure) {
        received.add(new Item.End(failure));
        close();
    }

    @Override
    public void onCompleted() {
        received.add(new Item.End(null));
        if (id == null) {
            close();
        }
    }

    /**
     * Waits for the next message.
     *
     * @return null if the client has sent its last
     * @throws IOException if the client has gone
     */
    @Nullable
    Any receive() throws IOException, InterruptedException {
        return taken(received.take());
    }

    /** As {@link #receive()}, but null also if nothing comes within the limit. */
    @Nullable
    Any receive(Duration limit) throws IOException, InterruptedException {
        Item item = received.poll(limit.toNanos(), TimeUnit.NANOSECONDS);
        return item == null ? null : taken(item);
    }

    private @Nullable Any taken(Item item) throws IOException {
        return switch (item) {
            case Item.Got(var message) -> {
                synchronized (this) {
                    if (!closed) {
                        client.request(1);
                    }
                }
                yield message;
            }
            case Item.End(var failure) -> {
                received.add(item); // it stays ended
                if (failure != null) {
                    throw new IOException("the client has gone", failure);
                }
                yield null;
            }
        };
    }

    /** Sends a message, in an envelope as containerd makes it; nothing if the stream is closed. */
    synchronized void send(Message message) {
        if (!closed && !client.isCancelled()) {
            client.onNext(Any.newBuilder()
                    .setTypeUrl(message.getDescriptorForType().getFullName())
                    .setValue(message.toByteString())
                    .build());
        }
    }

    /** Ends the stream. Harmless if it has ended. */
    synchronized void close() {
        String name = id;
        if (name != null) {
            streams.remove(namespace, name, this);
        }
        if (!closed) {
            closed = true;
            if (!client.isCancelled()) {
                client.onCompleted();
            }
            received.add(new Item.End(null));
        }
    }

    /** The name of the message in an envelope, without what some clients put before it. */
    static String type(Any envelope) {
        String url = envelope.getTypeUrl();
        return url.substring(url.lastIndexOf('/') + 1);
    }
}
