package dev.berth.services;

import com.google.protobuf.Any;
import dev.berth.wire.containerd.transfertypes.Data;
import dev.berth.wire.containerd.transfertypes.WindowUpdate;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;

/** Bytes that a client sends over a stream, no more than it was told that there is room for. */
final class ReceivedBytes extends InputStream {
    private static final int WINDOW = 1 << 20;

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    private final ClientStream stream;
    private ByteBuffer current = NOTHING;
    private long window;
    private boolean ended;

    ReceivedBytes(ClientStream stream) {
        this.stream = stream;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        while (!current.hasRemaining()) {
            if (ended || !next()) {
                ended = true;
                return -1;
            }
        }
        int count = Math.min(length, current.remaining());
        current.get(into, from, count);
        return count;
    }

    private boolean next() throws IOException {
        if (window < WINDOW) {
            stream.send(WindowUpdate.newBuilder().setUpdate(WINDOW).build());
            window += WINDOW;
        }
        try {
            Any message = stream.receive();
            if (message == null) {
                return false;
            }
            current = ClientStream.type(message).endsWith(".Data")
                    ? Data.parseFrom(message.getValue()).getData().asReadOnlyByteBuffer()
                    : NOTHING;
            window -= current.remaining();
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted").initCause(e);
        }
    }

    @Override
    public void close() {
        stream.close();
    }
}
