package dev.berth.cri.grpc;

import dev.berth.cri.Container;
import dev.berth.cri.Cri;
import dev.berth.cri.Pod;
import dev.berth.cri.Statistics.PodUsage;
import dev.berth.wire.cri.ContainerStats;
import dev.berth.wire.cri.ContainerStatsFilter;
import dev.berth.wire.cri.ContainerStatsRequest;
import dev.berth.wire.cri.ContainerStatsResponse;
import dev.berth.wire.cri.ListContainerStatsRequest;
import dev.berth.wire.cri.ListContainerStatsResponse;
import dev.berth.wire.cri.ListPodSandboxStatsRequest;
import dev.berth.wire.cri.ListPodSandboxStatsResponse;
import dev.berth.wire.cri.PodSandboxStatsFilter;
import dev.berth.wire.cri.PodSandboxStatsRequest;
import dev.berth.wire.cri.PodSandboxStatsResponse;
import dev.berth.wire.cri.StreamContainerStatsRequest;
import dev.berth.wire.cri.StreamContainerStatsResponse;
import dev.berth.wire.cri.StreamPodSandboxStatsRequest;
import dev.berth.wire.cri.StreamPodSandboxStatsResponse;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The calls about usage. */
final class StatsEdge {
    private final Cri cri;
    private final StatsToProto toProto;

    StatsEdge(Cri cri) {
        this.cri = cri;
        this.toProto = new StatsToProto(cri.node().imageFilesystem());
    }

    void container(ContainerStatsRequest request, StreamObserver<ContainerStatsResponse> caller) {
        Calls.answer(
                "ContainerStats",
                caller,
                () -> ContainerStatsResponse.newBuilder()
                        .setStats(toProto.container(cri.statistics().container(request.getContainerId())))
                        .build());
    }

    void containers(ListContainerStatsRequest request, StreamObserver<ListContainerStatsResponse> caller) {
        Calls.answer(
                "ListContainerStats",
                caller,
                () -> ListContainerStatsResponse.newBuilder()
                        .addAllStats(containers(request.getFilter()))
                        .build());
    }

    void streamContainers(StreamContainerStatsRequest request, StreamObserver<StreamContainerStatsResponse> caller) {
        Calls.stream(
                "StreamContainerStats",
                caller,
                () -> containers(request.getFilter()),
                stats -> StreamContainerStatsResponse.newBuilder()
                        .addAllContainerStats(stats)
                        .build());
    }

    void pod(PodSandboxStatsRequest request, StreamObserver<PodSandboxStatsResponse> caller) {
        Calls.answer(
                "PodSandboxStats",
                caller,
                () -> PodSandboxStatsResponse.newBuilder()
                        .setStats(toProto.pod(cri.statistics().pod(request.getPodSandboxId())))
                        .build());
    }

    void pods(ListPodSandboxStatsRequest request, StreamObserver<ListPodSandboxStatsResponse> caller) {
        Calls.answer(
                "ListPodSandboxStats",
                caller,
                () -> ListPodSandboxStatsResponse.newBuilder()
                        .addAllStats(podUsages(request.getFilter()).stream()
                                .map(toProto::pod)
                                .toList())
                        .build());
    }

    void streamPods(StreamPodSandboxStatsRequest request, StreamObserver<StreamPodSandboxStatsResponse> caller) {
        Calls.stream(
                "StreamPodSandboxStats",
                caller,
                () -> podUsages(request.getFilter()),
                usages -> StreamPodSandboxStatsResponse.newBuilder()
                        .addAllPodSandboxStats(usages.stream().map(toProto::pod).toList())
                        .build());
    }

    /** Those that run first. */
    private List<ContainerStats> containers(ContainerStatsFilter filter) {
        List<Container> wanted = cri.containers()
                .list(filter.getId(), filter.getPodSandboxId(), Optional.empty(), filter.getLabelSelectorMap());
        return Stream.concat(
                        cri.statistics().containers(wanted).stream().map(toProto::container),
                        cri.statistics().resting(wanted).stream().map(toProto::container))
                .toList();
    }

    private List<PodUsage> podUsages(PodSandboxStatsFilter filter) throws InterruptedException {
        List<Pod> wanted = cri.pods().list(filter.getId(), Optional.empty(), filter.getLabelSelectorMap());
        return cri.statistics().pods(wanted);
    }
}
