package dev.berth.cri.grpc;

import dev.berth.cri.Pod;
import dev.berth.cri.config.IdMapping;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.PodConfig.PodMetadata;
import dev.berth.wire.cri.IDMapping;
import dev.berth.wire.cri.LinuxPodSandboxStatus;
import dev.berth.wire.cri.Namespace;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodIP;
import dev.berth.wire.cri.PodSandbox;
import dev.berth.wire.cri.PodSandboxMetadata;
import dev.berth.wire.cri.PodSandboxNetworkStatus;
import dev.berth.wire.cri.PodSandboxState;
import dev.berth.wire.cri.PodSandboxStatus;
import dev.berth.wire.cri.UserNamespace;

/** Pods as CRI shows them. */
final class PodToProto {
    private PodToProto() {}

    static PodSandbox item(Pod pod) {
        return PodSandbox.newBuilder()
                .setId(pod.id())
                .setMetadata(metadata(pod.config().metadata()))
                .setState(state(pod))
                .setCreatedAt(pod.createdAtNanos())
                .putAllLabels(pod.config().labels())
                .putAllAnnotations(pod.config().annotations())
                .setRuntimeHandler(pod.handler())
                .build();
    }

    static PodSandboxStatus status(Pod pod) {
        var network = PodSandboxNetworkStatus.newBuilder();
        if (pod.ready() && !pod.ips().isEmpty()) { // what it had once may be another pod's by now
            network.setIp(pod.ips().getFirst());
            pod.ips().stream()
                    .skip(1)
                    .forEach(ip -> network.addAdditionalIps(PodIP.newBuilder().setIp(ip)));
        }
        return PodSandboxStatus.newBuilder()
                .setId(pod.id())
                .setMetadata(metadata(pod.config().metadata()))
                .setState(state(pod))
                .setCreatedAt(pod.createdAtNanos())
                .setNetwork(network)
                .setLinux(LinuxPodSandboxStatus.newBuilder()
                        .setNamespaces(Namespace.newBuilder()
                                .setOptions(namespaces(pod.config().namespaces()))))
                .putAllLabels(pod.config().labels())
                .putAllAnnotations(pod.config().annotations())
                .setRuntimeHandler(pod.handler())
                .build();
    }

    static PodSandboxMetadata metadata(PodMetadata metadata) {
        return PodSandboxMetadata.newBuilder()
                .setName(metadata.name())
                .setUid(metadata.uid())
                .setNamespace(metadata.namespace())
                .setAttempt(metadata.attempt())
                .build();
    }

    private static PodSandboxState state(Pod pod) {
        return switch (pod.state()) {
            case READY -> PodSandboxState.SANDBOX_READY;
            case CREATING, NOT_READY -> PodSandboxState.SANDBOX_NOTREADY;
        };
    }

    private static NamespaceOption namespaces(NamespaceOptions options) {
        var built = NamespaceOption.newBuilder()
                .setNetwork(mode(options.network()))
                .setPid(mode(options.pid()))
                .setIpc(mode(options.ipc()))
                .setTargetId(options.targetId());
        if (options.user() != null) {
            var user = UserNamespace.newBuilder().setMode(mode(options.user().mode()));
            options.user().uids().forEach(ids -> user.addUids(ids(ids)));
            options.user().gids().forEach(ids -> user.addGids(ids(ids)));
            built.setUsernsOptions(user);
        }
        return built.build();
    }

    static IDMapping ids(IdMapping ids) {
        return IDMapping.newBuilder()
                .setHostId((int) ids.hostId())
                .setContainerId((int) ids.containerId())
                .setLength((int) ids.length())
                .build();
    }

    private static NamespaceMode mode(NamespaceOptions.Mode mode) {
        return switch (mode) {
            case POD -> NamespaceMode.POD;
            case CONTAINER -> NamespaceMode.CONTAINER;
            case NODE -> NamespaceMode.NODE;
            case TARGET -> NamespaceMode.TARGET;
        };
    }
}
