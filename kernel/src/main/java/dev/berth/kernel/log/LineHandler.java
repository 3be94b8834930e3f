package dev.berth.kernel.log;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;
import java.util.logging.ErrorManager;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.SimpleFormatter;
import org.slf4j.MDC;

/** Writes each record as one line. */
final class LineHandler extends Handler {
    private static final SimpleFormatter MESSAGES = new SimpleFormatter(); // for its way with parameters

    private final OutputStream out;
    private volatile boolean json;

    LineHandler(OutputStream out) {
        this.out = out;
    }

    /** @param yes objects of JSON; else text for people */
    void json(boolean yes) {
        json = yes;
    }

    @Override
    public void publish(LogRecord record) {
        if (!isLoggable(record)) {
            return;
        }
        var line = new LogLine(
                record.getInstant(),
                word(record.getLevel()),
                Objects.requireNonNullElse(record.getLoggerName(), ""),
                Objects.requireNonNullElse(MESSAGES.formatMessage(record), ""),
                Objects.requireNonNullElse(MDC.getCopyOfContextMap(), Map.of()),
                record.getThrown());
        byte[] bytes = ((json ? line.json() : line.text()) + "\n").getBytes(StandardCharsets.UTF_8);
        try {
            out.write(bytes); // one call: lines of several threads do not mix
        } catch (IOException e) {
            reportError("standard error", e, ErrorManager.WRITE_FAILURE);
        }
    }

    private static String word(Level level) {
        int value = level.intValue();
        if (value >= Level.SEVERE.intValue()) {
            return "ERROR";
        }
        if (value >= Level.WARNING.intValue()) {
            return "WARN";
        }
        if (value >= Level.INFO.intValue()) {
            return "INFO";
        }
        return value >= Level.FINE.intValue() ? "DEBUG" : "TRACE";
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
