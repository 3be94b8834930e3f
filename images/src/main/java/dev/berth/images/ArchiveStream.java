package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.oci.MediaTypes.Compression;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.PushbackInputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Semaphore;

/** An archive of images, unpacked on the fly if it is packed. What grows out of all proportion is refused. */
final class ArchiveStream extends InputStream {
    private static final int MAGIC = 4;
    /** As {@link LayerStream#ZSTD_AT_ONCE}, but others: a client that sends slowly must not keep pulls waiting. */
    private static final Semaphore ZSTD_AT_ONCE = new Semaphore(2, true);

    private static final long HARMLESS = 1L << 30;
    private static final long MOST_TIMES = 400;

    /** Counts what comes in, and knows whether it stopped coming. */
    private static final class Counted extends FilterInputStream {
        private long count;
        private boolean broken;

        Counted(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int from, int length) throws IOException {
            broken = true;
            int got = super.read(into, from, length);
            broken = false;
            count += Math.max(0, got);
            return got;
        }
    }

    private final Counted packed;
    private final InputStream archive;
    private final boolean isPacked;
    private final long harmless;
    private long count;

    /** @param in stays the caller's */
    ArchiveStream(InputStream in) throws IOException {
        this(in, HARMLESS);
    }

    /** @param harmless how many bytes are never too many, however few they were packed */
    ArchiveStream(InputStream in, long harmless) throws IOException {
        this.harmless = harmless;
        packed = new Counted(in);
        var peeking = new PushbackInputStream(packed, MAGIC);
        byte[] magic = peeking.readNBytes(MAGIC);
        peeking.unread(magic);
        Compression compression = LayerStream.compression(magic);
        if (compression == Compression.NONE) {
            requireNoOther(magic);
        }
        isPacked = compression != Compression.NONE;
        archive = switch (compression) {
            case GZIP -> new GzipStream(peeking);
            case ZSTD -> zstd(peeking);
            case NONE -> peeking;
        };
    }

    private static void requireNoOther(byte[] magic) {
        String start = new String(magic, StandardCharsets.ISO_8859_1);
        String other = start.equals("\u00fd7zX")
                ? "xz"
                : start.matches("BZh[1-9]") ? "bzip2" : start.equals("PK\u0003\u0004") ? "zip" : "";
        if (!other.isEmpty()) {
            throw Fault.invalid(
                    "read the archive", "it is packed with " + other, "Unpack it first, or pack it with gzip or zstd");
        }
    }

    private static InputStream zstd(InputStream packed) throws IOException {
        try {
            return LayerStream.zstd(ZSTD_AT_ONCE, packed);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted").initCause(e);
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
        int got = unpack(into, from, length);
        count += Math.max(0, got);
        if (isPacked && count > harmless && count / MOST_TIMES > packed.count) {
            throw Fault.exhausted(
                    "read the archive",
                    packed.count + " bytes of it unpack to more than " + count,
                    "It looks like an attack; if it is not, unpack it first");
        }
        return got;
    }

    private int unpack(byte[] into, int from, int length) throws IOException {
        try {
            return archive.read(into, from, length);
        } catch (IOException e) {
            if (packed.broken) {
                throw e;
            }
            throw ArchiveReader.bad("it is not packed as it seems: " + e.getMessage())
                    .causedBy(e);
        }
    }

    @Override
    public void close() throws IOException {
        archive.close();
    }
}
