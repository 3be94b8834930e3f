package dev.berth.daemon.metrics;

import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;

/**
 * Prometheus' text format 0.0.4, of the kinds of metrics that there are here.
 *
 * @see <a href="https://prometheus.io/docs/instrumenting/exposition_formats/">Exposition formats</a>
 */
final class TextForm {
    static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

    private final StringBuilder out = new StringBuilder(8192);

    private TextForm() {}

    static String of(MetricSnapshots all) {
        var form = new TextForm();
        all.forEach(form::metric);
        return form.out.toString();
    }

    private void metric(MetricSnapshot metric) {
        String name = metric.getMetadata().getPrometheusName();
        switch (metric) {
            case CounterSnapshot counter -> {
                head(name + "_total", "counter", metric);
                counter.getDataPoints().forEach(point -> line(name + "_total", point.getLabels(), point.getValue()));
            }
            case GaugeSnapshot gauge -> {
                head(name, "gauge", metric);
                gauge.getDataPoints().forEach(point -> line(name, point.getLabels(), point.getValue()));
            }
            case InfoSnapshot info -> {
                head(name + "_info", "gauge", metric);
                info.getDataPoints().forEach(point -> line(name + "_info", point.getLabels(), 1));
            }
            case HistogramSnapshot histogram -> {
                head(name, "histogram", metric);
                histogram.getDataPoints().forEach(point -> histogram(name, point));
            }
            default -> throw new IllegalArgumentException("no text form for " + metric);
        }
    }

    private void histogram(String name, HistogramSnapshot.HistogramDataPointSnapshot point) {
        var buckets = point.getClassicBuckets();
        long sum = 0;
        for (int i = 0; i < buckets.size(); i++) {
            sum += buckets.getCount(i);
            line(name + "_bucket", point.getLabels().add("le", number(buckets.getUpperBound(i))), (double) sum);
        }
        line(name + "_sum", point.getLabels(), point.getSum());
        line(name + "_count", point.getLabels(), (double) sum);
    }

    private void head(String name, String type, MetricSnapshot metric) {
        String help = String.valueOf(metric.getMetadata().getHelp());
        out.append("# HELP ").append(name).append(' ');
        out.append(help.replace("\\", "\\\\").replace("\n", "\\n")).append('\n');
        out.append("# TYPE ").append(name).append(' ').append(type).append('\n');
    }

    private void line(String name, Labels labels, double value) {
        out.append(name);
        for (int i = 0; i < labels.size(); i++) {
            out.append(i == 0 ? '{' : ',').append(labels.getPrometheusName(i)).append("=\"");
            out.append(labels.getValue(i)
                    .replace("\\", "\\\\")
                    .replace("\"", "\\\"")
                    .replace("\n", "\\n"));
            out.append('"');
        }
        out.append(labels.isEmpty() ? "" : "}")
                .append(' ')
                .append(number(value))
                .append('\n');
    }

    private static String number(double value) {
        if (value == Double.POSITIVE_INFINITY) {
            return "+Inf";
        }
        if (value == Math.rint(value) && Math.abs(value) < 1e15) {
            return Long.toString((long) value);
        }
        return Double.toString(value);
    }
}
