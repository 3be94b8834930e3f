package dev.berth.images;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.ZipException;

/**
 * Unpacks gzip, all members of it, to the last byte. The JDK's own stream asks {@code available()} whether another member
 * follows and silently drops it if none has arrived yet.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc1952">RFC 1952</a>
 */
final class GzipStream extends InputStream {
    private static final int HEADER_CRC = 2;
    private static final int EXTRA = 4;
    private static final int NAME = 8;
    private static final int COMMENT = 16;
    private static final int RESERVED = 0xe0;

    private final InputStream packed;
    private final byte[] buffer = new byte[1 << 16];
    private final Inflation inflation;
    private final CRC32 checksum = new CRC32();
    private int position;
    private int limit;
    private boolean inMember;
    private boolean first = true;
    private boolean closed;
    private long unpacked; // of this member

    GzipStream(InputStream packed) {
        this(packed, Inflation.open());
    }

    /** @param inflation closed with this stream */
    GzipStream(InputStream packed, Inflation inflation) {
        this.packed = packed;
        this.inflation = inflation;
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
        if (closed) {
            throw new IOException("the stream is closed");
        }
        while (inMember || beginMember()) {
            int count = inflate(into, from, length);
            if (count > 0) {
                checksum.update(into, from, count);
                return count;
            }
        }
        return -1;
    }

    private int inflate(byte[] into, int from, int length) throws IOException {
        int count = inflation.inflate(into, from, length);
        if (count > 0) {
            unpacked += count;
            return count;
        }
        if (inflation.finished()) {
            position = limit - inflation.remaining();
            endMember();
        } else {
            if (!fill()) {
                throw new EOFException("the gzip data is cut off");
            }
            inflation.input(buffer, 0, limit);
        }
        return 0;
    }

    private boolean beginMember() throws IOException {
        if (position == limit && !fill()) {
            if (first) {
                throw new EOFException("there is no gzip data");
            }
            return false;
        }
        if (next() != 0x1f || next() != 0x8b) {
            throw new ZipException(first ? "this is no gzip data" : "something else follows the gzip data");
        }
        int method = next();
        int flags = next();
        if (method != 8 || (flags & RESERVED) != 0) {
            throw new ZipException("the gzip data is packed in an unknown way");
        }
        skip(6); // time, extra flags, system
        if ((flags & EXTRA) != 0) {
            skip(next() | next() << 8);
        }
        for (int flag : new int[] {NAME, COMMENT}) {
            if ((flags & flag) != 0) {
                skipText();
            }
        }
        if ((flags & HEADER_CRC) != 0) {
            skip(2);
        }
        inflation.reset();
        inflation.input(buffer, position, limit - position);
        unpacked = 0;
        checksum.reset();
        inMember = true;
        first = false;
        return true;
    }

    private void endMember() throws IOException {
        long expected = word();
        long size = word();
        if (expected != checksum.getValue() || size != (unpacked & 0xffffffffL)) {
            throw new ZipException("the gzip data is damaged: wrong check sum");
        }
        inMember = false;
    }

    private long word() throws IOException {
        return next() | next() << 8 | next() << 16 | (long) next() << 24;
    }

    private void skip(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            next();
        }
    }

    private void skipText() throws IOException {
        int c = next();
        while (c != 0) {
            c = next();
        }
    }

    private int next() throws IOException {
        if (position == limit && !fill()) {
            throw new EOFException("the gzip data is cut off");
        }
        return buffer[position++] & 0xff;
    }

    private boolean fill() throws IOException {
        position = 0;
        limit = Math.max(0, packed.read(buffer, 0, buffer.length));
        return limit > 0;
    }

    @Override
    public void close() throws IOException {
        if (!closed) {
            closed = true;
            inflation.close();
            packed.close();
        }
    }
}
