package dev.berth.cri.grpc;

import dev.berth.cri.Cri;
import dev.berth.cri.Pod;
import dev.berth.cri.Restoring;
import dev.berth.wire.cri.CheckpointPodRequest;
import dev.berth.wire.cri.CheckpointPodResponse;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.ListPodSandboxResponse;
import dev.berth.wire.cri.PodSandboxFilter;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.PodSandboxStatusResponse;
import dev.berth.wire.cri.RemovePodSandboxRequest;
import dev.berth.wire.cri.RemovePodSandboxResponse;
import dev.berth.wire.cri.RestorePodRequest;
import dev.berth.wire.cri.RestorePodResponse;
import dev.berth.wire.cri.RestoredContainer;
import dev.berth.wire.cri.RunPodSandboxRequest;
import dev.berth.wire.cri.RunPodSandboxResponse;
import dev.berth.wire.cri.StopPodSandboxRequest;
import dev.berth.wire.cri.StopPodSandboxResponse;
import dev.berth.wire.cri.StreamPodSandboxesRequest;
import dev.berth.wire.cri.StreamPodSandboxesResponse;
import dev.berth.wire.cri.UpdatePodSandboxResourcesRequest;
import dev.berth.wire.cri.UpdatePodSandboxResourcesResponse;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The calls about pods. */
final class PodEdge {
    private final Cri cri;
    private final ReadyItems<Pod> items = new ReadyItems<>(PodToProto::item);

    PodEdge(Cri cri) {
        this.cri = cri;
    }

    void run(RunPodSandboxRequest request, StreamObserver<RunPodSandboxResponse> caller) {
        Calls.answer(
                "RunPodSandbox",
                caller,
                () -> RunPodSandboxResponse.newBuilder()
                        .setPodSandboxId(
                                cri.pods().run(PodFromProto.pod(request.getConfig()), request.getRuntimeHandler()))
                        .build(),
                answer -> cri.pods().delivered(answer.getPodSandboxId()));
    }

    void checkpoint(CheckpointPodRequest request, StreamObserver<CheckpointPodResponse> caller) {
        Calls.answer("CheckpointPod", caller, () -> {
            cri.checkpoints()
                    .pod(
                            request.getPodSandboxId(),
                            request.getOutputPath(),
                            request.getContainerIdsList(),
                            request.getOptionsMap(),
                            Calls.untilDeadline());
            return CheckpointPodResponse.getDefaultInstance();
        });
    }

    void restore(RestorePodRequest request, StreamObserver<RestorePodResponse> caller) {
        Calls.answer("RestorePod", caller, () -> {
            Restoring.Restored restored = cri.restoring()
                    .pod(new Restoring.Request(
                            request.getCheckpointPath(),
                            PodFromProto.pod(request.getConfig()),
                            request.getRuntimeHandler(),
                            request.getOptionsMap(),
                            request.getContainerConfigsList().stream()
                                    .map(ContainerFromProto::container)
                                    .toList()));
            var answer = RestorePodResponse.newBuilder().setPodSandboxId(restored.podId());
            restored.containers()
                    .forEach((name, id) -> answer.addRestoredContainers(
                            RestoredContainer.newBuilder().setName(name).setContainerId(id)));
            return answer.build();
        });
    }

    void stop(StopPodSandboxRequest request, StreamObserver<StopPodSandboxResponse> caller) {
        Calls.answer("StopPodSandbox", caller, () -> {
            cri.pods().stop(request.getPodSandboxId());
            return StopPodSandboxResponse.getDefaultInstance();
        });
    }

    void remove(RemovePodSandboxRequest request, StreamObserver<RemovePodSandboxResponse> caller) {
        Calls.answer("RemovePodSandbox", caller, () -> {
            cri.pods().remove(request.getPodSandboxId());
            return RemovePodSandboxResponse.getDefaultInstance();
        });
    }

    void update(UpdatePodSandboxResourcesRequest request, StreamObserver<UpdatePodSandboxResourcesResponse> caller) {
        Calls.answer("UpdatePodSandboxResources", caller, () -> {
            cri.pods()
                    .update(
                            request.getPodSandboxId(),
                            request.hasOverhead() ? PodFromProto.resources(request.getOverhead()) : null,
                            request.hasResources() ? PodFromProto.resources(request.getResources()) : null);
            return UpdatePodSandboxResourcesResponse.getDefaultInstance();
        });
    }

    void status(PodSandboxStatusRequest request, StreamObserver<PodSandboxStatusResponse> caller) {
        Calls.answer("PodSandboxStatus", caller, () -> {
            long asOf = cri.nowNanos(); // before reading: what is told is at least this new
            Pod pod = cri.pods().get(request.getPodSandboxId());
            var answer = PodSandboxStatusResponse.newBuilder()
                    .setStatus(PodToProto.status(pod))
                    .setTimestamp(asOf);
            cri.containers()
                    .list("", pod.id(), Optional.empty(), Map.of())
                    .forEach(container -> answer.addContainersStatuses(ContainerToProto.status(container)));
            if (request.getVerbose()) {
                answer.putAllInfo(cri.verbose(pod));
            }
            return answer.build();
        });
    }

    void list(ListPodSandboxRequest request, StreamObserver<ListPodSandboxResponse> caller) {
        Calls.answer("ListPodSandbox", caller, () -> {
            boolean all = request.getFilter().equals(PodSandboxFilter.getDefaultInstance());
            return ListPodSandboxResponse.newBuilder()
                    .setUnknownFields(items.of(matching(request.getFilter()), all))
                    .build();
        });
    }

    void stream(StreamPodSandboxesRequest request, StreamObserver<StreamPodSandboxesResponse> caller) {
        Calls.stream(
                "StreamPodSandboxes",
                caller,
                () -> matching(request.getFilter()),
                pods -> StreamPodSandboxesResponse.newBuilder()
                        .addAllPodSandboxes(pods.stream().map(PodToProto::item).toList())
                        .build());
    }

    private List<Pod> matching(PodSandboxFilter filter) {
        Optional<Boolean> ready = filter.hasState()
                ? Optional.of(
                        switch (filter.getState().getState()) {
                            case SANDBOX_READY -> true;
                            case SANDBOX_NOTREADY -> false;
                            case UNRECOGNIZED ->
                                throw PodFromProto.unknown(
                                        "pod state", filter.getState().getStateValue());
                        })
                : Optional.empty();
        return cri.pods().list(filter.getId(), ready, filter.getLabelSelectorMap());
    }
}
