package dev.berth.shim.stdio;

import java.nio.ByteBuffer;

/** The memory in which one thread turns output into lines; all that pumps need, however much is written. */
final class Buffers {
    /** At most so much is taken from a pipe at once: what a pipe holds unless somebody made it larger. */
    static final int CHUNK_BYTES = 64 * 1024;

    private static final int OUT_BYTES = 128 * 1024;

    /** What waited for the rest of its line, and after it a chunk. */
    final byte[] bytes = new byte[CriLines.LINE_BYTES + CHUNK_BYTES];

    /** The way between a file and {@link #bytes}. */
    final ByteBuffer in = ByteBuffer.allocateDirect(CHUNK_BYTES);

    /** Lines on their way to the log. */
    final ByteBuffer out = ByteBuffer.allocateDirect(OUT_BYTES);
}
