package dev.berth.snapshots;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;

/** The bytes of an archive, buffered, with the cut-off told apart from the end. Does not close the stream. */
final class TarInput {
    static final int BLOCK = 512;
    private static final int BUFFER = 1 << 18;

    private final InputStream in;
    private final byte[] buffer = new byte[BUFFER];
    private int position;
    private int limit;

    TarInput(InputStream in) {
        this.in = in;
    }

    /**
     * Reads one block.
     *
     * @return false if the stream ends before its first byte
     */
    boolean block(byte[] block) {
        int got = partOfBlock(block);
        if (got > 0 && got < BLOCK) {
            throw cutOff();
        }
        return got > 0;
    }

    /** Reads one block, or what there is of it. */
    int partOfBlock(byte[] block) {
        int got = 0;
        while (got < BLOCK && (position < limit || fill())) {
            int n = Math.min(BLOCK - got, limit - position);
            System.arraycopy(buffer, position, block, got, n);
            position += n;
            got += n;
        }
        return got;
    }

    /** Reads at most as much as fits, at least one byte. */
    void some(ByteBuffer target, long most) {
        if (position == limit && !fill()) {
            throw cutOff();
        }
        int n = (int) Math.min(Math.min(target.remaining(), most), limit - position);
        target.put(buffer, position, n);
        position += n;
    }

    /** Reads exactly as much as fits. */
    void full(byte[] target) {
        ByteBuffer rest = ByteBuffer.wrap(target);
        while (rest.hasRemaining()) {
            some(rest, rest.remaining());
        }
    }

    void skip(long bytes) {
        if (!skipUnlessAtEnd(bytes)) {
            throw cutOff();
        }
    }

    /** Skips, and says false if nothing is left to skip. */
    boolean skipUnlessAtEnd(long bytes) {
        long left = bytes;
        while (left > 0) {
            if (position == limit && !fill()) {
                if (left == bytes) {
                    return false;
                }
                throw cutOff();
            }
            int n = (int) Math.min(left, limit - position);
            position += n;
            left -= n;
        }
        return true;
    }

    /**
     * Reads over zeroes, of which archives have some at their end.
     *
     * @return how many, if something else comes after them; -1 if nothing does
     */
    long zeroes() {
        long zeroes = 0;
        while (position < limit || fill()) {
            for (; position < limit; position++) {
                if (buffer[position] != 0) {
                    return zeroes;
                }
                zeroes++;
            }
        }
        return -1;
    }

    /** Reads to the end of the stream. */
    void drain() {
        do {
            position = limit;
        } while (fill());
    }

    private boolean fill() {
        if (Thread.interrupted()) {
            throw LayerFault.cancelled();
        }
        try {
            position = 0;
            limit = Math.max(0, in.read(buffer));
            return limit > 0;
        } catch (IOException e) {
            limit = 0;
            throw LayerFault.unreadable(e);
        }
    }

    static Fault cutOff() {
        return LayerFault.malformed("the archive is cut off");
    }
}
