package dev.berth.cri.streaming;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The sizes of the client's terminal, as it tells them: one JSON object after the other. */
public final class TerminalSizes {
    /** In characters. */
    public record Size(int width, int height) {}

    private static final int LONGEST_OBJECT = 1024;
    private static final Pattern WIDTH = Pattern.compile("\"width\"\\s*:\\s*(\\d{1,5})", Pattern.CASE_INSENSITIVE);
    private static final Pattern HEIGHT = Pattern.compile("\"height\"\\s*:\\s*(\\d{1,5})", Pattern.CASE_INSENSITIVE);
    private static final int MOST = 65535;

    private final InputStream in;

    TerminalSizes(InputStream in) {
        this.in = in;
    }

    /** Waits for the next size; null when no more will come. What is not a size is skipped. */
    public @Nullable Size next() {
        try {
            for (String object = object(); object != null; object = object()) {
                int width = number(WIDTH, object);
                int height = number(HEIGHT, object);
                if (width > 0 && height > 0) {
                    return new Size(width, height);
                }
            }
            return null;
        } catch (IOException e) {
            return null; // the client is gone, or sends no objects
        }
    }

    private @Nullable String object() throws IOException {
        var bytes = new byte[LONGEST_OBJECT];
        for (int length = 0; length < bytes.length; length++) {
            int b = in.read();
            if (b < 0) {
                return null;
            }
            bytes[length] = (byte) b;
            if (b == '}') {
                return new String(bytes, 0, length + 1, StandardCharsets.UTF_8);
            }
        }
        throw new IOException("a terminal's size has no end");
    }

    private static int number(Pattern pattern, String object) {
        Matcher found = pattern.matcher(object);
        return found.find() ? Math.min(MOST, Integer.parseInt(found.group(1))) : 0;
    }
}
