package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.Capability;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerStatus;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ContainerStatusResponse;
import dev.berth.wire.cri.Device;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ExecSyncResponse;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.Int64Value;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.LinuxContainerSecurityContext;
import dev.berth.wire.cri.SecurityProfile;
import dev.berth.wire.cri.SecurityProfile.ProfileType;
import dev.berth.wire.cri.SupplementalGroupsPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a request says goes all the way, from the call to the process: docs/cri.md names these tests. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class WholeRequestTest {
    private static final String HANDLER = "told";

    private Berth berth;
    private GrpcPods pods;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.connected("""
                [runtime.told]
                path = "crun"
                pod_annotations = ["pod.example/*"]
                container_annotations = ["container.example/*"]
                """);
        pods = new GrpcPods(berth);
        pods.pull(berth.image("busybox"));
    }

    @AfterEach
    void removeAll() {
        pods.removeAll();
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }

    private String started(String pod, ContainerConfig.Builder container) {
        String id = pods.create(pod, container.build());
        pods.start(id);
        return id;
    }

    private String sh(String container, String script) {
        ExecSyncResponse done = pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of("sh", "-c", "(" + script + ") 2>&1"))
                        .build());
        return done.getStdout().toStringUtf8();
    }

    private ContainerStatusResponse status(String container) {
        return pods.runtime()
                .containerStatus(ContainerStatusRequest.newBuilder()
                        .setContainerId(container)
                        .setVerbose(true)
                        .build());
    }

    private static Int64Value number(long value) {
        return Int64Value.newBuilder().setValue(value).build();
    }

    private ContainerConfig.Builder confined(String name, LinuxContainerSecurityContext.Builder security) {
        return pods.container(name, "sleep", "1000")
                .setLinux(LinuxContainerConfig.newBuilder().setSecurityContext(security));
    }

    @Test
    void whoItIs() {
        String pod = pods.run("who");
        var security = LinuxContainerSecurityContext.newBuilder()
                .setRunAsUser(number(1000))
                .setRunAsGroup(number(1001))
                .addSupplementalGroups(60000);
        String id = started(pod, confined("numbers", security));
        assertThat(sh(id, "id -u; id -g; id -G")).isEqualTo("1000\n1001\n1001 60000\n");
        var user = status(id).getStatus().getUser().getLinux();
        assertThat(user.getUid()).isEqualTo(1000);
        assertThat(user.getGid()).isEqualTo(1001);
        assertThat(user.getSupplementalGroupsList()).containsExactly(1001L, 60000L);

        security.clear().setRunAsUsername("www-data");
        assertThat(sh(started(pod, confined("name", security)), "id -u; id -g")).isEqualTo("33\n33\n");

        security.clear().setRunAsUser(number(0));
        assertThat(sh(started(pod, confined("merged", security)), "id -G")).isEqualTo("0 10\n");
        security.setSupplementalGroupsPolicy(SupplementalGroupsPolicy.Strict);
        assertThat(sh(started(pod, confined("strict", security)), "id -G")).isEqualTo("0\n");
    }

    @Test
    void howItIsConfined() throws IOException {
        Path filter = Files.writeString(
                berth.folder().resolve("filter.json"),
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"chmod\",\"fchmodat\",\"fchmodat2\"],"
                        + "\"action\":\"SCMP_ACT_ERRNO\"}]}");
        var security = LinuxContainerSecurityContext.newBuilder()
                .setCapabilities(Capability.newBuilder()
                        .addDropCapabilities("ALL")
                        .addAddCapabilities("NET_ADMIN")
                        .addAddAmbientCapabilities("NET_BIND_SERVICE"))
                .setRunAsUser(number(1000))
                .setNoNewPrivs(true)
                .setReadonlyRootfs(true)
                .addMaskedPaths("/proc/version")
                .addReadonlyPaths("/proc/bus")
                .setSeccomp(SecurityProfile.newBuilder()
                        .setProfileType(ProfileType.Localhost)
                        .setLocalhostRef(filter.toString()));
        String id = started(pods.run("confined"), confined("confined", security));
        assertThat(sh(id, "grep -E '^(CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status"))
                .isEqualTo("CapBnd:\t0000000000001400\nCapAmb:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\n");
        assertThat(sh(id, "touch /tmp/x")).contains("Read-only file system");
        assertThat(sh(id, "cat /proc/version")).isEmpty();
        assertThat(sh(id, "grep ' /proc/bus ' /proc/mounts")).contains(" ro,");
        assertThat(sh(id, "touch /dev/shm/x; chmod 700 /dev/shm/x")).contains("Operation not permitted");
    }

    @Test
    void whatItMayUse() {
        var container = pods.container("limits", "sleep", "1000")
                .addDevices(Device.newBuilder()
                        .setHostPath("/dev/kmsg") // not one of those that everybody has
                        .setContainerPath("/dev/mine")
                        .setPermissions("w"))
                .setLinux(LinuxContainerConfig.newBuilder()
                        .setResources(LinuxContainerResources.newBuilder()
                                .setCpusetCpus("0")
                                .setOomScoreAdj(321)));
        String id = started(pods.run("limits"), container);
        assertThat(sh(id, ": > /dev/mine && echo open")).isEqualTo("open\n");
        assertThat(sh(id, ": < /dev/mine")).contains("Operation not permitted");
        assertThat(sh(id, "cat /proc/1/oom_score_adj")).isEqualTo("321\n");
        assertThat(sh(id, "grep Cpus_allowed_list /proc/self/status")).isEqualTo("Cpus_allowed_list:\t0\n");
    }

    @Test
    void annotationsThatItsHandlerAllows() {
        var pod =
                pods.pod("annotated").putAnnotations("pod.example/a", "of-pod").putAnnotations("other/b", "hidden");
        var container = pods.container("annotated", "sleep", "1000")
                .putAnnotations("container.example/c", "of-container")
                .putAnnotations("pod.example/d", "hidden");
        String id = pods.create(pods.run(pod.build(), HANDLER), container.build());
        String info = status(id).getInfoOrThrow("info");
        assertThat(info.substring(info.indexOf("\"runtimeSpec\"")))
                .contains("\"pod.example/a\":\"of-pod\"", "\"container.example/c\":\"of-container\"")
                .doesNotContain("hidden");
    }

    /** The kubelet asks for an image by its id, and shows people what the status says. */
    @Test
    void anImageThatIsAskedForByItsIdIsShownByItsName() {
        String image = berth.image("busybox");
        String imageId = pods.pull(image);
        String pod = pods.run("named");
        var asked = ImageSpec.newBuilder().setImage(imageId);
        ContainerStatusResponse plain = status(pods.create(
                pod, pods.container("plain", "sleep", "1000").setImage(asked).build()));
        ContainerStatus status = plain.getStatus();
        assertThat(status.getImage().getImage()).isEqualTo(image);
        assertThat(status.getImageId()).isEqualTo(imageId);
        assertThat(plain.getInfoOrThrow("info")).contains("\"io.kubernetes.cri.image-name\":\"" + image + "\"");
        ContainerStatusResponse said = status(pods.create(
                pod,
                pods.container("said", "sleep", "1000")
                        .setImage(asked.setUserSpecifiedImage("mine:latest"))
                        .build()));
        assertThat(said.getInfoOrThrow("info")).contains("\"io.kubernetes.cri.image-name\":\"mine:latest\"");
    }

    /** What images are built for that were made to run as somebody else than root. */
    @Test
    void everyUserServesOnEveryPortOfItsPod() {
        var security = LinuxContainerSecurityContext.newBuilder()
                .setRunAsUser(number(1000))
                .setCapabilities(Capability.newBuilder().addDropCapabilities("ALL"));
        String id = started(pods.run("port"), confined("port", security));
        assertThat(sh(id, "httpd -p 80 -h /var/www && wget -q -O - http://127.0.0.1/"))
                .isEqualTo("It works.\n");
    }
}
