package dev.berth.tasks;

import java.time.Duration;

/**
 * How long a supervisor may be silent.
 *
 * @param heartbeat between two questions whether it is well
 * @param answer for its answer to that; one that does not answer twice in a row is killed
 * @param boot until one that somebody else has started listens; then it is killed
 */
record Patience(Duration heartbeat, Duration answer, Duration boot) {
    /** On a machine that may be very busy: less than a call waits for a supervisor, also if one has to be killed first. */
    static final Patience NORMAL = new Patience(Duration.ofSeconds(10), Deadlines.QUERY, Duration.ofSeconds(15));

    private static final int SILENT_TWICE = 2;

    /** How long to wait before it is asked: whoever did not answer is asked again at once. */
    Duration beforeNext(int silent) {
        return silent == 0 ? heartbeat : Duration.ZERO;
    }

    boolean isOver(int silent) {
        return silent >= SILENT_TWICE;
    }

    /** From the moment that one begins to hang until it is killed. */
    Duration longest() {
        Duration longest = Duration.ZERO;
        for (int silent = 0; !isOver(silent); silent++) {
            longest = longest.plus(beforeNext(silent)).plus(answer);
        }
        return longest;
    }
}
