package dev.berth.images;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The way of a layer's bytes from the connection to the unpacker. */
class LayerStreamTest {
    private static byte[] gzip(byte[] plain) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(packed)) {
            gzip.write(plain);
        }
        return packed.toByteArray();
    }

    private static byte[] noise(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    private static byte[] unpack(byte[] packed) throws IOException {
        try (var stream = new GzipStream(new ByteArrayInputStream(packed))) {
            return stream.readAllBytes();
        }
    }

    private static byte[] joined(byte[]... parts) {
        var all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 65_535, 65_536, 1_000_000})
    void unpacksGzip(int size) throws IOException {
        byte[] plain = noise(size);
        assertThat(unpack(gzip(plain))).isEqualTo(plain);
        assertThat(unpack(joined(gzip(plain), gzip(new byte[0]), gzip(plain)))).isEqualTo(joined(plain, plain));
    }

    @Test
    void skipsEveryPartOfAHeader() throws IOException {
        byte[] packed = gzip("text".getBytes(UTF_8));
        byte[] header = Arrays.copyOf(packed, 10);
        header[3] = 2 | 4 | 8 | 16;
        byte[] extras = joined(new byte[] {3, 0, 1, 2, 3}, "name\0comment\0".getBytes(UTF_8), new byte[2]);
        assertThat(unpack(joined(header, extras, Arrays.copyOfRange(packed, 10, packed.length))))
                .isEqualTo("text".getBytes(UTF_8));
    }

    @Test
    void refusesDamagedGzip() throws IOException {
        byte[] good = gzip(noise(100_000));
        for (int cut : new int[] {0, 1, 5, 10, 11, 50_000, good.length - 8, good.length - 1}) {
            assertThatThrownBy(() -> unpack(Arrays.copyOf(good, cut)))
                    .as("cut at " + cut)
                    .isInstanceOf(IOException.class);
        }
        for (int flipped : new int[] {0, 2, 3, good.length - 8, good.length - 1}) {
            byte[] bad = good.clone();
            bad[flipped] ^= 0x40;
            assertThatThrownBy(() -> unpack(bad)).as("flipped at " + flipped).isInstanceOf(IOException.class);
        }
        assertThatThrownBy(() -> unpack(joined(good, new byte[1]))).hasMessageContaining("follows");
        assertThatThrownBy(() -> unpack(joined(good, noise(30)))).hasMessageContaining("follows");
    }

    /** A frame of one byte in a raw block, whose header asks for a window of 2^log bytes. */
    private static byte[] zstd(int log) {
        return new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0, (byte) ((log - 10) << 3), 9, 0, 0, 'x'};
    }

    @Test
    @Timeout(60)
    void asManyZstdDecodersAsFitIntoMemory() throws Exception {
        Digest any = Digest.of(new byte[0]);
        Descriptor layer = Descriptor.of(MediaTypes.OCI_LAYER_ZSTD, any, 10);
        int most = LayerStream.ZSTD_AT_ONCE.availablePermits();
        var open = new ArrayList<LayerStream>();
        for (int i = 0; i < most; i++) {
            open.add(LayerStream.open(layer, any, new ByteArrayInputStream(zstd(27))));
        }
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var next = threads.submit(() -> LayerStream.open(layer, any, new ByteArrayInputStream(zstd(27))));
            while (!LayerStream.ZSTD_AT_ONCE.hasQueuedThreads()) {
                Thread.onSpinWait();
            }
            assertThat(next).isNotDone();
            open.getFirst().close();
            open.getFirst().close();
            open.add(next.get());
        }
        open.forEach(LayerStream::close);
        assertThat(LayerStream.ZSTD_AT_ONCE.availablePermits()).isEqualTo(most);
    }

    @Test
    void refusesZstdThatWouldTakeTooMuchMemory() throws IOException {
        Digest any = Digest.of(new byte[0]);
        Descriptor layer = Descriptor.of(MediaTypes.OCI_LAYER_ZSTD, any, 10);
        for (int log : new int[] {10, 23, 27}) {
            try (var stream = LayerStream.open(layer, any, new ByteArrayInputStream(zstd(log)))) {
                assertThat(stream.readAllBytes()).as("2^" + log).containsExactly('x');
            }
        }
        for (int log : new int[] {28, 31, 40}) {
            try (var stream = LayerStream.open(layer, any, new ByteArrayInputStream(zstd(log)))) {
                assertThatThrownBy(stream::readAllBytes)
                        .as("2^" + log)
                        .isInstanceOf(Fault.class)
                        .hasMessageContaining("a window of more than 128 MiB");
            }
        }
    }

    private static byte[] unpackAny(byte[] packed) throws IOException {
        Digest any = Digest.of(new byte[0]);
        Descriptor layer = Descriptor.of(MediaTypes.OCI_LAYER_ZSTD, any, packed.length);
        try (var stream = LayerStream.open(layer, any, new ByteArrayInputStream(packed))) {
            return stream.readAllBytes();
        }
    }

    /** Of those that are to be skipped there may be any number, each with a number of its own from 0 to 15. */
    @Test
    void unpacksEveryFrameOfZstd() throws IOException {
        byte[] plain = noise(300_000);
        byte[] one = Zstd.compress(plain);
        byte[] skipped = {0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'};
        byte[] another = {0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
        assertThat(unpackAny(joined(one, one))).isEqualTo(joined(plain, plain));
        assertThat(unpackAny(joined(skipped, one, another, skipped, one, another)))
                .isEqualTo(joined(plain, plain));
        assertThat(unpackAny(joined(another, Zstd.compress(new byte[0]), one))).isEqualTo(plain);
        assertThat(unpackAny(plain)).isEqualTo(plain);
    }

    @Test
    void refusesDamagedZstd() {
        byte[] good = Zstd.compress(noise(100_000));
        for (int cut : new int[] {4, 5, 9, 50_000, good.length - 1}) {
            assertRefusesZstd(Arrays.copyOf(good, cut));
        }
        assertRefusesZstd(joined(good, noise(30)));
        assertRefusesZstd(joined(good, new byte[512]));
        assertRefusesZstd(joined(good, Arrays.copyOf(good, 3)));
    }

    private static void assertRefusesZstd(byte[] packed) {
        assertThatThrownBy(() -> unpackAny(packed))
                .as(packed.length + " bytes")
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                .hasMessageContaining("the zstd data is damaged or cut off");
    }

    @Test
    void stopsBombs() throws IOException {
        byte[] plain = new byte[4 << 20];
        byte[] packed = gzip(plain);
        var layer = Descriptor.of(MediaTypes.OCI_LAYER_GZIP, Digest.of(packed), 100);
        try (var stream = new LayerStream(
                layer, Digest.of(plain).hasher(), new GzipStream(new ByteArrayInputStream(packed)), 1 << 20)) {
            assertThatThrownBy(() -> stream.verify(Digest.of(plain)))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.RESOURCE_EXHAUSTED))
                    .hasMessageContaining("unpack to more than");
        }
    }

    @Test
    void pipesInOrderAndEndsBothWays() throws Exception {
        byte[] all = noise(5_000_000);
        try (var threads = Executors.newSingleThreadExecutor();
                var pipe = new ChunkPipe()) {
            var read = threads.submit(pipe::readAllBytes);
            for (int at = 0; at < all.length; at += 7_777) {
                assertThat(pipe.put(ByteBuffer.wrap(all, at, Math.min(7_777, all.length - at))))
                        .isTrue();
            }
            pipe.finish();
            assertThat(read.get()).isEqualTo(all);
        }
        try (InputStream broken = failed()) {
            assertThat(broken.read()).isEqualTo(5);
            assertThatThrownBy(broken::read).hasMessageContaining("the download failed");
        }
        var abandoned = new ChunkPipe();
        abandoned.close();
        assertThat(abandoned.put(ByteBuffer.wrap(all))).isFalse();
    }

    private static InputStream failed() throws InterruptedException {
        var pipe = new ChunkPipe();
        pipe.put(ByteBuffer.wrap(new byte[] {5}));
        pipe.fail(new IOException("why"));
        return pipe;
    }
}
