package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.linux.Igzip;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Random;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Both ways to inflate, on streams of every kind that come in pieces of every size. */
class InflationTest {
    private static final int STREAMS = 120;
    private static final int DAMAGES = 300;

    enum Way {
        ZLIB,
        ISAL;

        Inflation open() {
            return switch (this) {
                case ZLIB -> new Inflation.Zlib();
                case ISAL -> {
                    var igzip = Igzip.open();
                    assumeTrue(igzip.isPresent(), "libisal.so.2 is missing (libisal2)");
                    yield new Inflation.Isal(igzip.orElseThrow());
                }
            };
        }
    }

    @ParameterizedTest
    @EnumSource
    void unpacksWhateverWasPacked(Way way) throws IOException {
        for (int seed = 0; seed < STREAMS; seed++) {
            var random = new Random(seed);
            var plain = new ByteArrayOutputStream();
            var packed = new ByteArrayOutputStream();
            for (int member = random.nextInt(4); member >= 0; member--) {
                byte[] each = content(random);
                plain.write(each);
                packed.write(gzip(each, random.nextInt(-1, 10)));
            }
            byte[] got = unpack(way, new Pieces(packed.toByteArray(), random), random);
            assertThat(got).as("seed " + seed).isEqualTo(plain.toByteArray());
        }
    }

    /** Whatever is wrong is either found or harmless: the check sum is compared in the end. */
    @ParameterizedTest
    @EnumSource
    void damageIsFound(Way way) throws IOException {
        for (int seed = 0; seed < DAMAGES; seed++) {
            var random = new Random(seed);
            byte[] plain = content(random);
            byte[] packed = gzip(plain, 6);
            packed[10 + random.nextInt(packed.length - 10)] ^= (byte) (1 << random.nextInt(8));
            byte[] got;
            try {
                got = unpack(way, new Pieces(packed, random), random);
            } catch (ZipException | EOFException found) {
                continue;
            }
            assertThat(got).as("seed " + seed).isEqualTo(plain);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsCutOffIsFound(Way way) throws IOException {
        for (int seed = 0; seed < DAMAGES; seed++) {
            var random = new Random(seed);
            byte[] packed = gzip(content(random), 6);
            byte[] part = java.util.Arrays.copyOf(packed, 1 + random.nextInt(packed.length - 1));
            assertThatThrownBy(() -> unpack(way, new Pieces(part, random), random))
                    .as("seed " + seed)
                    .isInstanceOf(IOException.class);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatFollowsIsRefused(Way way) throws IOException {
        var random = new Random(1);
        var packed = new ByteArrayOutputStream();
        packed.write(gzip(content(random), 6));
        packed.write("more".getBytes(java.nio.charset.StandardCharsets.UTF_8));
        assertThatThrownBy(() -> unpack(way, new Pieces(packed.toByteArray(), random), random))
                .isInstanceOf(ZipException.class)
                .hasMessageContaining("something else follows");
    }

    private static byte[] unpack(Way way, InputStream packed, Random random) throws IOException {
        var got = new ByteArrayOutputStream();
        byte[] into = new byte[1 + random.nextInt(300_000)];
        try (var stream = new GzipStream(packed, way.open())) {
            for (int count = stream.read(into, 0, into.length); count >= 0; count = stream.read(into, 0, into.length)) {
                got.write(into, 0, count);
            }
        }
        return got.toByteArray();
    }

    private static byte[] content(Random random) {
        byte[] bytes = new byte[random.nextInt(3) == 0 ? random.nextInt(100) : random.nextInt(400_000)];
        switch (random.nextInt(4)) {
            case 0 -> random.nextBytes(bytes);
            case 1 -> {
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i] = (byte) ('a' + random.nextInt(5));
                }
            }
            case 2 -> {
                for (int i = 0; i < bytes.length; i++) { // far repetitions
                    bytes[i] = i < 30_000 ? (byte) random.nextInt(256) : bytes[i - 30_000];
                }
            }
            default -> {}
        }
        return bytes;
    }

    private static byte[] gzip(byte[] plain, int level) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(packed) {
            {
                def.setLevel(level);
                def.setStrategy(plain.length % 2 == 0 ? Deflater.DEFAULT_STRATEGY : Deflater.HUFFMAN_ONLY);
            }
        }) {
            gzip.write(plain);
        }
        return packed.toByteArray();
    }

    /** Gives bytes in pieces, some of them single ones. */
    private static final class Pieces extends InputStream {
        private final ByteArrayInputStream all;
        private final Random random;

        Pieces(byte[] all, Random random) {
            this.all = new ByteArrayInputStream(all);
            this.random = random;
        }

        @Override
        public int read() {
            return all.read();
        }

        @Override
        public int read(byte[] into, int from, int length) {
            int most = switch (random.nextInt(3)) {
                case 0 -> 1 + random.nextInt(9);
                case 1 -> 1 + random.nextInt(5000);
                default -> length;
            };
            return all.read(into, from, Math.min(most, length));
        }
    }
}
