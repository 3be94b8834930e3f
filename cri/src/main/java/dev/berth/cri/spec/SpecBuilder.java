package dev.berth.cri.spec;

import dev.berth.cri.cdi.CdiDevices;
import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.ContainerConfig.Capabilities;
import dev.berth.cri.config.ContainerConfig.ContainerSecurity;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.Resources;
import dev.berth.cri.config.SelinuxOptions;
import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.ProcessSpec;
import dev.berth.oci.RuntimeSpec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes the OCI runtime spec of a container. It changes nothing on the host but one thing that the kubelet relies on: a
 * volume's directory that is not there is made; and, where SELinux is on, labels: of what is the pod's own, and of volumes for which that
 * is asked.
 *
 * <p>Paths that depend on a living process stand in the spec as {@link dev.berth.oci.PodReference names}.
 */
public final class SpecBuilder {
    private static final String ROOTFS = "rootfs";

    private final HostFacts host;
    private final Settings settings;
    private final CdiDevices cdi;

    /**
     * What the operator has decided.
     *
     * @param systemdCgroups whether cgroups are made by systemd (else by paths below /sys/fs/cgroup)
     * @param deviceOwnership whether devices belong to the user and group that the security context names, and not to whom they
     *     belong on the node
     * @param cdiDirectories where vendors describe their devices; empty for no CDI
     */
    public record Settings(boolean systemdCgroups, boolean deviceOwnership, List<Path> cdiDirectories) {
        public Settings {
            cdiDirectories = List.copyOf(cdiDirectories);
        }
    }

    public SpecBuilder(HostFacts host, Settings settings) {
        this.host = host;
        this.settings = settings;
        this.cdi = new CdiDevices(settings.cdiDirectories());
    }

    /**
     * A spec and what its making found out.
     *
     * @param volumes directories to make and fill from the image before the container is created
     */
    public record Built(RuntimeSpec spec, List<ImageVolume> volumes) {}

    /**
     * The spec of a new container.
     *
     * @throws Fault INVALID_ARGUMENT if the request cannot be meant so; FAILED_PRECONDITION if this node cannot do it
     */
    public Built build(SpecRequest request) {
        ContainerConfig config = request.config();
        refuseContradictions(request);
        SelinuxPolicy.Labels labels = labels(request);
        MountPart made = MountPart.of(request, config.privileged(), labels.mount());
        MountPart mounts = host.cgroupV2() && config.privileged() ? made.withCgroupsOfNode() : made;
        RuntimeSpec spec = new RuntimeSpec(
                RuntimeSpec.VERSION,
                process(request, labels.process()),
                new RuntimeSpec.Root(ROOTFS, readonlyRoot(config.security())),
                null,
                null,
                mounts.mounts(),
                null,
                CriAnnotations.ofContainer(request),
                linux(request, mounts, labels.mount()));
        return new Built(
                cdi.inject(spec, CdiDevices.names(config.cdiDevices(), config.annotations())), mounts.volumes());
    }

    /**
     * Resources for an update of a container that exists.
     *
     * @throws Fault INVALID_ARGUMENT if they contradict each other
     */
    public LinuxResources resources(Resources asked) {
        return possible(ResourcePart.of(asked, List.of(), host.swapCounted()));
    }

    /** What takes an update back: the limits of before for what it has changed, and the kernel's own where there were none. */
    public LinuxResources undoing(@Nullable Resources before, Resources asked) {
        return possible(ResourcePart.undoing(before, asked, host.swapCounted()));
    }

    /** A spec with other limits; those that nobody has asked for, such as an operator's, stay. */
    public RuntimeSpec withResources(RuntimeSpec spec, Resources asked) {
        LinuxResources old = Objects.requireNonNullElse(spec.needLinux().resources(), LinuxResources.NONE);
        LinuxResources limits = possible(ResourcePart.over(old, asked, host.swapCounted()));
        return spec.withProcess(spec.needProcess().withOomScoreAdj(ResourcePart.oomScore(asked, host.lowestOomScore())))
                .withLinux(spec.needLinux().withResources(limits));
    }

    /**
     * The kubelet limits every size of pages that the kernel knows, to nothing if need be, also where no controller counts them; runc
     * then refuses to make a container.
     */
    private LinuxResources possible(LinuxResources limits) {
        return host.hugepagesCounted() ? limits : limits.withoutHugepages();
    }

    /**
     * Refuses limits that contradict each other or are out of range.
     *
     * @throws Fault INVALID_ARGUMENT
     */
    public static void check(Resources asked) {
        ResourcePart.oomScore(asked, 0);
        Objects.requireNonNull(ResourcePart.of(asked, List.of(), true));
    }

    private static void refuseContradictions(SpecRequest request) {
        ContainerConfig config = request.config();
        if (config.privileged() && !request.pod().config().privileged()) {
            throw Fault.invalid(
                    "create container", "it is privileged and its pod is not", "Make the pod privileged too");
        }
        UserIds.check(request);
    }

    /** A container that says nothing has what its pod says. */
    private SelinuxPolicy.Labels labels(SpecRequest request) {
        ContainerSecurity own = request.config().security();
        PodConfig.PodSecurity ofPod = request.pod().config().security();
        SelinuxOptions asked = own == null ? null : own.selinux();
        if (asked == null && ofPod != null) {
            asked = ofPod.selinux();
        }
        return host.selinux()
                .labels(asked, request.config().privileged(), request.pod().id());
    }

    private ProcessSpec process(SpecRequest request, @Nullable String label) {
        ContainerConfig config = request.config();
        ContainerSecurity security = config.security();
        ImageUser user = request.user();
        return new ProcessSpec(
                config.tty(),
                null,
                new ProcessSpec.User(user.uid(), user.gid(), null, user.groups()),
                CommandLine.args(config, request.image()),
                CommandLine.env(config, request.image(), request.pod().hostname()),
                CommandLine.directory(config, request.image()),
                capabilities(security),
                List.of(),
                security != null && security.noNewPrivileges(),
                LabelPart.apparmor(security, host.apparmor()),
                ResourcePart.oomScore(config.resources(), host.lowestOomScore()),
                null,
                label,
                null,
                null);
    }

    private ProcessSpec.Capabilities capabilities(@Nullable ContainerSecurity security) {
        Capabilities asked = security == null ? Capabilities.NONE : security.capabilities();
        return Capability.of(asked, security != null && security.privileged(), host.capabilities());
    }

    private LinuxSpec linux(SpecRequest request, MountPart mounts, @Nullable String label) {
        ContainerConfig config = request.config();
        ContainerSecurity security = config.security();
        boolean privileged = config.privileged();
        List<String> masked = security == null || privileged ? List.of() : security.maskedPaths();
        List<String> readonly = security == null || privileged ? List.of() : security.readonlyPaths();
        NamespaceOptions options = NamespacePart.options(request);
        DevicePart devices = DevicePart.of(config.devices(), privileged, deviceOwner(security));
        return new LinuxSpec(
                NamespacePart.users(options),
                NamespacePart.groups(options),
                Map.of(),
                possible(ResourcePart.of(config.resources(), devices.rules(), host.swapCounted())),
                CgroupPaths.of(request.pod().config().cgroupParent(), request.id(), settings.systemdCgroups()),
                NamespacePart.namespaces(request, host.cgroupV2() && !privileged),
                devices.nodes(),
                Map.of(),
                SeccompPart.of(
                        security,
                        host.architecture(),
                        Set.copyOf(capabilities(security).bounding())),
                mounts.rootfsPropagation(),
                masked,
                readonly,
                label,
                null,
                null,
                Map.of());
    }

    private DevicePart.Owner deviceOwner(@Nullable ContainerSecurity security) {
        return security == null || !settings.deviceOwnership()
                ? DevicePart.Owner.SAME
                : new DevicePart.Owner(security.runAsUser(), security.runAsGroup());
    }

    private static boolean readonlyRoot(@Nullable ContainerSecurity security) {
        return security != null && security.readonlyRootfs();
    }
}
