package dev.berth.cri.grpc;

import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.ContainerConfig.Capabilities;
import dev.berth.cri.config.ContainerConfig.ContainerMetadata;
import dev.berth.cri.config.ContainerConfig.ContainerSecurity;
import dev.berth.cri.config.ContainerConfig.DeviceMapping;
import dev.berth.cri.config.ContainerConfig.EnvVar;
import dev.berth.cri.config.ContainerConfig.ImageName;
import dev.berth.cri.config.ContainerConfig.Propagation;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.kernel.Fault;
import dev.berth.wire.cri.Capability;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.KeyValue;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerSecurityContext;
import dev.berth.wire.cri.Mount;
import dev.berth.wire.cri.Signal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a request says of a container, as records. */
final class ContainerFromProto {
    private ContainerFromProto() {}

    static ContainerConfig container(dev.berth.wire.cri.ContainerConfig given) {
        if (!given.hasMetadata()) {
            throw Fault.invalid("container", "the request has no metadata", "Give the name of the container");
        }
        LinuxContainerConfig linux = given.getLinux();
        return new ContainerConfig(
                new ContainerMetadata(
                        given.getMetadata().getName(), given.getMetadata().getAttempt()),
                image(given.getImage()),
                given.getCommandList(),
                given.getArgsList(),
                given.getWorkingDir(),
                given.getEnvsList().stream().map(ContainerFromProto::env).toList(),
                given.getMountsList().stream().map(ContainerFromProto::mount).toList(),
                given.getDevicesList().stream()
                        .map(d -> new DeviceMapping(d.getContainerPath(), d.getHostPath(), d.getPermissions()))
                        .toList(),
                given.getCDIDevicesList().stream().map(d -> d.getName()).toList(),
                given.getLabelsMap(),
                given.getAnnotationsMap(),
                given.getLogPath(),
                given.getStdin(),
                given.getStdinOnce(),
                given.getTty(),
                linux.hasResources() ? PodFromProto.resources(linux.getResources()) : null,
                linux.hasSecurityContext() ? security(linux.getSecurityContext()) : null,
                signal(given.getStopSignal(), given.getStopSignalValue()));
    }

    static ImageName image(ImageSpec image) {
        return new ImageName(
                image.getImage(), image.getAnnotationsMap(), image.getUserSpecifiedImage(), image.getRuntimeHandler());
    }

    private static EnvVar env(KeyValue variable) {
        try {
            var value = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(variable.getValue().toByteArray()));
            return new EnvVar(variable.getKey(), value.toString());
        } catch (CharacterCodingException e) {
            throw Fault.invalid(
                            "environment variable " + variable.getKey(),
                            "its value is not UTF-8, and the runtime's config is JSON",
                            "Encode the value, in base64 for example")
                    .causedBy(e);
        }
    }

    private static VolumeMount mount(Mount mount) {
        var propagation = switch (mount.getPropagation()) {
            case PROPAGATION_PRIVATE -> Propagation.PRIVATE;
            case PROPAGATION_HOST_TO_CONTAINER -> Propagation.HOST_TO_CONTAINER;
            case PROPAGATION_BIDIRECTIONAL -> Propagation.BIDIRECTIONAL;
            case UNRECOGNIZED -> throw PodFromProto.unknown("mount propagation", mount.getPropagationValue());
        };
        return new VolumeMount(
                mount.getContainerPath(),
                mount.getHostPath(),
                mount.getReadonly(),
                mount.getSelinuxRelabel(),
                propagation,
                PodFromProto.ids(mount.getUidMappingsList()),
                PodFromProto.ids(mount.getGidMappingsList()),
                mount.getRecursiveReadOnly(),
                mount.hasImage() && !mount.getImage().getImage().isEmpty() ? image(mount.getImage()) : null,
                mount.getImageSubPath(),
                mount.getMountOptionsList());
    }

    private static ContainerSecurity security(LinuxContainerSecurityContext given) {
        Capability capabilities = given.getCapabilities();
        return new ContainerSecurity(
                new Capabilities(
                        capabilities.getAddCapabilitiesList(),
                        capabilities.getDropCapabilitiesList(),
                        capabilities.getAddAmbientCapabilitiesList()),
                given.getPrivileged(),
                given.hasNamespaceOptions() ? PodFromProto.namespaces(given.getNamespaceOptions()) : null,
                given.hasSelinuxOptions() ? PodFromProto.selinux(given.getSelinuxOptions()) : null,
                given.hasRunAsUser() ? given.getRunAsUser().getValue() : null,
                given.hasRunAsGroup() ? given.getRunAsGroup().getValue() : null,
                given.getRunAsUsername(),
                given.getReadonlyRootfs(),
                given.getSupplementalGroupsList(),
                PodFromProto.groups(given.getSupplementalGroupsPolicy()),
                given.getNoNewPrivs(),
                List.copyOf(given.getMaskedPathsList()),
                List.copyOf(given.getReadonlyPathsList()),
                given.hasSeccomp() ? PodFromProto.profile(given.getSeccomp()) : null,
                given.hasApparmor() ? PodFromProto.profile(given.getApparmor()) : null,
                oldApparmor(given),
                oldSeccomp(given));
    }

    @SuppressWarnings("deprecation") // still part of CRI v1, and honoured
    private static String oldApparmor(LinuxContainerSecurityContext given) {
        return given.getApparmorProfile();
    }

    @SuppressWarnings("deprecation") // still part of CRI v1, and honoured
    private static String oldSeccomp(LinuxContainerSecurityContext given) {
        return given.getSeccompProfilePath();
    }

    /** The name of a signal as the OCI image config writes it, {@code SIGTERM} or {@code SIGRTMIN+3}. */
    private static @Nullable String signal(Signal signal, int number) {
        return switch (signal) {
            case SIGNAL_RUNTIME_DEFAULT -> null;
            case UNRECOGNIZED -> throw PodFromProto.unknown("stop signal", number);
            default ->
                signal.name()
                        .substring("SIGNAL_".length())
                        .replace("MINPLUS", "MIN+")
                        .replace("MAXMINUS", "MAX-");
        };
    }
}
