package dev.berth.kernel.log;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.EnumSet;
import java.util.Map;
import org.tinylog.Level;
import org.tinylog.core.LogEntry;
import org.tinylog.core.LogEntryValue;
import org.tinylog.writers.Writer;

/** Writes each record as one line to the standard error stream; tinylog finds it by the name "line". */
public final class LineWriter implements Writer {
    private final boolean json;
    private final FileOutputStream out = new FileOutputStream(FileDescriptor.err);

    /** @param properties {@code form}: text or json */
    public LineWriter(Map<String, String> properties) {
        this.json = "json".equals(properties.get("form"));
    }

    @Override
    public Collection<LogEntryValue> getRequiredLogEntryValues() {
        return EnumSet.of(
                LogEntryValue.DATE,
                LogEntryValue.LEVEL,
                LogEntryValue.CLASS,
                LogEntryValue.MESSAGE,
                LogEntryValue.EXCEPTION,
                LogEntryValue.CONTEXT);
    }

    @Override
    public void write(LogEntry entry) throws IOException {
        if (!Threshold.passes(importance(entry.getLevel()))) {
            return;
        }
        var line = new LogLine(
                entry.getTimestamp().toInstant(),
                String.valueOf(entry.getLevel()),
                entry.getClassName() == null ? "" : entry.getClassName(),
                entry.getMessage() == null ? "" : entry.getMessage(),
                entry.getContext() == null ? Map.of() : entry.getContext(),
                entry.getException());
        byte[] bytes = ((json ? line.json() : line.text()) + "\n").getBytes(StandardCharsets.UTF_8);
        out.write(bytes); // one call: lines of several threads do not mix
    }

    private static int importance(Level level) {
        return switch (level) {
            case TRACE -> 0;
            case DEBUG -> 1;
            case INFO -> 2;
            case WARN -> 3;
            case ERROR -> 4;
            case OFF -> 5;
        };
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
