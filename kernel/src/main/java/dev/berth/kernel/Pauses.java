package dev.berth.kernel;

import java.time.Duration;

/**
 * The times between attempts at something that may work later: each twice as long as the one before, up to a limit.
 *
 * @param first between the first and the second attempt
 * @param longest the limit
 */
public record Pauses(Duration first, Duration longest) {
    public Pauses {
        if (!first.isPositive() || longest.compareTo(first) < 0) {
            throw new IllegalArgumentException("pauses from " + first + " up to " + longest);
        }
    }

    /**
     * How long to wait now.
     *
     * @param failures how many attempts have failed, at least one
     */
    public Duration after(int failures) {
        if (failures < 1) {
            throw new IllegalArgumentException("a pause after " + failures + " failures");
        }
        int doublings = failures - 1;
        // not first << doublings, which may overflow
        return doublings >= Long.SIZE - 1 || first.compareTo(longest.dividedBy(1L << doublings)) > 0
                ? longest
                : first.multipliedBy(1L << doublings);
    }
}
