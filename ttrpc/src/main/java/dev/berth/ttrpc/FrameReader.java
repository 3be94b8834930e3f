package dev.berth.ttrpc;

import java.io.EOFException;
import java.io.IOException;
import java.net.ProtocolException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import org.jspecify.annotations.Nullable;

/** Reads frames from one channel; only one thread may use it. */
final class FrameReader {
    private static final int BUFFER = 16 << 10;

    private final ReadableByteChannel channel;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER).flip();

    FrameReader(ReadableByteChannel channel) {
        this.channel = channel;
    }

    /**
     * The next frame; null if the peer has closed between two frames.
     *
     * @throws ProtocolException if what comes is not ttrpc
     * @throws EOFException if the peer has closed within a frame
     */
    @Nullable
    Frame read() throws IOException {
        if (!buffer.hasRemaining() && !fill()) {
            return null;
        }
        while (buffer.remaining() < Frame.HEADER) {
            if (!fill()) {
                throw new EOFException("the peer closed within a frame");
            }
        }
        int length = buffer.getInt();
        int stream = buffer.getInt();
        byte type = buffer.get();
        byte flags = buffer.get();
        if (length >>> 24 != 0) { // reserved by the protocol, so this is not ttrpc; do not wait for gigabytes
            throw new ProtocolException("not a ttrpc frame: its length begins with " + (length >>> 24));
        }
        if (length > Frame.MAX_DATA) {
            skip(length);
            return new Frame(stream, type, flags, Envelope.NOTHING, true);
        }
        return new Frame(stream, type, flags, data(length), false);
    }

    private byte[] data(int length) throws IOException {
        if (length == 0) {
            return Envelope.NOTHING;
        }
        byte[] data = new byte[length];
        int there = Math.min(length, buffer.remaining());
        buffer.get(data, 0, there);
        ByteBuffer rest = ByteBuffer.wrap(data, there, length - there);
        while (rest.hasRemaining()) {
            if (channel.read(rest) < 0) {
                throw new EOFException("the peer closed within a frame");
            }
        }
        return data;
    }

    private void skip(int length) throws IOException {
        int left = length;
        while (left > 0) {
            if (!buffer.hasRemaining() && !fill()) {
                throw new EOFException("the peer closed within a frame");
            }
            int step = Math.min(left, buffer.remaining());
            buffer.position(buffer.position() + step);
            left -= step;
        }
    }

    private boolean fill() throws IOException {
        buffer.compact();
        try {
            return channel.read(buffer) >= 0;
        } finally {
            buffer.flip();
        }
    }
}
