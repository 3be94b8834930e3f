package dev.berth.cri.stats;

import java.util.List;

/**
 * One value of a metric.
 *
 * @param labels values for {@link Metric#labels()}, in that order
 */
public record Sample(Metric metric, List<String> labels, long value) {
    public Sample {
        labels = List.copyOf(labels);
        if (labels.size() != metric.labels().size()) {
            throw new IllegalArgumentException(metric + " has the labels " + metric.labels() + ", not " + labels);
        }
    }

    static Sample of(Metric metric, long value, String... labels) {
        return new Sample(metric, List.of(labels), value);
    }
}
