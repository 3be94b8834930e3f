package dev.berth.cri.streaming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.Arrays;
import java.util.zip.Adler32;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.junit.jupiter.api.Test;

class SpdyHeadersTest {
    private static final byte[] ONE = {0, 0, 0, 1, 0, 0, 0, 1, 'a', 0, 0, 0, 2, 'b', 'c'};

    private final Deflater deflater = new Deflater();

    private byte[] compress(byte[] plain) {
        deflater.setInput(plain);
        byte[] out = new byte[1 << 16];
        return Arrays.copyOf(out, deflater.deflate(out, 0, out.length, Deflater.SYNC_FLUSH));
    }

    @Test
    void theDictionaryIsTheOneOfSpdy3() {
        var sum = new Adler32();
        sum.update(SpdyHeaders.dictionary());
        assertThat(SpdyHeaders.dictionary()).hasSize(1423);
        assertThat(sum.getValue()).isEqualTo(0xe3c6a7c2L); // the protocol names it
    }

    @Test
    void blocksAreOneStream() throws IOException {
        deflater.setDictionary(SpdyHeaders.dictionary());
        try (var headers = new SpdyHeaders()) {
            for (int i = 0; i < 3; i++) {
                assertThat(headers.read(compress(ONE))).containsEntry("a", "bc").hasSize(1);
            }
        }
    }

    @Test
    void emptyBlocksAreReadByAnOrdinaryInflater() throws Exception {
        var empty = new SpdyHeaders.Empty();
        var inflater = new Inflater();
        for (int i = 0; i < 3; i++) {
            inflater.setInput(empty.next());
            byte[] plain = new byte[16];
            int n = inflater.inflate(plain);
            if (n == 0 && inflater.needsDictionary()) {
                inflater.setDictionary(SpdyHeaders.dictionary());
                n = inflater.inflate(plain);
            }
            assertThat(Arrays.copyOf(plain, n)).isEqualTo(new byte[] {0, 0, 0, 0});
            assertThat(inflater.getRemaining()).isZero();
        }
        inflater.end();
    }

    @Test
    void aBlockThatGrowsTooLargeIsRefused() {
        deflater.setDictionary(SpdyHeaders.dictionary());
        byte[] bomb = compress(new byte[1 << 20]);
        try (var headers = new SpdyHeaders()) {
            assertThatThrownBy(() -> headers.read(bomb))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("too long");
        }
    }

    @Test
    void whatIsNoBlockIsRefused() {
        for (byte[] bad : new byte[][] {
            {},
            {1, 2, 3},
            {0, 0, 0, 1, 0, 0, 0, 1},
            {(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff},
            {0, 0, 0, 1, 0x7f, (byte) 0xff, (byte) 0xff, (byte) 0xff, 'a'}
        }) {
            var fresh = new Deflater();
            fresh.setInput(bad);
            byte[] out = new byte[1024];
            byte[] block = Arrays.copyOf(out, fresh.deflate(out, 0, out.length, Deflater.SYNC_FLUSH));
            fresh.end();
            try (var headers = new SpdyHeaders()) {
                assertThatThrownBy(() -> headers.read(block)).isInstanceOf(IOException.class);
            }
            try (var headers = new SpdyHeaders()) {
                assertThatThrownBy(() -> headers.read(bad)).isInstanceOf(IOException.class);
            }
        }
    }
}
