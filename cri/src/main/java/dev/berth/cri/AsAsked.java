package dev.berth.cri;

import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.ContainerConfig.ContainerSecurity;
import dev.berth.cri.config.ContainerConfig.ImageName;
import dev.berth.cri.config.ContainerConfig.Propagation;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.cri.config.GroupsPolicy;
import dev.berth.cri.config.IdMapping;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.PodConfig.PodSecurity;
import dev.berth.cri.config.PodConfig.PortMapping;
import dev.berth.cri.config.Resources;
import dev.berth.cri.config.SecurityProfile;
import dev.berth.cri.config.SelinuxOptions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Requests as containerd shows them again: by the protocol's names and numbers, without what was not said. Scripts read there how a
 * container is confined.
 */
final class AsAsked {
    private static final Set<Object> NOT_SAID = Set.of("", false, 0, 0L, List.of(), Map.of());

    private final Map<String, Object> fields = new LinkedHashMap<>();

    private AsAsked() {}

    private AsAsked with(String name, @Nullable Object value) {
        if (value != null && !NOT_SAID.contains(value)) {
            fields.put(name, value);
        }
        return this;
    }

    static Map<String, Object> pod(PodConfig config) {
        var metadata = config.metadata();
        return new AsAsked()
                .with(
                        "metadata",
                        new AsAsked()
                                .with("name", metadata.name())
                                .with("uid", metadata.uid())
                                .with("namespace", metadata.namespace())
                                .with("attempt", metadata.attempt())
                                .fields)
                .with("hostname", config.hostname())
                .with("log_directory", config.logDirectory())
                .with("dns_config", config.dns() == null ? null : dns(config.dns()))
                .with(
                        "port_mappings",
                        config.portMappings().stream().map(AsAsked::port).toList())
                .with("labels", config.labels())
                .with("annotations", config.annotations())
                .with(
                        "linux",
                        new AsAsked()
                                .with("cgroup_parent", config.cgroupParent())
                                .with("security_context", security(config.security()))
                                .with("sysctls", config.sysctls())
                                .with("overhead", resources(config.overhead()))
                                .with("resources", resources(config.resources()))
                                .fields)
                .fields;
    }

    private static Map<String, Object> dns(PodConfig.DnsConfig dns) {
        return new AsAsked()
                .with("servers", dns.servers())
                .with("searches", dns.searches())
                .with("options", dns.options())
                .fields;
    }

    private static Map<String, Object> port(PortMapping port) {
        int protocol = switch (port.protocol()) {
            case TCP -> 0;
            case UDP -> 1;
            case SCTP -> 2;
        };
        return new AsAsked()
                .with("protocol", protocol)
                .with("container_port", port.containerPort())
                .with("host_port", port.hostPort())
                .with("host_ip", port.hostIp())
                .fields;
    }

    private static @Nullable Map<String, Object> security(@Nullable PodSecurity security) {
        return security == null
                ? null
                : new AsAsked()
                        .with("namespace_options", namespaces(security.namespaces()))
                        .with("selinux_options", selinux(security.selinux()))
                        .with("run_as_user", number(security.runAsUser()))
                        .with("run_as_group", number(security.runAsGroup()))
                        .with("readonly_rootfs", security.readonlyRootfs())
                        .with("supplemental_groups", security.supplementalGroups())
                        .with("supplemental_groups_policy", policy(security.supplementalGroupsPolicy()))
                        .with("privileged", security.privileged())
                        .with("seccomp", profile(security.seccomp()))
                        .with("apparmor", profile(security.apparmor()))
                        .with("seccomp_profile_path", security.seccompProfilePath())
                        .fields;
    }

    /**
     * A container.
     *
     * @param limits those that it has now
     */
    static Map<String, Object> container(ContainerConfig config, @Nullable Resources limits) {
        return new AsAsked()
                .with(
                        "metadata",
                        new AsAsked()
                                .with("name", config.metadata().name())
                                .with("attempt", config.metadata().attempt())
                                .fields)
                .with("image", image(config.image()))
                .with("command", config.command())
                .with("args", config.args())
                .with("working_dir", config.workingDir())
                .with(
                        "envs",
                        config.env().stream()
                                .map(each -> Map.of("key", each.name(), "value", each.value()))
                                .toList())
                .with("mounts", config.mounts().stream().map(AsAsked::mount).toList())
                .with("devices", config.devices().stream().map(AsAsked::device).toList())
                .with("labels", config.labels())
                .with("annotations", config.annotations())
                .with("log_path", config.logPath())
                .with("stdin", config.stdin())
                .with("stdin_once", config.stdinOnce())
                .with("tty", config.tty())
                .with(
                        "linux",
                        new AsAsked()
                                .with("resources", resources(limits))
                                .with("security_context", security(config.security()))
                                .fields)
                .with(
                        "CDI_devices",
                        config.cdiDevices().stream()
                                .map(name -> Map.of("name", name))
                                .toList())
                .fields;
    }

    private static Map<String, Object> image(ImageName image) {
        return new AsAsked()
                .with("image", image.image())
                .with("annotations", image.annotations())
                .with("user_specified_image", image.userSpecifiedImage())
                .with("runtime_handler", image.runtimeHandler())
                .fields;
    }

    private static Map<String, Object> mount(VolumeMount mount) {
        return new AsAsked()
                .with("container_path", mount.containerPath())
                .with("host_path", mount.hostPath())
                .with("readonly", mount.readonly())
                .with("selinux_relabel", mount.selinuxRelabel())
                .with("propagation", number(mount.propagation()))
                .with("uidMappings", ids(mount.uidMappings()))
                .with("gidMappings", ids(mount.gidMappings()))
                .with("recursive_read_only", mount.recursiveReadOnly())
                .with("image", mount.image() == null ? null : image(mount.image()))
                .with("image_sub_path", mount.imageSubPath())
                .with("mount_options", mount.options())
                .fields;
    }

    private static int number(Propagation propagation) {
        return switch (propagation) {
            case PRIVATE -> 0;
            case HOST_TO_CONTAINER -> 1;
            case BIDIRECTIONAL -> 2;
        };
    }

    private static Map<String, Object> device(ContainerConfig.DeviceMapping device) {
        return new AsAsked()
                .with("container_path", device.containerPath())
                .with("host_path", device.hostPath())
                .with("permissions", device.permissions())
                .fields;
    }

    private static @Nullable Map<String, Object> security(@Nullable ContainerSecurity security) {
        return security == null
                ? null
                : new AsAsked()
                        .with("capabilities", capabilities(security.capabilities()))
                        .with("privileged", security.privileged())
                        .with("namespace_options", namespaces(security.namespaces()))
                        .with("selinux_options", selinux(security.selinux()))
                        .with("run_as_user", number(security.runAsUser()))
                        .with("run_as_group", number(security.runAsGroup()))
                        .with("run_as_username", security.runAsUsername())
                        .with("readonly_rootfs", security.readonlyRootfs())
                        .with("supplemental_groups", security.supplementalGroups())
                        .with("supplemental_groups_policy", policy(security.supplementalGroupsPolicy()))
                        .with("no_new_privs", security.noNewPrivileges())
                        .with("masked_paths", security.maskedPaths())
                        .with("readonly_paths", security.readonlyPaths())
                        .with("seccomp", profile(security.seccomp()))
                        .with("apparmor", profile(security.apparmor()))
                        .with("apparmor_profile", security.apparmorProfile())
                        .with("seccomp_profile_path", security.seccompProfilePath())
                        .fields;
    }

    private static Map<String, Object> capabilities(ContainerConfig.Capabilities asked) {
        return new AsAsked()
                .with("add_capabilities", asked.add())
                .with("drop_capabilities", asked.drop())
                .with("add_ambient_capabilities", asked.addAmbient())
                .fields;
    }

    private static @Nullable Map<String, Object> namespaces(@Nullable NamespaceOptions options) {
        if (options == null) {
            return null;
        }
        var user = options.user();
        return new AsAsked()
                .with("network", number(options.network()))
                .with("pid", number(options.pid()))
                .with("ipc", number(options.ipc()))
                .with("target_id", options.targetId())
                .with(
                        "userns_options",
                        user == null
                                ? null
                                : new AsAsked()
                                        .with("mode", number(user.mode()))
                                        .with("uids", ids(user.uids()))
                                        .with("gids", ids(user.gids()))
                                        .fields)
                .fields;
    }

    private static int number(NamespaceOptions.Mode mode) {
        return switch (mode) {
            case POD -> 0;
            case CONTAINER -> 1;
            case NODE -> 2;
            case TARGET -> 3;
        };
    }

    private static List<Map<String, Object>> ids(List<IdMapping> ranges) {
        return ranges.stream()
                .map(range -> new AsAsked()
                        .with("host_id", range.hostId())
                        .with("container_id", range.containerId())
                        .with("length", range.length())
                        .fields)
                .toList();
    }

    /** A message of its own: the protocol tells 0 from nothing. */
    private static @Nullable Map<String, Object> number(@Nullable Long value) {
        return value == null ? null : Map.of("value", value);
    }

    private static int policy(GroupsPolicy policy) {
        return switch (policy) {
            case MERGE -> 0;
            case STRICT -> 1;
        };
    }

    private static @Nullable Map<String, Object> selinux(@Nullable SelinuxOptions options) {
        return options == null
                ? null
                : new AsAsked()
                        .with("user", options.user())
                        .with("role", options.role())
                        .with("type", options.type())
                        .with("level", options.level())
                        .fields;
    }

    /** The default one is a message with nothing in it. */
    private static @Nullable Map<String, Object> profile(@Nullable SecurityProfile profile) {
        if (profile == null) {
            return null;
        }
        int type = switch (profile.type()) {
            case RUNTIME_DEFAULT -> 0;
            case UNCONFINED -> 1;
            case LOCALHOST -> 2;
        };
        return Map.of("profile_type", type, "localhost_ref", profile.localhostRef());
    }

    static @Nullable Map<String, Object> resources(@Nullable Resources limits) {
        return limits == null
                ? null
                : new AsAsked()
                        .with("cpu_period", limits.cpuPeriod())
                        .with("cpu_quota", limits.cpuQuota())
                        .with("cpu_shares", limits.cpuShares())
                        .with("memory_limit_in_bytes", limits.memoryLimit())
                        .with("oom_score_adj", limits.oomScoreAdj())
                        .with("cpuset_cpus", limits.cpusetCpus())
                        .with("cpuset_mems", limits.cpusetMems())
                        .with(
                                "hugepage_limits",
                                limits.hugepageLimits().stream()
                                        .map(limit -> new AsAsked()
                                                .with("page_size", limit.pageSize())
                                                .with("limit", limit.limit())
                                                .fields)
                                        .toList())
                        .with("unified", limits.unified())
                        .with("memory_swap_limit_in_bytes", limits.memorySwapLimit())
                        .fields;
    }
}
