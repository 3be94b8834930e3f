package dev.berth.cri;

import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.PodConfig.PodMetadata;
import java.util.List;
import java.util.Map;

/** A pod of which tests need little. */
public final class SamplePod {
    private SamplePod() {}

    static Pod with(Map<String, String> annotations) {
        return with(Map.of(), annotations);
    }

    public static Pod with(Map<String, String> labels, Map<String, String> annotations) {
        var config = new PodConfig(
                new PodMetadata("a", "uid", "default", 0),
                "",
                "",
                null,
                List.of(),
                labels,
                annotations,
                "",
                null,
                Map.of(),
                null,
                null);
        return new Pod("id", config, "", PodState.CREATING, 1, null, List.of(), false, List.of());
    }
}
