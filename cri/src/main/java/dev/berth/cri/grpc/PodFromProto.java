package dev.berth.cri.grpc;

import dev.berth.cri.config.GroupsPolicy;
import dev.berth.cri.config.IdMapping;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.PodConfig.DnsConfig;
import dev.berth.cri.config.PodConfig.PodMetadata;
import dev.berth.cri.config.PodConfig.PodSecurity;
import dev.berth.cri.config.PodConfig.PortMapping;
import dev.berth.cri.config.Resources;
import dev.berth.cri.config.SecurityProfile;
import dev.berth.cri.config.SelinuxOptions;
import dev.berth.kernel.Fault;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.LinuxSandboxSecurityContext;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.SELinuxOption;
import dev.berth.wire.cri.SupplementalGroupsPolicy;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a request says of a pod, as records. Unknown enum values are refused: guessing could mean less confinement. */
final class PodFromProto {
    private PodFromProto() {}

    static PodConfig pod(PodSandboxConfig pod) {
        if (!pod.hasMetadata()) {
            throw Fault.invalid("pod", "the request has no metadata", "Give name, namespace and uid of the pod");
        }
        var metadata = pod.getMetadata();
        LinuxPodSandboxConfig linux = pod.getLinux();
        var dns = pod.getDnsConfig();
        return new PodConfig(
                new PodMetadata(metadata.getName(), metadata.getUid(), metadata.getNamespace(), metadata.getAttempt()),
                pod.getHostname(),
                pod.getLogDirectory(),
                pod.hasDnsConfig()
                        ? new DnsConfig(dns.getServersList(), dns.getSearchesList(), dns.getOptionsList())
                        : null,
                pod.getPortMappingsList().stream().map(PodFromProto::port).toList(),
                pod.getLabelsMap(),
                pod.getAnnotationsMap(),
                linux.getCgroupParent(),
                linux.hasSecurityContext() ? security(linux.getSecurityContext()) : null,
                linux.getSysctlsMap(),
                linux.hasOverhead() ? resources(linux.getOverhead()) : null,
                linux.hasResources() ? resources(linux.getResources()) : null);
    }

    private static PortMapping port(dev.berth.wire.cri.PortMapping port) {
        var protocol = switch (port.getProtocol()) {
            case TCP -> PortMapping.Protocol.TCP;
            case UDP -> PortMapping.Protocol.UDP;
            case SCTP -> PortMapping.Protocol.SCTP;
            case UNRECOGNIZED -> throw unknown("protocol", port.getProtocolValue());
        };
        return new PortMapping(
                protocol,
                portNumber("container port", port.getContainerPort()),
                portNumber("host port", port.getHostPort()),
                port.getHostIp());
    }

    private static int portNumber(String what, int number) {
        if (number < 0 || number > 65535) {
            throw Fault.invalid("port mapping", what + " " + number + " is not a port", "Use 0 to 65535");
        }
        return number;
    }

    private static PodSecurity security(LinuxSandboxSecurityContext security) {
        return new PodSecurity(
                security.hasNamespaceOptions() ? namespaces(security.getNamespaceOptions()) : null,
                security.hasSelinuxOptions() ? selinux(security.getSelinuxOptions()) : null,
                security.hasRunAsUser() ? security.getRunAsUser().getValue() : null,
                security.hasRunAsGroup() ? security.getRunAsGroup().getValue() : null,
                security.getReadonlyRootfs(),
                security.getSupplementalGroupsList(),
                groups(security.getSupplementalGroupsPolicy()),
                security.getPrivileged(),
                security.hasSeccomp() ? profile(security.getSeccomp()) : null,
                security.hasApparmor() ? profile(security.getApparmor()) : null,
                oldSeccomp(security));
    }

    @SuppressWarnings("deprecation") // still part of CRI v1, and honoured
    private static String oldSeccomp(LinuxSandboxSecurityContext security) {
        return security.getSeccompProfilePath();
    }

    static NamespaceOptions namespaces(NamespaceOption options) {
        NamespaceOptions.UserNamespace user = null;
        if (options.hasUsernsOptions()) {
            var given = options.getUsernsOptions();
            user = new NamespaceOptions.UserNamespace(
                    mode(given.getMode(), given.getModeValue()), ids(given.getUidsList()), ids(given.getGidsList()));
        }
        return new NamespaceOptions(
                mode(options.getNetwork(), options.getNetworkValue()),
                mode(options.getPid(), options.getPidValue()),
                mode(options.getIpc(), options.getIpcValue()),
                options.getTargetId(),
                user);
    }

    private static Mode mode(NamespaceMode mode, int number) {
        return switch (mode) {
            case POD -> Mode.POD;
            case CONTAINER -> Mode.CONTAINER;
            case NODE -> Mode.NODE;
            case TARGET -> Mode.TARGET;
            case UNRECOGNIZED -> throw unknown("namespace mode", number);
        };
    }

    static List<IdMapping> ids(List<dev.berth.wire.cri.IDMapping> mappings) {
        return mappings.stream()
                .map(m -> new IdMapping(
                        Integer.toUnsignedLong(m.getHostId()),
                        Integer.toUnsignedLong(m.getContainerId()),
                        Integer.toUnsignedLong(m.getLength())))
                .toList();
    }

    static GroupsPolicy groups(SupplementalGroupsPolicy policy) {
        return switch (policy) {
            case Merge -> GroupsPolicy.MERGE;
            case Strict -> GroupsPolicy.STRICT;
            case UNRECOGNIZED -> throw unknown("supplemental groups policy", -1);
        };
    }

    static SecurityProfile profile(dev.berth.wire.cri.SecurityProfile profile) {
        var type = switch (profile.getProfileType()) {
            case RuntimeDefault -> SecurityProfile.Type.RUNTIME_DEFAULT;
            case Unconfined -> SecurityProfile.Type.UNCONFINED;
            case Localhost -> SecurityProfile.Type.LOCALHOST;
            case UNRECOGNIZED -> throw unknown("profile type", profile.getProfileTypeValue());
        };
        return new SecurityProfile(type, profile.getLocalhostRef());
    }

    static SelinuxOptions selinux(SELinuxOption selinux) {
        return new SelinuxOptions(selinux.getUser(), selinux.getRole(), selinux.getType(), selinux.getLevel());
    }

    static Resources resources(LinuxContainerResources given) {
        return new Resources(
                given.getCpuPeriod(),
                given.getCpuQuota(),
                given.getCpuShares(),
                given.getMemoryLimitInBytes(),
                given.getOomScoreAdj(),
                given.getCpusetCpus(),
                given.getCpusetMems(),
                given.getHugepageLimitsList().stream()
                        .map(limit -> new Resources.HugepageLimit(limit.getPageSize(), limit.getLimit()))
                        .toList(),
                given.getUnifiedMap(),
                given.getMemorySwapLimitInBytes());
    }

    static Fault unknown(String what, @Nullable Integer number) {
        return Fault.invalid(
                "request", what + " " + number + " is unknown", "This runtime may be older than the client");
    }
}
