package dev.berth.images;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdIOException;
import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.MediaTypes.Compression;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.PushbackInputStream;
import java.security.MessageDigest;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A layer's archive, unpacked from its bytes on the fly and hashed. How it is packed is told by the first bytes, as in every other
 * runtime: media types are often wrong.
 *
 * <p>What is wrong with the bytes leaves {@code read} as a {@code Fault}, so that nobody between here and the pull has to know.
 */
final class LayerStream extends InputStream {
    private static final int MAGIC = 4;

    /**
     * 128 MiB of memory outside the heap for each layer that is being unpacked, at most: what zstd --long and --ultra make, and what
     * every other unpacker takes without being asked for more. Told the library, so that its default is not ours.
     */
    private static final int ZSTD_WINDOW_LOG = 27;

    /** Of the whole process, so that all windows together have 512 MiB at most; who comes later waits. */
    static final Semaphore ZSTD_AT_ONCE = new Semaphore(4, true);

    private static final long BOMB_BYTES = 1L << 30;
    private static final long BOMB_RATIO = 400;

    private final Descriptor layer;
    private final InputStream archive;
    private final MessageDigest hasher;
    private final long maxBytes;
    private long count;
    private long unpacking; // nanoseconds
    private long hashing; // nanoseconds

    /** @param harmless how many bytes are never too many, however few they were packed */
    LayerStream(Descriptor layer, MessageDigest hasher, InputStream archive, long harmless) {
        this.layer = layer;
        this.archive = archive;
        this.hasher = hasher;
        this.maxBytes = Math.max(harmless, saturated(layer.size()));
    }

    private static long saturated(long size) {
        return size > Long.MAX_VALUE / BOMB_RATIO ? Long.MAX_VALUE : size * BOMB_RATIO;
    }

    /**
     * Opens a layer.
     *
     * @param packed its bytes as they come from the registry or the store; closed with this stream
     * @throws Fault INVALID_ARGUMENT if it is not packed as it seems; UNAVAILABLE if it cannot be read
     */
    static LayerStream open(Descriptor layer, Digest diffId, InputStream packed) {
        return open(layer, diffId.hasher(), packed);
    }

    /**
     * As {@link #open(Descriptor, Digest, InputStream)}, of bytes that are still coming: they hold a connection, for which those may
     * wait who have the decoders, so that nobody waits for a decoder here.
     *
     * @return null if there is no decoder at hand; the pipe lets all bytes pass then
     */
    static @Nullable LayerStream openComing(Descriptor layer, Digest diffId, ChunkPipe coming) {
        return open(layer, diffId.hasher(), coming, () -> {
            boolean taken = ZSTD_AT_ONCE.tryAcquire();
            if (!taken) {
                coming.decline();
            }
            return taken;
        });
    }

    /** As {@link #open(Descriptor, Digest, InputStream)}, of a layer that nobody has told the diff id of. */
    static LayerStream open(Descriptor layer, InputStream packed) {
        return open(layer, Digest.sha256Hasher(), packed);
    }

    private static LayerStream open(Descriptor layer, MessageDigest hasher, InputStream packed) {
        return Objects.requireNonNull(open(layer, hasher, packed, () -> {
            try {
                ZSTD_AT_ONCE.acquire();
                return true;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw interrupted(layer, e);
            }
        }));
    }

    private static @Nullable LayerStream open(
            Descriptor layer, MessageDigest hasher, InputStream packed, BooleanSupplier place) {
        try (var undo = new Rollback()) {
            undo.add("bytes of layer " + layer.digest(), packed::close);
            var peeking = new PushbackInputStream(packed, MAGIC);
            byte[] magic = peeking.readNBytes(MAGIC);
            peeking.unread(magic);
            InputStream archive = switch (compression(magic)) {
                case GZIP -> new GzipStream(peeking);
                case ZSTD -> place.getAsBoolean() ? decoder(ZSTD_AT_ONCE, peeking) : null;
                case NONE -> peeking;
            };
            if (archive == null) {
                return null;
            }
            undo.commit();
            return new LayerStream(layer, hasher, archive, BOMB_BYTES);
        } catch (IOException e) {
            throw wrong(layer, e);
        }
    }

    /** Waits for a place, and takes it until it is closed. */
    static InputStream zstd(Semaphore places, InputStream packed) throws IOException, InterruptedException {
        places.acquire();
        return decoder(places, packed);
    }

    /** Of one who has a place; given back when the stream is closed. */
    private static InputStream decoder(Semaphore places, InputStream packed) throws IOException {
        try (var undo = new Rollback()) {
            undo.add("the place of a decoder", places::release);
            var archive = new FilterInputStream(new ZstdInputStreamNoFinalizer(packed).setLongMax(ZSTD_WINDOW_LOG)) {
                private final AtomicBoolean open = new AtomicBoolean(true);

                @Override
                public void close() throws IOException {
                    try {
                        super.close();
                    } finally {
                        if (open.getAndSet(false)) {
                            places.release();
                        }
                    }
                }
            };
            undo.commit();
            return archive;
        }
    }

    static Compression compression(byte[] magic) {
        if (magic.length >= 2 && (magic[0] & 0xff) == 0x1f && (magic[1] & 0xff) == 0x8b) {
            return Compression.GZIP;
        }
        if (magic.length == MAGIC) {
            int word = (magic[0] & 0xff) | (magic[1] & 0xff) << 8 | (magic[2] & 0xff) << 16 | (magic[3] & 0xff) << 24;
            if (word == 0xfd2fb528 || (word & 0xfffffff0) == 0x184d2a50) { // a frame, or one to be skipped
                return Compression.ZSTD;
            }
        }
        return Compression.NONE;
    }

    /**
     * Reads what is left, and compares what all of it was with the image's config.
     *
     * @throws Fault FAILED_PRECONDITION if it is another archive than the config names
     */
    void verify(Digest diffId) {
        readOn();
        Digest actual = diffId.finish(hasher);
        if (!actual.equals(diffId)) {
            throw Fault.precondition(
                    "layer " + layer.digest(),
                    "unpacked it is " + actual + ", but the image's config says " + diffId,
                    ImageTree.BUILD_AGAIN);
        }
    }

    /** Reads what is left, and tells the sha256 digest of all of it. Of a stream that was opened without a diff id; once. */
    Digest digest() {
        readOn();
        return Digest.sha256(hasher);
    }

    /** Nanoseconds in which bytes were unpacked, or waited for. */
    long unpacking() {
        return unpacking;
    }

    /** Nanoseconds in which bytes were hashed. */
    long hashing() {
        return hashing;
    }

    /** Whether it was given up because it has so few bytes for what they unpack to. */
    boolean isBomb() {
        return count > maxBytes;
    }

    /** Bytes read so far, unpacked. */
    long count() {
        return count;
    }

    private void readOn() {
        byte[] rest = new byte[1 << 16];
        while (read(rest, 0, rest.length) >= 0) {
            // read on: the padding after the archive's end counts too
        }
    }

    @Override
    public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int from, int length) {
        long start = Spent.now();
        int got;
        try {
            got = archive.read(into, from, length);
        } catch (IOException e) {
            throw wrong(layer, e);
        }
        long unpacked = Spent.now();
        unpacking += unpacked - start;
        if (got > 0) {
            hasher.update(into, from, got);
            hashing += Spent.now() - unpacked;
            count += got;
            if (isBomb()) {
                throw Fault.exhausted(
                        "layer " + layer.digest(),
                        "its " + layer.size() + " bytes unpack to more than " + maxBytes,
                        "It looks like an attack; if it is not, make the image without huge empty files");
            }
        }
        return got;
    }

    private static Fault wrong(Descriptor layer, IOException e) {
        if (e instanceof InterruptedIOException) {
            return interrupted(layer, e);
        }
        if (e instanceof ZstdIOException zstd && zstd.getErrorCode() == Zstd.errFrameParameterWindowTooLarge()) {
            return Fault.invalid(
                            "layer " + layer.digest(),
                            "unpacking it takes a window of more than " + (1 << (ZSTD_WINDOW_LOG - 20)) + " MiB",
                            "Pack it with zstd --long=" + ZSTD_WINDOW_LOG + " or less")
                    .causedBy(e);
        }
        return ImageTree.broken(
                        "layer " + layer.digest(),
                        (e instanceof ZstdIOException ? "the zstd data is damaged or cut off: " : "") + e.getMessage())
                .causedBy(e);
    }

    private static Fault interrupted(Descriptor layer, Exception e) {
        return Fault.of(Fault.Code.CANCELLED, "layer " + layer.digest(), "it was interrupted", "")
                .causedBy(e);
    }

    @Override
    public void close() {
        try {
            archive.close();
        } catch (IOException e) {
            throw wrong(layer, e);
        }
    }
}
