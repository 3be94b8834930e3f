package dev.berth.cri.grpc;

import dev.berth.cri.Container;
import dev.berth.cri.Cri;
import dev.berth.cri.Metrics;
import dev.berth.cri.stats.Metric;
import dev.berth.cri.stats.Sample;
import dev.berth.wire.cri.ContainerMetrics;
import dev.berth.wire.cri.ListMetricDescriptorsResponse;
import dev.berth.wire.cri.ListPodSandboxMetricsResponse;
import dev.berth.wire.cri.MetricDescriptor;
import dev.berth.wire.cri.MetricType;
import dev.berth.wire.cri.PodSandboxMetrics;
import dev.berth.wire.cri.StreamPodSandboxMetricsResponse;
import dev.berth.wire.cri.UInt64Value;
import io.grpc.stub.StreamObserver;
import java.util.Arrays;
import java.util.List;

/** The calls about metrics. */
final class MetricsEdge {
    /** Whose value it is; every metric begins with these labels. */
    private static final List<String> OWNER = List.of("pod", "namespace", "container", "id", "image");

    /** What stands for the container's name in the metrics of a pod itself, as the kubelet's users know it. */
    private static final String POD = "POD";

    private final Cri cri;

    MetricsEdge(Cri cri) {
        this.cri = cri;
    }

    void descriptors(StreamObserver<ListMetricDescriptorsResponse> caller) {
        Calls.answer("ListMetricDescriptors", caller, () -> {
            var answer = ListMetricDescriptorsResponse.newBuilder();
            Arrays.stream(Metric.values()).map(MetricsEdge::descriptor).forEach(answer::addDescriptors);
            return answer.build();
        });
    }

    void list(StreamObserver<ListPodSandboxMetricsResponse> caller) {
        Calls.answer(
                "ListPodSandboxMetrics",
                caller,
                () -> ListPodSandboxMetricsResponse.newBuilder()
                        .addAllPodMetrics(cri.metrics().pods().stream()
                                .map(MetricsEdge::pod)
                                .toList())
                        .build());
    }

    void stream(StreamObserver<StreamPodSandboxMetricsResponse> caller) {
        Calls.stream(
                "StreamPodSandboxMetrics",
                caller,
                () -> cri.metrics().pods(),
                pods -> StreamPodSandboxMetricsResponse.newBuilder()
                        .addAllPodSandboxMetrics(
                                pods.stream().map(MetricsEdge::pod).toList())
                        .build());
    }

    static MetricDescriptor descriptor(Metric metric) {
        return MetricDescriptor.newBuilder()
                .setName(metric.id())
                .setHelp(metric.help())
                .addAllLabelKeys(OWNER)
                .addAllLabelKeys(metric.labels())
                .build();
    }

    static PodSandboxMetrics pod(Metrics.OfPod reading) {
        var metadata = reading.pod().config().metadata();
        List<String> owner = List.of(
                metadata.name(), metadata.namespace(), POD, reading.pod().id(), "");
        var pod = PodSandboxMetrics.newBuilder().setPodSandboxId(reading.pod().id());
        reading.samples().forEach(sample -> pod.addMetrics(metric(sample, owner, reading.atNanos())));
        for (Metrics.OfContainer each : reading.containers()) {
            Container container = each.container();
            List<String> whose = List.of(
                    metadata.name(),
                    metadata.namespace(),
                    container.config().metadata().name(),
                    container.id(),
                    imageName(container));
            var metrics = ContainerMetrics.newBuilder().setContainerId(container.id());
            each.samples().forEach(sample -> metrics.addMetrics(metric(sample, whose, reading.atNanos())));
            pod.addContainerMetrics(metrics);
        }
        return pod.build();
    }

    /** As its user wrote it, if the caller said so: the kubelet puts the digest in the place of the name. */
    private static String imageName(Container container) {
        var image = container.config().image();
        return image.userSpecifiedImage().isEmpty() ? image.image() : image.userSpecifiedImage();
    }

    private static dev.berth.wire.cri.Metric metric(Sample sample, List<String> owner, long at) {
        return dev.berth.wire.cri.Metric.newBuilder()
                .setName(sample.metric().id())
                .setTimestamp(at)
                .setMetricType(sample.metric().counter() ? MetricType.COUNTER : MetricType.GAUGE)
                .addAllLabelValues(owner)
                .addAllLabelValues(sample.labels())
                .setValue(UInt64Value.newBuilder().setValue(sample.value()))
                .build();
    }
}
