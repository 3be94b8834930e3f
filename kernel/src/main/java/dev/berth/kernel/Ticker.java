package dev.berth.kernel;

import java.time.Duration;

/** Monotonic time and sleeping: the only place that reads that clock, so that a test can put its own in. */
public interface Ticker {
    /** Nanoseconds since some fixed moment; only differences mean anything. */
    long nanos();

    /**
     * Sleeps on the calling thread, which may be virtual.
     *
     * @throws InterruptedException if the thread is interrupted
     */
    void sleep(Duration time) throws InterruptedException;

    /** Time since an earlier reading of {@link #nanos()}. */
    default Duration since(long startNanos) {
        return Duration.ofNanos(nanos() - startNanos);
    }

    /** The machine's own clock. */
    static Ticker system() {
        return SystemTicker.INSTANCE;
    }
}
