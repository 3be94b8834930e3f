package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.berth.kernel.Fault;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;

/** What an archive's packing does to it: bad bytes are the archive's fault, bytes that stop coming are not. */
class ArchiveStreamTest {
    private static final byte[] PLAIN = new byte[100_000];

    static {
        new Random(1).nextBytes(PLAIN);
    }

    private static byte[] gzip(byte[] plain) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(packed)) {
            out.write(plain);
        }
        return packed.toByteArray();
    }

    private static byte[] unpack(InputStream in) throws IOException {
        try (InputStream archive = new ArchiveStream(in)) {
            return archive.readAllBytes();
        }
    }

    @Test
    void whatIsPackedWronglyIsRefused() throws IOException {
        for (byte[] good : List.of(gzip(PLAIN), Zstd.compress(PLAIN))) {
            assertThat(unpack(new ByteArrayInputStream(good))).isEqualTo(PLAIN);
            byte[] followed = Arrays.copyOf(good, good.length + 20);
            for (byte[] bad :
                    List.of(Arrays.copyOf(good, good.length / 2), Arrays.copyOf(good, good.length - 1), followed)) {
                assertThatThrownBy(() -> unpack(new ByteArrayInputStream(bad)))
                        .isInstanceOfSatisfying(
                                Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                        .hasMessageContaining("it is not packed as it seems")
                        .hasMessageContaining("make it again");
            }
        }
    }

    @Test
    void whatStopsComingIsNotTheArchivesFault() throws IOException {
        InputStream broken = new InputStream() {
            @Override
            public int read() throws IOException {
                throw new IOException("the client is gone");
            }

            @Override
            public int read(byte[] into, int from, int length) throws IOException {
                return read();
            }
        };
        for (byte[] good : List.of(gzip(PLAIN), Zstd.compress(PLAIN), PLAIN)) {
            var half = new ByteArrayInputStream(good, 0, good.length / 2);
            assertThatThrownBy(() -> unpack(new SequenceInputStream(half, broken)))
                    .isInstanceOf(IOException.class)
                    .hasMessage("the client is gone");
        }
    }

    @Test
    void aBombIsRefused() throws IOException {
        byte[] packed = gzip(new byte[16 << 20]);
        try (InputStream bomb = new ArchiveStream(new ByteArrayInputStream(packed), 1 << 20)) {
            assertThatThrownBy(bomb::readAllBytes)
                    .isInstanceOfSatisfying(
                            Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.RESOURCE_EXHAUSTED));
        }
    }
}
