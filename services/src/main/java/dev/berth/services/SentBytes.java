package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.berth.wire.containerd.transfertypes.Data;
import dev.berth.wire.containerd.transfertypes.WindowUpdate;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.time.Duration;

/** Bytes for a client over a stream, no more than it has room for. */
final class SentBytes extends OutputStream {
    private static final int MOST = 1 << 15;

    /** What a client grants at once. When so much is granted beyond what was sent, it has taken everything. */
    private static final int CLIENT_WINDOW = 2 * MOST;

    /** For clients that grant in other ways than containerd's. */
    private static final Duration LAST_GRANT = Duration.ofSeconds(5);

    private final ClientStream stream;
    private long room;
    private boolean sent;

    SentBytes(ClientStream stream) {
        this.stream = stream;
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
        int at = from;
        int left = length;
        while (left > 0) {
            while (room <= 0) {
                if (!grant(Duration.ofDays(1))) {
                    throw new IOException("the client wants no more");
                }
            }
            int count = (int) Math.min(Math.min(left, MOST), room);
            stream.send(Data.newBuilder()
                    .setData(ByteString.copyFrom(bytes, at, count))
                    .build());
            sent = true;
            room -= count;
            at += count;
            left -= count;
        }
    }

    private boolean grant(Duration limit) throws IOException {
        try {
            Any message = stream.receive(limit);
            if (message == null) {
                return false;
            }
            if (ClientStream.type(message).endsWith(".WindowUpdate")) {
                room += WindowUpdate.parseFrom(message.getValue()).getUpdate();
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted").initCause(e);
        }
    }

    /**
     * Waits until the client has taken everything, if it is one that tells. One that ends with the call, and not with the stream,
     * would lose what is still on the way.
     */
    void drain() throws IOException {
        while (sent && room < CLIENT_WINDOW && grant(LAST_GRANT)) {
            // what it grants it has room for again
        }
    }

    @Override
    public void close() {
        stream.close();
    }
}
