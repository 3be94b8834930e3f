package dev.berth.cri.config;

import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A container as the kubelet wants it.
 *
 * @param image the reference or id by which the image was pulled
 * @param command replaces the image's entrypoint unless empty
 * @param args replaces the image's arguments unless empty
 * @param workingDir empty for the image's own
 * @param logPath relative to the pod's log directory; empty for none
 * @param stopSignal number and name are resolved by the caller; null for the image's own
 */
@Json
public record ContainerConfig(
        ContainerMetadata metadata,
        ImageName image,
        List<String> command,
        List<String> args,
        String workingDir,
        List<EnvVar> env,
        List<VolumeMount> mounts,
        List<DeviceMapping> devices,
        List<String> cdiDevices,
        Map<String, String> labels,
        Map<String, String> annotations,
        String logPath,
        boolean stdin,
        boolean stdinOnce,
        boolean tty,
        @Nullable Resources resources,
        @Nullable ContainerSecurity security,
        @Nullable String stopSignal) {

    /** The name of a container in its pod and how often it was made anew. */
    @Json
    public record ContainerMetadata(String name, int attempt) {}

    /** An image as a request names it, with what CRI wants to see again in the status. */
    @Json
    public record ImageName(
            String image, Map<String, String> annotations, String userSpecifiedImage, String runtimeHandler) {}

    /** An environment variable; the value is text because the OCI config is JSON. */
    @Json
    public record EnvVar(String name, String value) {}

    /** A device of the host; {@code permissions} is some of {@code rwm}. */
    @Json
    public record DeviceMapping(String containerPath, String hostPath, String permissions) {}

    /** A volume from a path of the host, or from an image if {@code image} is given. */
    @Json
    public record VolumeMount(
            String containerPath,
            String hostPath,
            boolean readonly,
            boolean selinuxRelabel,
            Propagation propagation,
            List<IdMapping> uidMappings,
            List<IdMapping> gidMappings,
            boolean recursiveReadOnly,
            @Nullable ImageName image,
            String imageSubPath,
            List<String> options) {}

    /** What mounts on one side do to the other side. */
    public enum Propagation {
        PRIVATE,
        HOST_TO_CONTAINER,
        BIDIRECTIONAL
    }

    /** How the container is confined. */
    @Json
    public record ContainerSecurity(
            Capabilities capabilities,
            boolean privileged,
            @Nullable NamespaceOptions namespaces,
            @Nullable SelinuxOptions selinux,
            @Nullable Long runAsUser,
            @Nullable Long runAsGroup,
            String runAsUsername,
            boolean readonlyRootfs,
            List<Long> supplementalGroups,
            GroupsPolicy supplementalGroupsPolicy,
            boolean noNewPrivileges,
            List<String> maskedPaths,
            List<String> readonlyPaths,
            @Nullable SecurityProfile seccomp,
            @Nullable SecurityProfile apparmor,
            String apparmorProfile,
            String seccompProfilePath) {}

    /** Names with or without {@code CAP_}, {@code ALL} for every one. */
    @Json
    public record Capabilities(List<String> add, List<String> drop, List<String> addAmbient) {
        public static final Capabilities NONE = new Capabilities(List.of(), List.of(), List.of());
    }

    public boolean privileged() {
        return security != null && security.privileged();
    }
}
