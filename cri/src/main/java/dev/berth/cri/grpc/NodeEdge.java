package dev.berth.cri.grpc;

import dev.berth.cri.ContainerEvent;
import dev.berth.cri.ContainerEvents;
import dev.berth.cri.Cri;
import dev.berth.cri.Node;
import dev.berth.wire.cri.CgroupDriver;
import dev.berth.wire.cri.ContainerEventResponse;
import dev.berth.wire.cri.ContainerEventType;
import dev.berth.wire.cri.LinuxRuntimeConfiguration;
import dev.berth.wire.cri.RuntimeCondition;
import dev.berth.wire.cri.RuntimeConfigResponse;
import dev.berth.wire.cri.RuntimeFeatures;
import dev.berth.wire.cri.RuntimeHandler;
import dev.berth.wire.cri.RuntimeHandlerFeatures;
import dev.berth.wire.cri.RuntimeStatus;
import dev.berth.wire.cri.StatusRequest;
import dev.berth.wire.cri.StatusResponse;
import dev.berth.wire.cri.UpdateRuntimeConfigRequest;
import dev.berth.wire.cri.UpdateRuntimeConfigResponse;
import dev.berth.wire.cri.VersionResponse;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.Semaphore;

/** The calls about the node and the runtime itself, and the stream of events. */
final class NodeEdge {
    /** The version of the kubelet's own protocol, a constant of CRI. */
    private static final String KUBELET_API_VERSION = "0.1.0";

    private final Cri cri;

    NodeEdge(Cri cri) {
        this.cri = cri;
    }

    void version(StreamObserver<VersionResponse> caller) {
        Calls.answer(
                "Version",
                caller,
                () -> VersionResponse.newBuilder()
                        .setVersion(KUBELET_API_VERSION)
                        .setRuntimeName(cri.node().name())
                        .setRuntimeVersion(cri.node().version())
                        .setRuntimeApiVersion("v1")
                        .build());
    }

    void status(StatusRequest request, StreamObserver<StatusResponse> caller) {
        Calls.answer("Status", caller, () -> {
            Node.Status status = cri.node().status(request.getVerbose());
            var conditions = RuntimeStatus.newBuilder();
            status.conditions()
                    .forEach(condition -> conditions.addConditions(RuntimeCondition.newBuilder()
                            .setType(condition.type())
                            .setStatus(condition.met())
                            .setReason(condition.reason())
                            .setMessage(condition.message())));
            var answer = StatusResponse.newBuilder()
                    .setStatus(conditions)
                    .setFeatures(RuntimeFeatures.newBuilder()
                            .setSupplementalGroupsPolicy(true)
                            .setUserNamespacesHostNetwork(
                                    status.handlers().stream().anyMatch(Node.HandlerStatus::userNamespaces))
                            .setMountOptions(true));
            status.handlers()
                    .forEach(handler -> answer.addRuntimeHandlers(RuntimeHandler.newBuilder()
                            .setName(handler.name())
                            .setFeatures(RuntimeHandlerFeatures.newBuilder()
                                    .setRecursiveReadOnlyMounts(handler.recursiveReadOnlyMounts())
                                    .setUserNamespaces(handler.userNamespaces()))));
            return answer.putAllInfo(status.info()).build();
        });
    }

    void runtimeConfig(StreamObserver<RuntimeConfigResponse> caller) {
        Calls.answer(
                "RuntimeConfig",
                caller,
                () -> RuntimeConfigResponse.newBuilder()
                        .setLinux(LinuxRuntimeConfiguration.newBuilder()
                                .setCgroupDriver(
                                        cri.node().systemdCgroups() ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS))
                        .build());
    }

    void updateRuntimeConfig(UpdateRuntimeConfigRequest request, StreamObserver<UpdateRuntimeConfigResponse> caller) {
        Calls.answer("UpdateRuntimeConfig", caller, () -> {
            cri.node().podCidr(request.getRuntimeConfig().getNetworkConfig().getPodCidr());
            return UpdateRuntimeConfigResponse.getDefaultInstance();
        });
    }

    /** Sends events until the caller goes or the daemon ends; one that does not keep up is told so and must list anew. */
    void events(StreamObserver<ContainerEventResponse> caller) {
        var call = (ServerCallStreamObserver<ContainerEventResponse>) caller;
        ContainerEvents.Subscription subscription = cri.events().subscribe();
        var ready = new Semaphore(0);
        // Callbacks of a call come only after its method has returned, so the sending needs a thread of its own.
        Thread sender = Thread.ofVirtual().name("events").unstarted(() -> send(call, subscription, ready));
        call.setOnReadyHandler(ready::release);
        call.setOnCancelHandler(sender::interrupt);
        sender.start();
    }

    private static void send(
            ServerCallStreamObserver<ContainerEventResponse> call,
            ContainerEvents.Subscription subscription,
            Semaphore ready) {
        try (subscription) {
            while (!call.isCancelled()) {
                while (!call.isReady()) {
                    ready.acquire();
                }
                call.onNext(event(subscription.next()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the caller is gone
        } catch (RuntimeException e) {
            if (!call.isCancelled()) {
                call.onError(Calls.status("GetContainerEvents", e));
            }
        }
    }

    private static ContainerEventResponse event(ContainerEvent event) {
        var answer = ContainerEventResponse.newBuilder()
                .setContainerId(event.containerId())
                .setContainerEventType(
                        switch (event.kind()) {
                            case CREATED -> ContainerEventType.CONTAINER_CREATED_EVENT;
                            case STARTED -> ContainerEventType.CONTAINER_STARTED_EVENT;
                            case STOPPED -> ContainerEventType.CONTAINER_STOPPED_EVENT;
                            case DELETED -> ContainerEventType.CONTAINER_DELETED_EVENT;
                        })
                .setCreatedAt(event.createdAtNanos())
                .setPodSandboxStatus(PodToProto.status(event.pod()));
        event.containers().forEach(container -> answer.addContainersStatuses(ContainerToProto.status(container)));
        return answer.build();
    }
}
