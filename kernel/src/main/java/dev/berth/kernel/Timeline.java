package dev.berth.kernel;

import java.util.ArrayList;
import java.util.List;

/** The steps of one creation and how long each took. Used by one thread. */
public final class Timeline {
    /** One step; {@code micros} is its length in microseconds. */
    public record Step(String name, long micros) {}

    private final Ticker ticker;
    private final List<Step> steps = new ArrayList<>();
    private long last;

    /** A timeline whose first step begins now. */
    public Timeline(Ticker ticker) {
        this.ticker = ticker;
        this.last = ticker.nanos();
    }

    /** Ends the current step, which began when the one before ended. */
    public void done(String name) {
        long now = ticker.nanos();
        steps.add(new Step(name, (now - last) / 1000));
        last = now;
    }

    /** Takes over what somebody else has measured; the current step begins now. */
    public void done(List<Step> others) {
        steps.addAll(others);
        last = ticker.nanos();
    }

    /** All steps so far. */
    public List<Step> steps() {
        return List.copyOf(steps);
    }
}
