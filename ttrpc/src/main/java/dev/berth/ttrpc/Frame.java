package dev.berth.ttrpc;

import java.nio.ByteBuffer;

/**
 * One message on the wire: ten bytes of header (length, stream id, type, flags; numbers are big-endian) and its data.
 *
 * @param tooLong the peer announced more than the limit; the data were skipped
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Frame(int stream, byte type, byte flags, byte[] data, boolean tooLong) {
    static final int HEADER = 10;
    static final int MAX_DATA = 4 << 20;

    static final byte REQUEST = 1;
    static final byte RESPONSE = 2;
    static final byte DATA = 3;

    /** The sender will send no more data on this stream. */
    static final byte REMOTE_CLOSED = 1;
    /** The sender will send data on this stream. */
    static final byte REMOTE_OPEN = 2;
    /** The frame carries no message, which is something else than an empty message. */
    static final byte NO_DATA = 4;

    boolean has(byte flag) {
        return (flags & flag) != 0;
    }

    /** The frame as bytes to send. */
    static ByteBuffer encode(int stream, byte type, int flags, byte[] data) {
        return ByteBuffer.allocate(HEADER + data.length)
                .putInt(data.length)
                .putInt(stream)
                .put(type)
                .put((byte) flags)
                .put(data)
                .flip();
    }
}
