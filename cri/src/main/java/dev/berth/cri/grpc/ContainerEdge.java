package dev.berth.cri.grpc;

import dev.berth.cri.Container;
import dev.berth.cri.ContainerState;
import dev.berth.cri.Cri;
import dev.berth.kernel.Fault;
import dev.berth.wire.cri.CheckpointContainerRequest;
import dev.berth.wire.cri.CheckpointContainerResponse;
import dev.berth.wire.cri.ContainerFilter;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ContainerStatusResponse;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.CreateContainerResponse;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ExecSyncResponse;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.ListContainersResponse;
import dev.berth.wire.cri.RemoveContainerRequest;
import dev.berth.wire.cri.RemoveContainerResponse;
import dev.berth.wire.cri.ReopenContainerLogRequest;
import dev.berth.wire.cri.ReopenContainerLogResponse;
import dev.berth.wire.cri.StartContainerRequest;
import dev.berth.wire.cri.StartContainerResponse;
import dev.berth.wire.cri.StopContainerRequest;
import dev.berth.wire.cri.StopContainerResponse;
import dev.berth.wire.cri.StreamContainersRequest;
import dev.berth.wire.cri.StreamContainersResponse;
import dev.berth.wire.cri.UpdateContainerResourcesRequest;
import dev.berth.wire.cri.UpdateContainerResourcesResponse;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Optional;

/** The calls about containers. */
final class ContainerEdge {
    private final Cri cri;
    private final ReadyItems<Container> items = new ReadyItems<>(ContainerToProto::item);

    ContainerEdge(Cri cri) {
        this.cri = cri;
    }

    void create(CreateContainerRequest request, StreamObserver<CreateContainerResponse> caller) {
        Calls.answer(
                "CreateContainer",
                caller,
                () -> CreateContainerResponse.newBuilder()
                        .setContainerId(cri.containers()
                                .create(request.getPodSandboxId(), ContainerFromProto.container(request.getConfig())))
                        .build(),
                answer -> cri.containers().delivered(answer.getContainerId()));
    }

    void start(StartContainerRequest request, StreamObserver<StartContainerResponse> caller) {
        Calls.answer("StartContainer", caller, () -> {
            cri.containers().start(request.getContainerId());
            return StartContainerResponse.getDefaultInstance();
        });
    }

    void checkpoint(CheckpointContainerRequest request, StreamObserver<CheckpointContainerResponse> caller) {
        Calls.answer("CheckpointContainer", caller, () -> {
            cri.checkpoints()
                    .container(
                            request.getContainerId(),
                            request.getLocation(),
                            Calls.shorter(Calls.seconds(request.getTimeout()), Calls.untilDeadline()));
            return CheckpointContainerResponse.getDefaultInstance();
        });
    }

    void stop(StopContainerRequest request, StreamObserver<StopContainerResponse> caller) {
        Calls.answer("StopContainer", caller, () -> {
            cri.containers().stop(request.getContainerId(), Calls.seconds(request.getTimeout()));
            return StopContainerResponse.getDefaultInstance();
        });
    }

    void remove(RemoveContainerRequest request, StreamObserver<RemoveContainerResponse> caller) {
        Calls.answer("RemoveContainer", caller, () -> {
            cri.containers().remove(request.getContainerId());
            return RemoveContainerResponse.getDefaultInstance();
        });
    }

    void status(ContainerStatusRequest request, StreamObserver<ContainerStatusResponse> caller) {
        Calls.answer("ContainerStatus", caller, () -> {
            Container container = cri.containers().get(request.getContainerId());
            var answer = ContainerStatusResponse.newBuilder().setStatus(ContainerToProto.status(container));
            if (request.getVerbose()) {
                answer.putAllInfo(cri.verbose(container));
            }
            return answer.build();
        });
    }

    void list(ListContainersRequest request, StreamObserver<ListContainersResponse> caller) {
        Calls.answer("ListContainers", caller, () -> {
            boolean all = request.getFilter().equals(ContainerFilter.getDefaultInstance());
            return ListContainersResponse.newBuilder()
                    .setUnknownFields(items.of(matching(request.getFilter()), all))
                    .build();
        });
    }

    void stream(StreamContainersRequest request, StreamObserver<StreamContainersResponse> caller) {
        Calls.stream(
                "StreamContainers",
                caller,
                () -> matching(request.getFilter()),
                containers -> StreamContainersResponse.newBuilder()
                        .addAllContainers(
                                containers.stream().map(ContainerToProto::item).toList())
                        .build());
    }

    void update(UpdateContainerResourcesRequest request, StreamObserver<UpdateContainerResourcesResponse> caller) {
        Calls.answer("UpdateContainerResources", caller, () -> {
            if (!request.hasLinux()) {
                throw Fault.invalid(
                        "update container " + request.getContainerId(),
                        "the request has no Linux resources",
                        "Give at least one limit");
            }
            cri.containers().update(request.getContainerId(), PodFromProto.resources(request.getLinux()));
            return UpdateContainerResourcesResponse.getDefaultInstance();
        });
    }

    void reopenLog(ReopenContainerLogRequest request, StreamObserver<ReopenContainerLogResponse> caller) {
        Calls.answer("ReopenContainerLog", caller, () -> {
            cri.containers().running().reopenLog(cri.containers().get(request.getContainerId()));
            return ReopenContainerLogResponse.getDefaultInstance();
        });
    }

    void execSync(ExecSyncRequest request, StreamObserver<ExecSyncResponse> caller) {
        Calls.answer("ExecSync", caller, () -> {
            var result = cri.containers()
                    .running()
                    .execSync(
                            cri.containers().get(request.getContainerId()),
                            List.copyOf(request.getCmdList()),
                            Calls.seconds(request.getTimeout()));
            return ExecSyncResponse.newBuilder()
                    .setStdout(result.stdout())
                    .setStderr(result.stderr())
                    .setExitCode(result.exit().status())
                    .build();
        });
    }

    private List<Container> matching(ContainerFilter filter) {
        Optional<ContainerState> state = filter.hasState()
                ? Optional.of(
                        switch (filter.getState().getState()) {
                            case CONTAINER_CREATED -> ContainerState.CREATED;
                            case CONTAINER_RUNNING -> ContainerState.RUNNING;
                            case CONTAINER_EXITED -> ContainerState.EXITED;
                            case CONTAINER_UNKNOWN -> ContainerState.UNKNOWN;
                            case UNRECOGNIZED ->
                                throw PodFromProto.unknown(
                                        "container state", filter.getState().getStateValue());
                        })
                : Optional.empty();
        return cri.containers().list(filter.getId(), filter.getPodSandboxId(), state, filter.getLabelSelectorMap());
    }
}
