package dev.berth.network.cni;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes JSON so that what belongs to somebody else passes through as it came: order of members, nulls, and numbers
 * of any size and precision. The library that maps our own records drops nulls and rounds.
 *
 * <p>Values are {@link JsonObject}, {@link List}, {@link String}, {@link Boolean}, {@link Figure} (a number, kept as text) and null.
 */
final class Json {
    private static final int DEEPEST = 64;
    private static final String LITERAL = "-+.0123456789abcdefghijklmnopqrstuvwxyzE";

    /** A number as it was written. */
    record Figure(String text) {
        private static final String FORM = "-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?";

        Figure {
            if (!text.matches(FORM)) {
                throw new IllegalArgumentException("not a number: " + text);
            }
        }

        static Figure of(long value) {
            return new Figure(Long.toString(value));
        }
    }

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /**
     * Reads an object and nothing after it.
     *
     * @throws IllegalArgumentException with the place of the first mistake
     */
    static JsonObject object(byte[] utf8) {
        Json json = new Json(decode(utf8));
        Object value = json.value(0);
        json.space();
        if (json.at < json.text.length()) {
            throw json.mistake("something after the end");
        }
        if (value instanceof JsonObject object) {
            return object;
        }
        throw new IllegalArgumentException("not a JSON object");
    }

    private static String decode(byte[] utf8) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(utf8))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("not UTF-8", e);
        }
    }

    private @Nullable Object value(int depth) {
        if (depth > DEEPEST) {
            throw mistake("nested deeper than " + DEEPEST);
        }
        space();
        return switch (peek()) {
            case '{' -> members(depth);
            case '[' -> elements(depth);
            case '"' -> string();
            default -> literal();
        };
    }

    private JsonObject members(int depth) {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        at++;
        space();
        if (peek() == '}') {
            at++;
            return new JsonObject(members);
        }
        while (true) {
            space();
            if (peek() != '"') {
                throw mistake("expected a member's name");
            }
            String name = string();
            space();
            expect(':');
            members.put(name, value(depth + 1));
            space();
            if (peek() != ',') {
                expect('}');
                return new JsonObject(members);
            }
            at++;
        }
    }

    private List<@Nullable Object> elements(int depth) {
        List<@Nullable Object> elements = new ArrayList<>();
        at++;
        space();
        if (peek() == ']') {
            at++;
            return elements;
        }
        while (true) {
            elements.add(value(depth + 1));
            space();
            if (peek() != ',') {
                expect(']');
                return elements;
            }
            at++;
        }
    }

    private String string() {
        var read = new StringBuilder();
        at++;
        while (true) {
            char c = peek();
            at++;
            if (c == '"') {
                return read.toString();
            }
            if (c < ' ') {
                throw mistake("a control character in a string");
            }
            read.append(c == '\\' ? escaped() : c);
        }
    }

    private char escaped() {
        char c = peek();
        at++;
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> unicode();
            default -> throw mistake("an unknown escape");
        };
    }

    private char unicode() {
        if (at + 4 > text.length()) {
            throw mistake("it ends early");
        }
        String digits = text.substring(at, at + 4);
        if (!digits.matches("[0-9a-fA-F]{4}")) {
            throw mistake("an unknown escape");
        }
        at += 4;
        return (char) Integer.parseInt(digits, 16);
    }

    private @Nullable Object literal() {
        int start = at;
        while (at < text.length() && LITERAL.indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String word = text.substring(start, at);
        try {
            return switch (word) {
                case "true" -> true;
                case "false" -> false;
                case "null" -> null;
                default -> new Figure(word);
            };
        } catch (IllegalArgumentException e) {
            at = start;
            throw mistake("expected a value");
        }
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() {
        if (at >= text.length()) {
            throw mistake("it ends early");
        }
        return text.charAt(at);
    }

    private void expect(char wanted) {
        if (peek() != wanted) {
            throw mistake("expected " + wanted);
        }
        at++;
    }

    private IllegalArgumentException mistake(String what) {
        long line = text.substring(0, Math.min(at, text.length()))
                        .chars()
                        .filter(c -> c == '\n')
                        .count()
                + 1;
        return new IllegalArgumentException("not JSON, line " + line + ": " + what);
    }

    /** The value on one line. */
    static String write(@Nullable Object value) {
        var out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(@Nullable Object value, StringBuilder out) {
        switch (value) {
            case null -> out.append("null");
            case String string -> quote(string, out);
            case Boolean bool -> out.append(bool);
            case Figure number -> out.append(number.text());
            case JsonObject object -> {
                String separator = "{";
                for (Map.Entry<String, @Nullable Object> member :
                        object.members().entrySet()) {
                    quote(member.getKey(), out.append(separator));
                    write(member.getValue(), out.append(':'));
                    separator = ",";
                }
                out.append(object.members().isEmpty() ? "{}" : "}");
            }
            case List<?> list -> {
                out.append('[');
                for (int i = 0; i < list.size(); i++) {
                    write(list.get(i), i == 0 ? out : out.append(','));
                }
                out.append(']');
            }
            default -> throw new IllegalArgumentException("not a JSON value: " + value.getClass());
        }
    }

    private static void quote(String string, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < string.length(); i++) {
            char c = string.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || Character.isSurrogate(c)) {
                out.append(String.format("\\u%04x", (int) c)); // lone surrogates have no UTF-8
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
