package dev.berth.tasks;

import java.time.Instant;

/**
 * How a process ended.
 *
 * @param status its exit code, or 128 + the number of the signal that ended it; 255 if nobody could see it
 * @param at when, or when it was found to have ended
 * @param known false if nobody could see it and the status is made up
 */
public record Exit(int status, Instant at, boolean known) {
    /** What is told in the place of a status that nobody saw. */
    static final int UNKNOWN = 255;

    public Exit(int status, Instant at) {
        this(status, at, true);
    }

    /** The end of a process that nobody saw. */
    public static Exit unknown(Instant found) {
        return new Exit(UNKNOWN, found, false);
    }
}
