package dev.berth.kernel.log;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * What this program says on its standard error stream: everything that goes through SLF4J, {@code System.Logger} and
 * {@code java.util.logging}, under which all of them meet. Whether a line is said costs one comparison when it is not: libraries ask
 * for every frame of every connection.
 */
public final class Log {
    static { // before the first of the platform's classes for logging is looked at
        System.setProperty("java.util.logging.manager", LastingLogs.class.getName());
    }

    /** Ours; libraries that are not named below say what they call information and worse. */
    private static final String OURS = "dev.berth";

    private static final Map<String, Level> LEVELS = Map.of(
            "trace", Level.FINEST,
            "debug", Level.FINE,
            "info", Level.INFO,
            "warn", Level.WARNING,
            "error", Level.SEVERE);

    /** What libraries say below this is of use to their makers only. */
    private static final Map<String, Level> LIBRARIES = Map.of(
            "org.sqlite", Level.WARNING,
            "io.netty", Level.SEVERE,
            "io.grpc", Level.WARNING,
            "jdk", Level.WARNING);

    private static final LineHandler LINES = new LineHandler(new FileOutputStream(FileDescriptor.err));
    private static final List<Logger> HELD = new ArrayList<>(); // one that nobody holds is forgotten with its level

    private Log() {}

    /**
     * Takes the standard error stream over, for one line for each record; or changes how much is said there, and how. For the first
     * lines of a program.
     *
     * @param level the least that is said: trace, debug, info, warn or error
     * @param format text or json
     */
    public static synchronized void begin(String level, String format) {
        if (HELD.isEmpty()) {
            root().addHandler(LINES);
            LIBRARIES.keySet().forEach(name -> HELD.add(Logger.getLogger(name)));
            HELD.add(Logger.getLogger(OURS));
        }
        LINES.json(format.equals("json"));
        level(level);
    }

    /** Changes the least that is said from now on. */
    public static synchronized void level(String level) {
        Level least = LEVELS.get(level);
        if (least == null) {
            throw new IllegalArgumentException("no level: " + level);
        }
        root().setLevel(higher(least, Level.INFO));
        for (Logger logger : HELD) {
            logger.setLevel(
                    logger.getName().equals(OURS)
                            ? least
                            : higher(least, LIBRARIES.getOrDefault(logger.getName(), Level.INFO)));
        }
    }

    private static Level higher(Level one, Level other) {
        return one.intValue() > other.intValue() ? one : other;
    }

    private static Logger root() {
        return Logger.getLogger("");
    }
}
