package dev.berth.images.registry;

import dev.berth.kernel.Ticker;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** The real clock, on which nobody sleeps: what was to be slept is noted. */
final class SleepNoted implements Ticker {
    private final List<Duration> slept = new CopyOnWriteArrayList<>();

    @Override
    public long nanos() {
        return Ticker.system().nanos();
    }

    @Override
    public void sleep(Duration time) {
        slept.add(time);
    }

    List<Duration> slept() {
        return slept;
    }
}
