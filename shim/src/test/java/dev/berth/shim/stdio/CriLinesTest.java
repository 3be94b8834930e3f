package dev.berth.shim.stdio;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CriLinesTest {
    private static final Instant TIME = Instant.parse("2016-10-06T00:17:09.669794202Z");

    private static String written(String text, Instant time) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        ByteBuffer out = ByteBuffer.allocateDirect(1 << 20);
        new CriLines("stdout").write(bytes, bytes.length, time, needed -> out);
        byte[] result = new byte[out.flip().remaining()];
        out.get(result);
        return new String(result, StandardCharsets.ISO_8859_1);
    }

    private static int waiting(String text) {
        return CriLines.waiting(text.getBytes(StandardCharsets.ISO_8859_1), text.length(), false);
    }

    @Test
    void linesAreAsCriSays() throws IOException {
        assertThat(written("one\n\nthree", TIME)).isEqualTo("""
                2016-10-06T00:17:09.669794202Z stdout F one
                2016-10-06T00:17:09.669794203Z stdout F\s
                2016-10-06T00:17:09.669794204Z stdout P three
                """);
    }

    @Test
    void theNanosecondsGoOnIntoTheNextSecond() throws IOException {
        assertThat(written("a\nb\n", Instant.parse("2016-12-31T23:59:59.999999999Z")))
                .isEqualTo("""
                2016-12-31T23:59:59.999999999Z stdout F a
                2017-01-01T00:00:00.000000000Z stdout F b
                """);
    }

    @Test
    void longLinesComeInParts() throws IOException {
        String exact = "x".repeat(CriLines.LINE_BYTES);
        assertThat(written(exact + "\n", TIME).lines())
                .hasSize(1)
                .first()
                .asString()
                .contains(" F x");
        assertThat(written(exact + "y\n", TIME).lines().map(line -> line.substring(38, 41)))
                .containsExactly("P x", "F y");
    }

    @Test
    void whatHasNoEndWaits() {
        assertThat(waiting("")).isZero();
        assertThat(waiting("a\n")).isZero();
        assertThat(waiting("a\nbc")).isEqualTo(2);
        assertThat(waiting("x".repeat(CriLines.LINE_BYTES))).isEqualTo(CriLines.LINE_BYTES);
        assertThat(waiting("x".repeat(CriLines.LINE_BYTES + 1))).isEqualTo(1);
        assertThat(waiting("x".repeat(3 * CriLines.LINE_BYTES))).isEqualTo(CriLines.LINE_BYTES);
        assertThat(CriLines.waiting("abc".getBytes(StandardCharsets.US_ASCII), 3, true))
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void whateverTheChunksTheLinesAreTheSame(long seed) throws IOException {
        Random random = new Random(seed);
        byte[] all = new byte[300_000];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) (random.nextInt(seed % 2 == 0 ? 100 : 20_000) == 0 ? '\n' : 'a' + random.nextInt(26));
        }
        assertThat(inChunks(all, random, 70_000)).isEqualTo(inChunks(all, random, 500));
        assertThat(Logged.bytes(inChunks(all, random, 5000), "stdout")).isEqualTo(all);
    }

    /** The log without its times. */
    private static String inChunks(byte[] all, Random random, int largest) throws IOException {
        CriLines lines = new CriLines("stdout");
        byte[] buffer = new byte[CriLines.LINE_BYTES + 70_000];
        ByteBuffer out = ByteBuffer.allocate(1 << 20);
        int waiting = 0;
        for (int from = 0; from < all.length; ) {
            int n = Math.min(all.length - from, 1 + random.nextInt(largest));
            System.arraycopy(all, from, buffer, waiting, n);
            from += n;
            int length = waiting + n;
            waiting = CriLines.waiting(buffer, length, from == all.length);
            lines.write(buffer, length - waiting, TIME, needed -> out);
            System.arraycopy(buffer, length - waiting, buffer, 0, waiting);
        }
        return new String(out.array(), 0, out.position(), StandardCharsets.ISO_8859_1)
                .replaceAll("(?m)^.{30} ", Instant.EPOCH + " ");
    }
}
