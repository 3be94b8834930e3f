package dev.berth.cri.grpc;

import dev.berth.cri.Cri;
import dev.berth.cri.streaming.StreamingServer;
import dev.berth.wire.cri.AttachRequest;
import dev.berth.wire.cri.AttachResponse;
import dev.berth.wire.cri.CheckpointContainerRequest;
import dev.berth.wire.cri.CheckpointContainerResponse;
import dev.berth.wire.cri.CheckpointPodRequest;
import dev.berth.wire.cri.CheckpointPodResponse;
import dev.berth.wire.cri.ContainerEventResponse;
import dev.berth.wire.cri.ContainerStatsRequest;
import dev.berth.wire.cri.ContainerStatsResponse;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ContainerStatusResponse;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.CreateContainerResponse;
import dev.berth.wire.cri.ExecRequest;
import dev.berth.wire.cri.ExecResponse;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ExecSyncResponse;
import dev.berth.wire.cri.GetEventsRequest;
import dev.berth.wire.cri.ListContainerStatsRequest;
import dev.berth.wire.cri.ListContainerStatsResponse;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.ListContainersResponse;
import dev.berth.wire.cri.ListMetricDescriptorsRequest;
import dev.berth.wire.cri.ListMetricDescriptorsResponse;
import dev.berth.wire.cri.ListPodSandboxMetricsRequest;
import dev.berth.wire.cri.ListPodSandboxMetricsResponse;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.ListPodSandboxResponse;
import dev.berth.wire.cri.ListPodSandboxStatsRequest;
import dev.berth.wire.cri.ListPodSandboxStatsResponse;
import dev.berth.wire.cri.PodSandboxStatsRequest;
import dev.berth.wire.cri.PodSandboxStatsResponse;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.PodSandboxStatusResponse;
import dev.berth.wire.cri.PortForwardRequest;
import dev.berth.wire.cri.PortForwardResponse;
import dev.berth.wire.cri.RemoveContainerRequest;
import dev.berth.wire.cri.RemoveContainerResponse;
import dev.berth.wire.cri.RemovePodSandboxRequest;
import dev.berth.wire.cri.RemovePodSandboxResponse;
import dev.berth.wire.cri.ReopenContainerLogRequest;
import dev.berth.wire.cri.ReopenContainerLogResponse;
import dev.berth.wire.cri.RestorePodRequest;
import dev.berth.wire.cri.RestorePodResponse;
import dev.berth.wire.cri.RunPodSandboxRequest;
import dev.berth.wire.cri.RunPodSandboxResponse;
import dev.berth.wire.cri.RuntimeConfigRequest;
import dev.berth.wire.cri.RuntimeConfigResponse;
import dev.berth.wire.cri.RuntimeServiceGrpc;
import dev.berth.wire.cri.StartContainerRequest;
import dev.berth.wire.cri.StartContainerResponse;
import dev.berth.wire.cri.StatusRequest;
import dev.berth.wire.cri.StatusResponse;
import dev.berth.wire.cri.StopContainerRequest;
import dev.berth.wire.cri.StopContainerResponse;
import dev.berth.wire.cri.StopPodSandboxRequest;
import dev.berth.wire.cri.StopPodSandboxResponse;
import dev.berth.wire.cri.StreamContainerStatsRequest;
import dev.berth.wire.cri.StreamContainerStatsResponse;
import dev.berth.wire.cri.StreamContainersRequest;
import dev.berth.wire.cri.StreamContainersResponse;
import dev.berth.wire.cri.StreamPodSandboxMetricsRequest;
import dev.berth.wire.cri.StreamPodSandboxMetricsResponse;
import dev.berth.wire.cri.StreamPodSandboxStatsRequest;
import dev.berth.wire.cri.StreamPodSandboxStatsResponse;
import dev.berth.wire.cri.StreamPodSandboxesRequest;
import dev.berth.wire.cri.StreamPodSandboxesResponse;
import dev.berth.wire.cri.UpdateContainerResourcesRequest;
import dev.berth.wire.cri.UpdateContainerResourcesResponse;
import dev.berth.wire.cri.UpdatePodSandboxResourcesRequest;
import dev.berth.wire.cri.UpdatePodSandboxResourcesResponse;
import dev.berth.wire.cri.UpdateRuntimeConfigRequest;
import dev.berth.wire.cri.UpdateRuntimeConfigResponse;
import dev.berth.wire.cri.VersionRequest;
import dev.berth.wire.cri.VersionResponse;
import io.grpc.stub.StreamObserver;

/** CRI's RuntimeService: which call goes where. All of it is here. */
public final class RuntimeEdge extends RuntimeServiceGrpc.RuntimeServiceImplBase {
    private final PodEdge pods;
    private final ContainerEdge containers;
    private final StatsEdge stats;
    private final NodeEdge node;
    private final StreamEdge streams;
    private final MetricsEdge metrics;

    public RuntimeEdge(Cri cri, StreamingServer streaming) {
        this.pods = new PodEdge(cri);
        this.containers = new ContainerEdge(cri);
        this.stats = new StatsEdge(cri);
        this.node = new NodeEdge(cri);
        this.streams = new StreamEdge(cri, streaming);
        this.metrics = new MetricsEdge(cri);
    }

    @Override
    public void version(VersionRequest request, StreamObserver<VersionResponse> caller) {
        node.version(caller);
    }

    @Override
    public void status(StatusRequest request, StreamObserver<StatusResponse> caller) {
        node.status(request, caller);
    }

    @Override
    public void runtimeConfig(RuntimeConfigRequest request, StreamObserver<RuntimeConfigResponse> caller) {
        node.runtimeConfig(caller);
    }

    @Override
    public void updateRuntimeConfig(
            UpdateRuntimeConfigRequest request, StreamObserver<UpdateRuntimeConfigResponse> caller) {
        node.updateRuntimeConfig(request, caller);
    }

    @Override
    public void getContainerEvents(GetEventsRequest request, StreamObserver<ContainerEventResponse> caller) {
        node.events(caller);
    }

    @Override
    public void runPodSandbox(RunPodSandboxRequest request, StreamObserver<RunPodSandboxResponse> caller) {
        pods.run(request, caller);
    }

    @Override
    public void checkpointPod(CheckpointPodRequest request, StreamObserver<CheckpointPodResponse> caller) {
        pods.checkpoint(request, caller);
    }

    @Override
    public void restorePod(RestorePodRequest request, StreamObserver<RestorePodResponse> caller) {
        pods.restore(request, caller);
    }

    @Override
    public void checkpointContainer(
            CheckpointContainerRequest request, StreamObserver<CheckpointContainerResponse> caller) {
        containers.checkpoint(request, caller);
    }

    @Override
    public void stopPodSandbox(StopPodSandboxRequest request, StreamObserver<StopPodSandboxResponse> caller) {
        pods.stop(request, caller);
    }

    @Override
    public void removePodSandbox(RemovePodSandboxRequest request, StreamObserver<RemovePodSandboxResponse> caller) {
        pods.remove(request, caller);
    }

    @Override
    public void podSandboxStatus(PodSandboxStatusRequest request, StreamObserver<PodSandboxStatusResponse> caller) {
        pods.status(request, caller);
    }

    @Override
    public void listPodSandbox(ListPodSandboxRequest request, StreamObserver<ListPodSandboxResponse> caller) {
        pods.list(request, caller);
    }

    @Override
    public void streamPodSandboxes(
            StreamPodSandboxesRequest request, StreamObserver<StreamPodSandboxesResponse> caller) {
        pods.stream(request, caller);
    }

    @Override
    public void updatePodSandboxResources(
            UpdatePodSandboxResourcesRequest request, StreamObserver<UpdatePodSandboxResourcesResponse> caller) {
        pods.update(request, caller);
    }

    @Override
    public void createContainer(CreateContainerRequest request, StreamObserver<CreateContainerResponse> caller) {
        containers.create(request, caller);
    }

    @Override
    public void startContainer(StartContainerRequest request, StreamObserver<StartContainerResponse> caller) {
        containers.start(request, caller);
    }

    @Override
    public void stopContainer(StopContainerRequest request, StreamObserver<StopContainerResponse> caller) {
        containers.stop(request, caller);
    }

    @Override
    public void removeContainer(RemoveContainerRequest request, StreamObserver<RemoveContainerResponse> caller) {
        containers.remove(request, caller);
    }

    @Override
    public void containerStatus(ContainerStatusRequest request, StreamObserver<ContainerStatusResponse> caller) {
        containers.status(request, caller);
    }

    @Override
    public void listContainers(ListContainersRequest request, StreamObserver<ListContainersResponse> caller) {
        containers.list(request, caller);
    }

    @Override
    public void streamContainers(StreamContainersRequest request, StreamObserver<StreamContainersResponse> caller) {
        containers.stream(request, caller);
    }

    @Override
    public void updateContainerResources(
            UpdateContainerResourcesRequest request, StreamObserver<UpdateContainerResourcesResponse> caller) {
        containers.update(request, caller);
    }

    @Override
    public void reopenContainerLog(
            ReopenContainerLogRequest request, StreamObserver<ReopenContainerLogResponse> caller) {
        containers.reopenLog(request, caller);
    }

    @Override
    public void execSync(ExecSyncRequest request, StreamObserver<ExecSyncResponse> caller) {
        containers.execSync(request, caller);
    }

    @Override
    public void exec(ExecRequest request, StreamObserver<ExecResponse> caller) {
        streams.exec(request, caller);
    }

    @Override
    public void attach(AttachRequest request, StreamObserver<AttachResponse> caller) {
        streams.attach(request, caller);
    }

    @Override
    public void portForward(PortForwardRequest request, StreamObserver<PortForwardResponse> caller) {
        streams.portForward(request, caller);
    }

    @Override
    public void containerStats(ContainerStatsRequest request, StreamObserver<ContainerStatsResponse> caller) {
        stats.container(request, caller);
    }

    @Override
    public void listContainerStats(
            ListContainerStatsRequest request, StreamObserver<ListContainerStatsResponse> caller) {
        stats.containers(request, caller);
    }

    @Override
    public void streamContainerStats(
            StreamContainerStatsRequest request, StreamObserver<StreamContainerStatsResponse> caller) {
        stats.streamContainers(request, caller);
    }

    @Override
    public void podSandboxStats(PodSandboxStatsRequest request, StreamObserver<PodSandboxStatsResponse> caller) {
        stats.pod(request, caller);
    }

    @Override
    public void listPodSandboxStats(
            ListPodSandboxStatsRequest request, StreamObserver<ListPodSandboxStatsResponse> caller) {
        stats.pods(request, caller);
    }

    @Override
    public void streamPodSandboxStats(
            StreamPodSandboxStatsRequest request, StreamObserver<StreamPodSandboxStatsResponse> caller) {
        stats.streamPods(request, caller);
    }

    @Override
    public void listMetricDescriptors(
            ListMetricDescriptorsRequest request, StreamObserver<ListMetricDescriptorsResponse> caller) {
        metrics.descriptors(caller);
    }

    @Override
    public void listPodSandboxMetrics(
            ListPodSandboxMetricsRequest request, StreamObserver<ListPodSandboxMetricsResponse> caller) {
        metrics.list(caller);
    }

    @Override
    public void streamPodSandboxMetrics(
            StreamPodSandboxMetricsRequest request, StreamObserver<StreamPodSandboxMetricsResponse> caller) {
        metrics.stream(caller);
    }
}
