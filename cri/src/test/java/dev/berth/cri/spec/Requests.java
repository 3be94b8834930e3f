package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.ContainerConfig.Capabilities;
import dev.berth.cri.config.ContainerConfig.ContainerMetadata;
import dev.berth.cri.config.ContainerConfig.ContainerSecurity;
import dev.berth.cri.config.ContainerConfig.DeviceMapping;
import dev.berth.cri.config.ContainerConfig.EnvVar;
import dev.berth.cri.config.ContainerConfig.ImageName;
import dev.berth.cri.config.ContainerConfig.Propagation;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.cri.config.GroupsPolicy;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.PodConfig.PodMetadata;
import dev.berth.cri.config.PodConfig.PodSecurity;
import dev.berth.cri.config.Resources;
import dev.berth.cri.config.SecurityProfile;
import dev.berth.cri.config.SelinuxOptions;
import dev.berth.oci.ImageConfig;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A request that a test changes word by word. */
final class Requests {
    static final HostFacts HOST = new HostFacts(
            java.util.Set.copyOf(Capability.NAMES), -1000, false, SelinuxPolicy.OFF, false, true, true, "amd64");

    static final SpecBuilder.Settings CGROUPFS = driver(false);

    static SpecBuilder.Settings driver(boolean systemd) {
        return new SpecBuilder.Settings(systemd, false, List.of());
    }

    List<String> command = List.of("sh");
    List<String> args = List.of();
    String directory = "";
    List<EnvVar> env = new ArrayList<>();
    List<VolumeMount> mounts = new ArrayList<>();
    List<DeviceMapping> devices = new ArrayList<>();
    boolean tty;

    @Nullable
    Resources resources;

    @Nullable
    Security security = new Security();

    String image = "{}";
    ImageUser user = ImageUser.ROOT;

    @Nullable
    Path network = Path.of("/run/berth/netns/p");

    NamespaceOptions podNamespaces = NamespaceOptions.POD;
    boolean podPrivileged;

    @Nullable
    SelinuxOptions podSelinux;

    String cgroupParent = "";
    Path files = Path.of("/run/berth/pods/p");
    Path volumes = Path.of("/var/lib/berth/volumes/c");
    Map<String, ImageTree> imageVolumes = new HashMap<>();
    List<String> cdi = List.of();
    Map<String, String> annotations = Map.of();

    /** The part about confinement. */
    static final class Security {
        Capabilities capabilities = Capabilities.NONE;
        boolean privileged;

        @Nullable
        NamespaceOptions namespaces;

        @Nullable
        SelinuxOptions selinux;

        @Nullable
        Long uid;

        @Nullable
        Long gid;

        String username = "";
        boolean readonlyRootfs;
        List<Long> groups = List.of();
        GroupsPolicy policy = GroupsPolicy.MERGE;
        boolean noNewPrivileges;
        List<String> masked = List.of();
        List<String> readonly = List.of();

        @Nullable
        SecurityProfile seccomp;

        @Nullable
        SecurityProfile apparmor;

        String oldApparmor = "";
        String oldSeccomp = "";

        ContainerSecurity build() {
            return new ContainerSecurity(
                    capabilities,
                    privileged,
                    namespaces,
                    selinux,
                    uid,
                    gid,
                    username,
                    readonlyRootfs,
                    groups,
                    policy,
                    noNewPrivileges,
                    masked,
                    readonly,
                    seccomp,
                    apparmor,
                    oldApparmor,
                    oldSeccomp);
        }
    }

    Security security() {
        return java.util.Objects.requireNonNull(security);
    }

    ContainerConfig config() {
        return new ContainerConfig(
                new ContainerMetadata("main", 0),
                new ImageName("busybox", Map.of(), "", ""),
                command,
                args,
                directory,
                env,
                mounts,
                devices,
                cdi,
                Map.of(),
                annotations,
                "",
                false,
                false,
                tty,
                resources,
                security == null ? null : security.build(),
                null);
    }

    PodConfig pod() {
        return new PodConfig(
                new PodMetadata("web", "uid-1", "default", 0),
                "web-0",
                "/var/log/pods/web",
                null,
                List.of(),
                Map.of(),
                annotations,
                cgroupParent,
                new PodSecurity(
                        podNamespaces,
                        podSelinux,
                        null,
                        null,
                        false,
                        List.of(),
                        GroupsPolicy.MERGE,
                        podPrivileged,
                        null,
                        null,
                        ""),
                Map.of(),
                null,
                null);
    }

    SpecRequest request() {
        return new SpecRequest(
                "c1",
                config(),
                new SpecRequest.Pod("p1", pod(), "web-0", network, files),
                image(image),
                "docker.io/library/busybox:latest",
                user,
                imageVolumes,
                volumes);
    }

    SpecBuilder.Built build() {
        return new SpecBuilder(HOST, CGROUPFS).build(request());
    }

    static ImageConfig.Execution image(String json) {
        return ImageConfig.fromJson(("{\"config\":" + json + "}").getBytes(StandardCharsets.UTF_8))
                .config();
    }

    static VolumeMount bind(String from, String to) {
        return mount(from, to, false, false, Propagation.PRIVATE);
    }

    static VolumeMount mount(String from, String to, boolean readonly, boolean recursive, Propagation propagation) {
        return new VolumeMount(
                to, from, readonly, false, propagation, List.of(), List.of(), recursive, null, "", List.of());
    }

    static Resources resources(long period, long quota, long shares, long memory, long swap) {
        return new Resources(period, quota, shares, memory, 0, "", "", List.of(), Map.of(), swap);
    }
}
