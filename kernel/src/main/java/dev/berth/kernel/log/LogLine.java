package dev.berth.kernel.log;

import dev.berth.kernel.JsonString;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One record of the log.
 *
 * @param logger full name of the class that says it
 * @param context what the work is about: {@code method}, {@code pod}, {@code container} and the like
 */
record LogLine(
        Instant at,
        String level,
        String logger,
        String message,
        Map<String, String> context,
        @Nullable Throwable error) {
    private static final String METHOD = "method";
    /** The order in which ids are shown; others follow by name. */
    private static final List<String> FIRST = List.of("pod", "container", "name", "image");

    private static final DateTimeFormatter TIME = new DateTimeFormatterBuilder()
            .appendPattern("uuuu-MM-dd'T'HH:mm:ss.SSS")
            .appendOffset("+HH:MM", "Z")
            .toFormatter(Locale.ROOT)
            .withZone(ZoneId.systemDefault());

    /** {@code time level [method] message pod=… container=…}. */
    String text() {
        var line = new StringBuilder(160);
        line.append(TIME.format(at)).append(' ').append(level).append(" [");
        JsonString.appendBare(context.getOrDefault(METHOD, simpleName(logger)), line);
        line.append("] ");
        JsonString.appendBare(message, line);
        ids().forEach((key, value) -> word(key, value, line));
        if (error != null) {
            word("error", trace(error), line);
        }
        return line.toString();
    }

    /** An object with the same members. */
    String json() {
        var line = new StringBuilder(240);
        member("time", TIME.format(at), line.append('{'));
        member("level", level, line.append(','));
        member("logger", logger, line.append(','));
        member("message", message, line.append(','));
        if (context.containsKey(METHOD)) {
            member(METHOD, context.getOrDefault(METHOD, ""), line.append(','));
        }
        ids().forEach((key, value) -> member(key, value, line.append(',')));
        if (error != null) {
            member("error", trace(error), line.append(','));
        }
        return line.append('}').toString();
    }

    private Map<String, String> ids() {
        var rest = new TreeMap<>(context);
        rest.remove(METHOD);
        var ids = new LinkedHashMap<String, String>();
        for (String key : FIRST) {
            String value = rest.remove(key);
            if (value != null) {
                ids.put(key, value);
            }
        }
        ids.putAll(rest);
        return ids;
    }

    private static String simpleName(String logger) {
        return logger.substring(logger.lastIndexOf('.') + 1);
    }

    private static String trace(Throwable error) {
        var text = new StringWriter();
        error.printStackTrace(new PrintWriter(text, true));
        return text.toString().strip();
    }

    /** A value that is more than a word is in quotes, so that none can pretend to be two. */
    private static void word(String key, String value, StringBuilder to) {
        to.append(' ').append(key).append('=');
        boolean plain = !value.isEmpty() && value.chars().allMatch(LogLine::isPlain);
        if (plain) {
            to.append(value);
        } else {
            JsonString.append(value, to);
        }
    }

    private static void member(String key, String value, StringBuilder to) {
        JsonString.append(key, to);
        JsonString.append(value, to.append(':'));
    }

    private static boolean isPlain(int c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || "._-/:@+".indexOf(c) >= 0;
    }
}
