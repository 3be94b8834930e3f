package dev.berth.cri.grpc;

import dev.berth.cri.config.ContainerConfig.ImageName;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.cri.config.Resources;
import dev.berth.wire.cri.Container;
import dev.berth.wire.cri.ContainerMetadata;
import dev.berth.wire.cri.ContainerResources;
import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ContainerStatus;
import dev.berth.wire.cri.ContainerUser;
import dev.berth.wire.cri.HugepageLimit;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.LinuxContainerUser;
import dev.berth.wire.cri.Mount;
import dev.berth.wire.cri.MountPropagation;
import dev.berth.wire.cri.Signal;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Containers as CRI shows them. */
final class ContainerToProto {
    private ContainerToProto() {}

    static Container item(dev.berth.cri.Container container) {
        return Container.newBuilder()
                .setId(container.id())
                .setPodSandboxId(container.podId())
                .setMetadata(metadata(container))
                .setImage(image(container.config().image()))
                .setImageRef(container.imageId())
                .setImageId(container.imageId())
                .setState(state(container))
                .setCreatedAt(container.createdAtNanos())
                .putAllLabels(container.config().labels())
                .putAllAnnotations(container.config().annotations())
                .build();
    }

    static ContainerStatus status(dev.berth.cri.Container container) {
        var life = container.life();
        var status = ContainerStatus.newBuilder()
                .setId(container.id())
                .setMetadata(metadata(container))
                .setState(state(container))
                .setCreatedAt(container.createdAtNanos())
                .setStartedAt(life.startedAtNanos())
                .setFinishedAt(life.finishedAtNanos())
                .setExitCode(life.exitCode())
                .setReason(life.reason())
                .setMessage(life.message())
                .setImage(named(container))
                .setImageRef(container.imageRef())
                .setImageId(container.imageId())
                .putAllLabels(container.config().labels())
                .putAllAnnotations(container.config().annotations())
                .setLogPath(container.logPath())
                .setStopSignal(signal(container.stopSignal()))
                .setUser(ContainerUser.newBuilder()
                        .setLinux(LinuxContainerUser.newBuilder()
                                .setUid(container.user().uid())
                                .setGid(container.user().gid())
                                .addAllSupplementalGroups(container.user().supplementalGroups())));
        container
                .config()
                .mounts()
                .forEach(mount ->
                        status.addMounts(mount(mount, container.imageVolumes().get(mount.containerPath()))));
        if (container.resources() != null) {
            status.setResources(ContainerResources.newBuilder().setLinux(resources(container.resources())));
        }
        return status.build();
    }

    static ContainerMetadata metadata(dev.berth.cri.Container container) {
        return ContainerMetadata.newBuilder()
                .setName(container.config().metadata().name())
                .setAttempt(container.config().metadata().attempt())
                .build();
    }

    private static ImageSpec image(ImageName image) {
        return ImageSpec.newBuilder()
                .setImage(image.image())
                .putAllAnnotations(image.annotations())
                .setUserSpecifiedImage(image.userSpecifiedImage())
                .setRuntimeHandler(image.runtimeHandler())
                .build();
    }

    /** By a name that says something to people, also if it was asked for by its id, as the kubelet does. */
    private static ImageSpec named(dev.berth.cri.Container container) {
        ImageSpec asked = image(container.config().image());
        return container.imageName().isEmpty()
                ? asked
                : asked.toBuilder().setImage(container.imageName()).build();
    }

    private static ContainerState state(dev.berth.cri.Container container) {
        return switch (container.state()) {
            case CREATED -> ContainerState.CONTAINER_CREATED;
            case RUNNING -> ContainerState.CONTAINER_RUNNING;
            case EXITED -> ContainerState.CONTAINER_EXITED;
            case UNKNOWN -> ContainerState.CONTAINER_UNKNOWN;
        };
    }

    private static Signal signal(String name) {
        String constant = "SIGNAL_" + name.replace("MIN+", "MINPLUS").replace("MAX-", "MAXMINUS");
        for (Signal signal : Signal.values()) {
            if (signal != Signal.UNRECOGNIZED && signal.name().equals(constant)) {
                return signal;
            }
        }
        return Signal.SIGNAL_RUNTIME_DEFAULT;
    }

    private static Mount mount(VolumeMount mount, @Nullable String imageId) {
        var built = Mount.newBuilder()
                .setContainerPath(mount.containerPath())
                .setHostPath(mount.hostPath())
                .setReadonly(mount.readonly())
                .setSelinuxRelabel(mount.selinuxRelabel())
                .setPropagation(
                        switch (mount.propagation()) {
                            case PRIVATE -> MountPropagation.PROPAGATION_PRIVATE;
                            case HOST_TO_CONTAINER -> MountPropagation.PROPAGATION_HOST_TO_CONTAINER;
                            case BIDIRECTIONAL -> MountPropagation.PROPAGATION_BIDIRECTIONAL;
                        })
                .setRecursiveReadOnly(mount.recursiveReadOnly())
                .setImageSubPath(mount.imageSubPath())
                .addAllMountOptions(mount.options());
        mount.uidMappings().forEach(ids -> built.addUidMappings(PodToProto.ids(ids)));
        mount.gidMappings().forEach(ids -> built.addGidMappings(PodToProto.ids(ids)));
        if (mount.image() != null) {
            built.setImage(image(mount.image()).toBuilder().setImageRef(Objects.requireNonNullElse(imageId, "")));
        }
        return built.build();
    }

    private static LinuxContainerResources resources(Resources given) {
        var built = LinuxContainerResources.newBuilder()
                .setCpuPeriod(given.cpuPeriod())
                .setCpuQuota(given.cpuQuota())
                .setCpuShares(given.cpuShares())
                .setMemoryLimitInBytes(given.memoryLimit())
                .setOomScoreAdj(given.oomScoreAdj())
                .setCpusetCpus(given.cpusetCpus())
                .setCpusetMems(given.cpusetMems())
                .putAllUnified(given.unified())
                .setMemorySwapLimitInBytes(given.memorySwapLimit());
        given.hugepageLimits()
                .forEach(limit -> built.addHugepageLimits(
                        HugepageLimit.newBuilder().setPageSize(limit.pageSize()).setLimit(limit.limit())));
        return built.build();
    }
}
