package dev.berth.cri;

import dev.berth.kernel.Timeline;
import io.avaje.jsonb.Json;
import java.util.List;

/** One step of a creation, as it is stored; {@code micros} is its length in microseconds. */
@Json
record Timing(String name, long micros) {
    static List<Timing> of(Timeline timeline) {
        return timeline.steps().stream()
                .map(step -> new Timing(step.name(), step.micros()))
                .toList();
    }
}
