package dev.berth.cri;

import dev.berth.kernel.Ticker;
import io.avaje.jsonb.Json;
import java.util.ArrayList;
import java.util.List;

/** The steps of one creation and how long each took. Used by one thread. */
final class Timeline {
    /** One step; {@code micros} is its length in microseconds. */
    @Json
    record Step(String name, long micros) {}

    private final Ticker ticker;
    private final List<Step> steps = new ArrayList<>();
    private long last;

    Timeline(Ticker ticker) {
        this.ticker = ticker;
        this.last = ticker.nanos();
    }

    /** Ends the current step, which began when the one before ended. */
    void done(String name) {
        long now = ticker.nanos();
        steps.add(new Step(name, (now - last) / 1000));
        last = now;
    }

    List<Step> steps() {
        return List.copyOf(steps);
    }
}
