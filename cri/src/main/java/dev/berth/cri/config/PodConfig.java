package dev.berth.cri.config;

import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A pod as the kubelet wants it.
 *
 * @param hostname empty for the node's own or for the default
 * @param logDirectory absolute directory below which containers log; empty for none
 * @param cgroupParent cgroupfs path or systemd slice; empty for the default
 * @param sysctls names and values to set inside the pod's namespaces
 * @param overhead resources that the sandbox itself takes, on top of those of its containers
 */
@Json
public record PodConfig(
        PodMetadata metadata,
        String hostname,
        String logDirectory,
        @Nullable DnsConfig dns,
        List<PortMapping> portMappings,
        Map<String, String> labels,
        Map<String, String> annotations,
        String cgroupParent,
        @Nullable PodSecurity security,
        Map<String, String> sysctls,
        @Nullable Resources overhead,
        @Nullable Resources resources) {

    /** The names that identify a pod to the kubelet; two live pods never share all four. */
    @Json
    public record PodMetadata(String name, String uid, String namespace, int attempt) {}

    /** Contents of /etc/resolv.conf; lists may be empty. */
    @Json
    public record DnsConfig(List<String> servers, List<String> searches, List<String> options) {}

    /** A port of the node that leads into the pod. {@code hostPort} 0 means none. */
    @Json
    public record PortMapping(Protocol protocol, int containerPort, int hostPort, String hostIp) {
        public enum Protocol {
            TCP,
            UDP,
            SCTP
        }
    }

    /** How the pod as a whole is confined. */
    @Json
    public record PodSecurity(
            @Nullable NamespaceOptions namespaces,
            @Nullable SelinuxOptions selinux,
            @Nullable Long runAsUser,
            @Nullable Long runAsGroup,
            boolean readonlyRootfs,
            List<Long> supplementalGroups,
            GroupsPolicy supplementalGroupsPolicy,
            boolean privileged,
            @Nullable SecurityProfile seccomp,
            @Nullable SecurityProfile apparmor,
            String seccompProfilePath) {}

    /** With other limits. */
    public PodConfig with(@Nullable Resources changedOverhead, @Nullable Resources changedResources) {
        return new PodConfig(
                metadata,
                hostname,
                logDirectory,
                dns,
                portMappings,
                labels,
                annotations,
                cgroupParent,
                security,
                sysctls,
                changedOverhead,
                changedResources);
    }

    /** The pod's namespaces; all of them its own (with a PID namespace that its containers share) if nothing was said. */
    public NamespaceOptions namespaces() {
        return security == null || security.namespaces() == null ? NamespaceOptions.POD : security.namespaces();
    }

    /** Whether the pod may contain privileged containers. */
    public boolean privileged() {
        return security != null && security.privileged();
    }
}
