package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.json.JsonException;
import io.avaje.jsonb.JsonType;
import io.avaje.jsonb.Jsonb;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** JSON from outside: measured before it is parsed, since a parser's stack and memory are easily spent. */
final class JsonText {
    static final int MAX_DEPTH = 64;

    /** Shared by all values of this module; thread-safe. */
    static final Jsonb JSONB = Adapters.of(
            Jsonb.builder().serializeNulls(false).serializeEmpty(false).add(JsonMaps.factory(false)));

    private JsonText() {}

    /**
     * Parses one JSON object.
     *
     * @param what the thing for error messages, as in {@code manifest sha256:…}
     * @param maxBytes refused above this size
     * @throws Fault INVALID_ARGUMENT if it is too large, too deep, not UTF-8, not JSON, or of other types than expected
     */
    static <T> T read(String what, JsonType<T> type, byte[] json, int maxBytes) {
        if (json.length > maxBytes) {
            throw bad(what, "it has " + json.length + " bytes, more than the " + maxBytes + " allowed", null);
        }
        String text = decode(what, json);
        checkShape(what, text);
        @Nullable T value;
        try {
            value = type.fromJson(text);
        } catch (JsonException | IllegalStateException | NumberFormatException e) {
            throw bad(what, "it is not the JSON expected: " + e.getMessage(), e);
        }
        if (value == null) {
            throw bad(what, "it is the JSON word null", null);
        }
        return value;
    }

    private static String decode(String what, byte[] json) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(json))
                    .toString();
        } catch (CharacterCodingException e) {
            throw bad(what, "it is not UTF-8 text", e);
        }
    }

    private static void checkShape(String what, String text) {
        int depth = 0;
        boolean quoted = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (quoted) {
                i += c == '\\' ? 1 : 0;
                quoted = c != '"';
            } else if (c == '"') {
                quoted = true;
            } else if (c == '{' || c == '[') {
                depth++;
            } else if (c == '}' || c == ']') {
                depth--;
            }
            if (depth == 0
                    && (c == '}' || c == ']')
                    && !quoted
                    && !text.substring(i + 1).isBlank()) {
                throw bad(what, "there is more text after its end", null);
            }
            if (depth > MAX_DEPTH) {
                throw bad(what, "it is nested deeper than " + MAX_DEPTH + " levels", null);
            }
        }
    }

    private static Fault bad(String what, String why, @Nullable Throwable cause) {
        Fault fault = Fault.invalid(what, why, "Correct it where it was made");
        return cause == null ? fault : fault.causedBy(cause);
    }
}
