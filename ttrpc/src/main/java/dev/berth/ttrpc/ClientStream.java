package dev.berth.ttrpc;

import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The client's end of a stream. One thread may send while another receives. The timeout given when it was opened holds for
 * the whole stream.
 */
public final class ClientStream implements AutoCloseable {
    private final TtrpcClient client;
    private final int id;
    private final Inbox inbox;
    private final LongSupplier nanosLeft;
    private boolean sending;

    ClientStream(TtrpcClient client, int id, Inbox inbox, LongSupplier nanosLeft, boolean sending) {
        this.client = client;
        this.id = id;
        this.inbox = inbox;
        this.nanosLeft = nanosLeft;
        this.sending = sending;
    }

    /**
     * Sends one message; waits if the server does not take what was sent before.
     *
     * @throws IllegalStateException after {@link #closeSend()}
     * @throws TtrpcStatus as {@link TtrpcClient#call}
     */
    public void send(byte[] message) {
        if (!sending) {
            throw new IllegalStateException("nothing can be sent on this stream (any more)");
        }
        client.send(id, message, false, nanosLeft.getAsLong());
    }

    /** Tells the server that no message will follow. */
    public void closeSend() {
        if (sending) {
            sending = false;
            client.send(id, Envelope.NOTHING, true, nanosLeft.getAsLong());
        }
    }

    /**
     * Waits for the next message.
     *
     * @return null when the server has ended the stream and all is well
     * @throws TtrpcStatus what the server ended the stream with, or as {@link TtrpcClient#call}
     */
    public byte @Nullable [] receive() {
        return inbox.take(nanosLeft.getAsLong());
    }

    /** Sends no more and receives no more; what still comes is dropped. */
    @Override
    public void close() {
        client.forget(id);
        if (client.isOpen()) {
            try {
                closeSend();
            } catch (TtrpcStatus e) {
                sending = false; // the connection went meanwhile, or nobody reads it: the server will not miss us
            }
        }
    }
}
