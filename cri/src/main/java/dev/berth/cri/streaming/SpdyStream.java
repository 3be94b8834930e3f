package dev.berth.cri.streaming;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One stream that a client has opened: what it sends is in the inbox, what it gets is written to the output. */
final class SpdyStream {
    private static final Logger LOG = LoggerFactory.getLogger(SpdyStream.class);

    private final SpdyConnection connection;
    private final int id;
    private final Map<String, String> headers;
    private final Inbox in;
    private final OutputStream out = new Out();

    /** Bytes that were taken since the client was last told that there is room again. */
    private final AtomicInteger uncredited = new AtomicInteger();

    private volatile boolean sentLast;
    private volatile boolean receivedLast;

    SpdyStream(SpdyConnection connection, int id, Map<String, String> headers) {
        this.connection = connection;
        this.id = id;
        this.headers = headers;
        this.in = new Inbox(connection.reserve(), new Inbox.Sender() {
            @Override
            public void feel() throws IOException {
                connection.feel();
            }

            @Override
            public void taken(int bytes) {
                credit(bytes);
            }
        });
    }

    int id() {
        return id;
    }

    /** A header's value, empty if there is none. */
    String header(String name) {
        return headers.getOrDefault(name, "");
    }

    Inbox in() {
        return in;
    }

    /** Writing waits for the client; closing says that no more will come. */
    OutputStream out() {
        return out;
    }

    /** Agrees to the stream. */
    void accept() throws IOException {
        connection.sendReply(id);
    }

    /** Gives the stream up in both directions. */
    void reset(int code) throws IOException {
        in.close();
        connection.sendReset(this, code);
    }

    void receive(byte[] bytes, boolean last) throws IOException {
        in.put(bytes);
        if (last) {
            endOfInput();
        }
    }

    /** A client that keeps windows sends no more than can be held, if it hears only of what has been taken. */
    private void credit(int bytes) {
        try {
            if (!receivedLast) {
                connection.credit(id, uncredited, bytes);
            }
            connection.credit(bytes);
        } catch (IOException e) {
            LOG.debug("the client is gone, which whoever reads the connection will see", e);
        }
    }

    void endOfInput() {
        receivedLast = true;
        in.end();
    }

    boolean hasSentLast() {
        return sentLast;
    }

    void setSentLast() {
        sentLast = true;
    }

    boolean hasReceivedLast() {
        return receivedLast;
    }

    private final class Out extends OutputStream {
        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            connection.sendData(SpdyStream.this, bytes, offset, length, false);
        }

        @Override
        public void close() throws IOException {
            connection.sendData(SpdyStream.this, new byte[0], 0, 0, true);
        }
    }
}
