package dev.berth.kernel;

/**
 * Text of strangers in a place where it must stay one string on one line: in JSON, and in a log. What would end the line, move a
 * terminal's cursor, turn the direction of writing or is half of a character becomes an escape of JSON.
 */
public final class JsonString {
    private JsonString() {}

    /** The text as a string of JSON, in its quotes. */
    public static String of(String text) {
        var quoted = new StringBuilder(text.length() + 16);
        append(text, quoted);
        return quoted.toString();
    }

    /** Appends the text as a string of JSON, in its quotes. */
    public static void append(String text, StringBuilder to) {
        to.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                to.append('\\').append(c);
            } else {
                escape(c, to);
            }
        }
        to.append('"');
    }

    /** Appends the text without quotes; those in it, and backslashes, stay as they are. */
    public static void appendBare(String text, StringBuilder to) {
        for (int i = 0; i < text.length(); i++) {
            escape(text.charAt(i), to);
        }
    }

    private static void escape(char c, StringBuilder to) {
        if (isHarmless(c)) {
            to.append(c);
            return;
        }
        switch (c) {
            case '\n' -> to.append("\\n");
            case '\r' -> to.append("\\r");
            case '\t' -> to.append("\\t");
            default -> to.append(String.format("\\u%04x", (int) c));
        }
    }

    private static boolean isHarmless(char c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.UNASSIGNED,
                    Character.PRIVATE_USE -> false;
            default -> true;
        };
    }
}
