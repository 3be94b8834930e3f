package dev.berth.ttrpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.ttrpc.TtrpcStatus.Code;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Holds the hand-made encoding to the protocol's table. */
class EnvelopeTest {
    private static final Envelope.Request REQUEST =
            new Envelope.Request("s.S", "M", new byte[] {1, 2, 3}, 300, Map.of("k", List.of("v1", "")));
    private static final Envelope.Response RESPONSE =
            new Envelope.Response(new TtrpcStatus(Code.NOT_FOUND, "gone", List.of(new byte[] {9})), new byte[] {4});

    /** Field number and wire type of each field of a message, as the table has them. */
    private static Map<Integer, Integer> table(String message) throws IOException {
        Map<Integer, Integer> fields = new HashMap<>();
        boolean here = false;
        for (String line : Files.readAllLines(Path.of("../wire/tables/ttrpc.txt"))) {
            if (line.startsWith("message ")) {
                here = line.equals("message " + message);
            } else if (here && !line.isBlank()) {
                var words = List.of(line.trim().replace("repeated ", "").split(" ", -1));
                boolean number = words.get(1).startsWith("int");
                fields.put(Integer.parseInt(words.get(0)), number ? Wire.VARINT : Wire.BYTES);
            }
        }
        return fields;
    }

    private static List<String> fields(byte[] message) {
        List<String> found = new ArrayList<>();
        int at = 0;
        while (at < message.length) {
            int tag = message[at++];
            assertThat(tag).as("one-byte tags are enough for these messages").isPositive();
            int field = tag >>> 3;
            int type = tag & 7;
            long value = 0;
            for (int shift = 0; ; shift += 7) {
                byte b = message[at++];
                value |= (long) (b & 0x7f) << shift;
                if (b >= 0) {
                    break;
                }
            }
            String text = Long.toString(value);
            if (type == Wire.BYTES) {
                text = new String(message, at, (int) value, java.nio.charset.StandardCharsets.ISO_8859_1);
                at += (int) value;
            }
            found.add(field + ":" + type + ":" + text);
        }
        return found;
    }

    @Test
    void requestMatchesTheTable() throws Exception {
        var fields = fields(REQUEST.encode());
        assertThat(fields)
                .containsExactly("1:2:s.S", "2:2:M", "3:2:\1\2\3", "4:0:300", "5:2:\n\1k\22\2v1", "5:2:\n\1k");
        var table = table("ttrpc.Request");
        assertThat(table).hasSize(5);
        assertThat(fields).allSatisfy(field -> {
            var parts = List.of(field.split(":", 3));
            assertThat(table).containsEntry(Integer.parseInt(parts.get(0)), Integer.parseInt(parts.get(1)));
        });
        assertThat(table("ttrpc.KeyValue")).isEqualTo(Map.of(1, Wire.BYTES, 2, Wire.BYTES));
    }

    @Test
    void responseMatchesTheTable() throws Exception {
        assertThat(fields(RESPONSE.encode())).containsExactly("1:2:\b\5\22\4gone\32\1\t", "2:2:\4");
        assertThat(table("ttrpc.Response")).isEqualTo(Map.of(1, Wire.BYTES, 2, Wire.BYTES));
    }

    @Test
    void anOkResponseCarriesAStatusAllTheSame() {
        assertThat(Envelope.Response.ok(new byte[0]).encode()).containsExactly(10, 0);
    }

    @Test
    void whatIsEncodedIsDecoded() throws Exception {
        var request = Envelope.Request.decode(REQUEST.encode());
        assertThat(request).usingRecursiveComparison().isEqualTo(REQUEST);
        var response = Envelope.Response.decode(RESPONSE.encode());
        assertThat(response.payload()).containsExactly(4);
        assertThat(Objects.requireNonNull(response.failure()).code()).isEqualTo(Code.NOT_FOUND);
        assertThat(response.failure().details()).containsExactly(new byte[] {9});
    }

    @Test
    void negativeAndUnknownNumbersSurvive() throws Exception {
        var request = new Envelope.Request("a", "b", new byte[0], -1, Map.of());
        assertThat(Envelope.Request.decode(request.encode()).timeoutNanos()).isEqualTo(-1);
        byte[] odd = new WireWriter(8)
                .message(1, new WireWriter(8).number(1, 4711).done())
                .done();
        assertThat(Objects.requireNonNull(Envelope.Response.decode(odd).failure())
                        .code())
                .isEqualTo(Code.UNKNOWN);
    }

    @Test
    void unknownFieldsAreSkipped() throws Exception {
        byte[] extra = {
            (15 << 3) | Wire.FIXED64, 0, 0, 0, 0, 0, 0, 0, 0, (14 << 3) | Wire.FIXED32, 0, 0, 0, 0, 13 << 3, 5
        };
        byte[] known = REQUEST.encode();
        byte[] both = java.util.Arrays.copyOf(extra, extra.length + known.length);
        System.arraycopy(known, 0, both, extra.length, known.length);
        assertThat(Envelope.Request.decode(both)).usingRecursiveComparison().isEqualTo(REQUEST);
    }

    @Test
    void garbageIsMalformedAndNothingWorse() {
        byte[][] bad = {
            {0},
            {7},
            {10},
            {10, 5, 1},
            {10, -1, -1, -1, -1, 15},
            {8, 1},
            {0x1b},
            {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1}
        };
        for (byte[] bytes : bad) {
            assertThatThrownBy(() -> Envelope.Request.decode(bytes)).isInstanceOf(Wire.Malformed.class);
        }
        long seed = new Random().nextLong();
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = i % 2 == 0 ? new byte[random.nextInt(40)] : RESPONSE.encode();
            if (i % 2 == 0) {
                random.nextBytes(bytes);
            } else {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            try {
                Envelope.Request.decode(bytes);
                Envelope.Response.decode(bytes);
            } catch (Wire.Malformed expected) {
                assertThat(expected).hasMessageNotContaining("null");
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
    }
}
