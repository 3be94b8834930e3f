package dev.berth.kernel.log;

import java.util.List;

/**
 * How important a record must be to be written, which may change while the program runs: tinylog reads its own level once, and what is
 * below that is never written.
 */
public final class Threshold {
    private static final List<String> LEVELS = List.of("trace", "debug", "info", "warn", "error");

    private static volatile int least;

    private Threshold() {}

    /**
     * Sets the least that is said from now on.
     *
     * @param level trace, debug, info, warn or error
     */
    public static void set(String level) {
        int number = LEVELS.indexOf(level);
        if (number < 0) {
            throw new IllegalArgumentException("no level: " + level);
        }
        least = number;
    }

    /** @param level counted from trace, which is 0 */
    static boolean passes(int level) {
        return level >= least;
    }
}
