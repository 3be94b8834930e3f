package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.berth.wire.cri.Container;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerFilter;
import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ContainerStatsFilter;
import dev.berth.wire.cri.ContainerStatus;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ExecSyncResponse;
import dev.berth.wire.cri.ImageFilter;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.ImageStatusRequest;
import dev.berth.wire.cri.KeyValue;
import dev.berth.wire.cri.ListContainerStatsRequest;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.ListImagesRequest;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.ListPodSandboxStatsRequest;
import dev.berth.wire.cri.Mount;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.PodSandbox;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PodSandboxFilter;
import dev.berth.wire.cri.PodSandboxState;
import dev.berth.wire.cri.PodSandboxStatsFilter;
import dev.berth.wire.cri.PodSandboxStatus;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.ReopenContainerLogRequest;
import dev.berth.wire.cri.Signal;
import dev.berth.wire.cri.StatusRequest;
import dev.berth.wire.cri.StatusResponse;
import dev.berth.wire.cri.StopContainerRequest;
import dev.berth.wire.cri.StreamContainerStatsRequest;
import dev.berth.wire.cri.StreamContainerStatsResponse;
import dev.berth.wire.cri.StreamContainersRequest;
import dev.berth.wire.cri.StreamContainersResponse;
import dev.berth.wire.cri.StreamImagesRequest;
import dev.berth.wire.cri.StreamImagesResponse;
import dev.berth.wire.cri.StreamPodSandboxStatsRequest;
import dev.berth.wire.cri.StreamPodSandboxStatsResponse;
import dev.berth.wire.cri.StreamPodSandboxesRequest;
import dev.berth.wire.cri.StreamPodSandboxesResponse;
import dev.berth.wire.cri.UpdateRuntimeConfigRequest;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Fields of requests that nothing else tests from the outside: docs/cri.md names these tests. */
class FieldsTest extends BusyboxPods {
    private String exec(String container, String... command) {
        ExecSyncResponse done = pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of(command))
                        .build());
        assertThat(done.getExitCode()).as(done.getStderr().toStringUtf8()).isZero();
        return done.getStdout().toStringUtf8();
    }

    private String started(String pod, ContainerConfig.Builder container) {
        String id = pods.create(pod, container.build());
        pods.start(id);
        return id;
    }

    private ContainerStatus status(String container) {
        return pods.runtime()
                .containerStatus(ContainerStatusRequest.newBuilder()
                        .setContainerId(container)
                        .build())
                .getStatus();
    }

    private static <T, I> List<I> all(Iterator<T> messages, Function<T, List<I>> items) {
        var all = new ArrayList<I>();
        messages.forEachRemaining(message -> all.addAll(items.apply(message)));
        return all;
    }

    private List<String> listed(PodSandboxFilter filter) {
        List<String> ids = pods
                .runtime()
                .listPodSandbox(
                        ListPodSandboxRequest.newBuilder().setFilter(filter).build())
                .getItemsList()
                .stream()
                .map(PodSandbox::getId)
                .toList();
        var streamed = all(
                pods.runtime()
                        .streamPodSandboxes(StreamPodSandboxesRequest.newBuilder()
                                .setFilter(filter)
                                .build()),
                StreamPodSandboxesResponse::getPodSandboxesList);
        assertThat(streamed.stream().map(PodSandbox::getId)).isEqualTo(ids);
        return ids;
    }

    @Test
    void aPodIsShownAndFoundAsItWasAskedFor() {
        PodSandboxConfig.Builder config =
                pods.pod("shown").putLabels("app", "web").putAnnotations("note", "any");
        config.getMetadataBuilder().setUid("uid-7").setNamespace("space").setAttempt(3);
        String id = pods.run(config.build(), "");
        String other = pods.run("other");
        PodSandboxStatus status = pods.runtime()
                .podSandboxStatus(
                        PodSandboxStatusRequest.newBuilder().setPodSandboxId(id).build())
                .getStatus();
        assertThat(status.getMetadata()).isEqualTo(config.getMetadata());
        assertThat(status.getLabelsMap()).isEqualTo(Map.of("app", "web"));
        assertThat(status.getAnnotationsMap()).containsEntry("note", "any");
        var filter = PodSandboxFilter.newBuilder();
        assertThat(listed(filter.build())).containsExactlyInAnyOrder(id, other);
        assertThat(listed(filter.setId(id.substring(0, 12)).build())).containsExactly(id);
        filter.clear().putLabelSelector("app", "web");
        assertThat(listed(filter.build())).containsExactly(id);
        assertThat(listed(filter.putLabelSelector("app", "db").build())).isEmpty();
        pods.stop(other);
        filter.clear().getStateBuilder().setState(PodSandboxState.SANDBOX_NOTREADY);
        assertThat(listed(filter.build())).containsExactly(other);
        filter.getStateBuilder().setState(PodSandboxState.SANDBOX_READY);
        assertThat(listed(filter.build())).containsExactly(id);
    }

    @Test
    void theFilesOfAPod() {
        PodSandboxConfig.Builder config = pods.pod("files").setHostname("its-name");
        config.getDnsConfigBuilder()
                .addServers("192.0.2.53")
                .addSearches("svc.example")
                .addOptions("ndots:7");
        String container = started(pods.run(config.build(), ""), pods.container("files", "sleep", "1000"));
        assertThat(exec(container, "hostname").strip()).isEqualTo("its-name");
        assertThat(exec(container, "cat", "/etc/hosts")).contains("its-name");
        assertThat(exec(container, "cat", "/etc/resolv.conf"))
                .contains("nameserver 192.0.2.53", "search svc.example", "options ndots:7");
    }

    @Test
    void sysctlsOfThePod() {
        for (NamespaceMode pid : List.of(NamespaceMode.POD, NamespaceMode.CONTAINER)) {
            PodSandboxConfig.Builder config = pods.pod("sysctls-" + pid.getNumber());
            config.getLinuxBuilder()
                    .putSysctls("net.ipv4.ip_unprivileged_port_start", "77")
                    .putSysctls("net/ipv4/ping_group_range", "0\t7")
                    .putSysctls("kernel.shm_rmid_forced", "1")
                    .getSecurityContextBuilder()
                    .getNamespaceOptionsBuilder()
                    .setPid(pid);
            String container = started(pods.run(config.build(), ""), pods.container("s", "sleep", "1000"));
            assertThat(exec(container, "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"))
                    .isEqualTo("77\n");
            assertThat(exec(container, "cat", "/proc/sys/net/ipv4/ping_group_range"))
                    .isEqualTo("0\t7\n");
            assertThat(exec(container, "cat", "/proc/sys/kernel/shm_rmid_forced"))
                    .isEqualTo("1\n");
        }
        for (String name : List.of("kernel.panic", "net.ipv4.no_such", "../../etc/x", "kernel.hostname", "a\nb")) {
            PodSandboxConfig.Builder config = pods.pod("refused");
            config.getLinuxBuilder().putSysctls(name, "1");
            GrpcPods.refused(Status.Code.INVALID_ARGUMENT, () -> pods.run(config.build(), ""));
        }
    }

    private List<String> listed(ContainerFilter filter) {
        List<String> ids = pods
                .runtime()
                .listContainers(
                        ListContainersRequest.newBuilder().setFilter(filter).build())
                .getContainersList()
                .stream()
                .map(Container::getId)
                .toList();
        var streamed = all(
                pods.runtime()
                        .streamContainers(StreamContainersRequest.newBuilder()
                                .setFilter(filter)
                                .build()),
                StreamContainersResponse::getContainersList);
        assertThat(streamed.stream().map(Container::getId)).isEqualTo(ids);
        return ids;
    }

    @Test
    void aContainerIsShownAndFoundAsItWasAskedFor() {
        String pod = pods.run("shown");
        ContainerConfig.Builder config = pods.container("shown", "sleep", "1000")
                .putLabels("app", "web")
                .putAnnotations("note", "any")
                .setStopSignal(Signal.SIGNAL_SIGRTMINPLUS3);
        config.getMetadataBuilder().setAttempt(5);
        config.getImageBuilder().setUserSpecifiedImage("busybox:mine").putAnnotations("of", "image");
        String id = pods.create(pod, config.build());
        String other = started(pods.run("other"), pods.container("other", "sleep", "1000"));
        ContainerStatus status = status(id);
        assertThat(status.getMetadata()).isEqualTo(config.getMetadata());
        assertThat(status.getLabelsMap()).isEqualTo(config.getLabelsMap());
        assertThat(status.getAnnotationsMap()).isEqualTo(config.getAnnotationsMap());
        assertThat(status.getImage().getUserSpecifiedImage()).isEqualTo("busybox:mine");
        assertThat(status.getImage().getAnnotationsMap()).containsEntry("of", "image");
        assertThat(status.getStopSignal()).isEqualTo(Signal.SIGNAL_SIGRTMINPLUS3);
        var filter = ContainerFilter.newBuilder();
        assertThat(listed(filter.build())).containsExactlyInAnyOrder(id, other);
        assertThat(listed(filter.setId(id.substring(0, 12)).build())).containsExactly(id);
        assertThat(listed(filter.clear().setPodSandboxId(pod).build())).containsExactly(id);
        assertThat(listed(filter.clear().putLabelSelector("app", "web").build()))
                .containsExactly(id);
        filter.clear().getStateBuilder().setState(ContainerState.CONTAINER_RUNNING);
        assertThat(listed(filter.build())).containsExactly(other);
    }

    @Test
    void aContainerRunsAsItWasAskedTo() throws InterruptedException {
        String pod = pods.run("told");
        pods.start(pods.create(
                pod,
                pods.container("told", "sh", "-c")
                        .addArgs("echo $WORD; pwd")
                        .setWorkingDir("/made/for/it")
                        .addEnvs(KeyValue.newBuilder().setKey("WORD").setValue(ByteString.copyFromUtf8("häh=1")))
                        .build()));
        Path log = berth.logs().resolve("told.log");
        Berth.until("it has said it", Berth.LIMIT, () -> Berth.read(log).contains("/made/for/it"));
        assertThat(Berth.read(log)).contains("stdout F häh=1");
    }

    @Test
    void valuesThatAreNoTextAreRefused() {
        String pod = pods.run("values");
        for (ByteString value : List.of(ByteString.fromHex("ff"), ByteString.copyFromUtf8("a\0b"))) {
            var bad = pods.container("bad", "true")
                    .addEnvs(KeyValue.newBuilder().setKey("X").setValue(value));
            GrpcPods.refused(Status.Code.INVALID_ARGUMENT, () -> pods.create(pod, bad.build()));
        }
    }

    @Test
    void volumesOfAContainer() throws IOException {
        Path host = Files.createDirectories(berth.folder().resolve("volume"));
        Files.writeString(host.resolve("file"), "there");
        String id = started(
                pods.run("volumes"),
                pods.container("volumes", "sleep", "1000")
                        .addMounts(Mount.newBuilder()
                                .setHostPath(host.toString())
                                .setContainerPath("/a/../here")
                                .setReadonly(true)
                                .addMountOptions("noexec"))
                        .addMounts(Mount.newBuilder().setHostPath(host + "/new").setContainerPath("/new")));
        assertThat(exec(id, "cat", "/here/file")).isEqualTo("there");
        assertThat(exec(id, "grep", " /here ", "/proc/mounts")).matches("(?s).* ro,.*noexec.*");
        assertThat(exec(id, "grep", " /new ", "/proc/mounts")).matches("(?s).* rw,.*");
        assertThat(host.resolve("new")).isDirectory();
    }

    @Test
    void anImageAsAVolume() {
        String image = berth.image("busybox");
        String imageId = pods.images()
                .imageStatus(ImageStatusRequest.newBuilder()
                        .setImage(ImageSpec.newBuilder().setImage(image))
                        .build())
                .getImage()
                .getId();
        String pod = pods.run("image");
        Mount.Builder mount = Mount.newBuilder()
                .setContainerPath("/data")
                .setReadonly(true)
                .setImage(ImageSpec.newBuilder().setImage(image));
        String id = started(
                pod,
                pods.container("image", "sleep", "1000")
                        .addMounts(mount)
                        .addMounts(mount.clone().setContainerPath("/bins").setImageSubPath("bin")));
        assertThat(exec(id, "ls", "/data/bin", "/bins")).contains("busybox");
        assertThat(exec(id, "grep", " /data ", "/proc/mounts")).contains(" ro,");
        assertThat(status(id).getMountsList())
                .allMatch(m -> m.getImage().getImageRef().equals(imageId));
        GrpcPods.refused(
                Status.Code.NOT_FOUND,
                () -> pods.create(
                        pod,
                        pods.container("none", "true")
                                .addMounts(mount.clone().setImageSubPath("no/such"))
                                .build()));
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT,
                () -> pods.create(
                        pod,
                        pods.container("written", "true")
                                .addMounts(mount.clone().setReadonly(false))
                                .build()));
    }

    @Test
    void aCommandInAContainer() {
        String id = started(pods.run("exec"), pods.container("exec", "sleep", "1000"));
        assertThat(exec(id, "echo", "a b", "c")).isEqualTo("a b c\n");
    }

    @Test
    void theStopSignalIsSentAndTheTimeoutGiven() throws InterruptedException {
        String script = "trap 'echo heard; exit 9' USR1; echo ready; while :; do sleep 1; done";
        String pod = pods.run("stop");
        String id = started(pod, pods.container("stop", "sh", "-c", script).setStopSignal(Signal.SIGNAL_SIGUSR1));
        Path log = berth.logs().resolve("stop.log");
        Berth.until("it listens", Berth.LIMIT, () -> Berth.read(log).contains("ready"));
        var _ = pods.runtime()
                .stopContainer(StopContainerRequest.newBuilder()
                        .setContainerId(id)
                        .setTimeout(Berth.LIMIT.toSeconds())
                        .build());
        assertThat(status(id).getExitCode()).isEqualTo(9);
        String deaf = started(pod, pods.container("deaf", "sh", "-c", script).setStopSignal(Signal.SIGNAL_SIGUSR1));
        var _ = pods.runtime()
                .stopContainer(
                        StopContainerRequest.newBuilder().setContainerId(deaf).build());
        assertThat(status(deaf).getExitCode()).isEqualTo(137);
    }

    @Test
    void aLogThatWasMovedAwayIsOpenedAnew() throws Exception {
        String id = started(
                pods.run("rotated"), pods.container("rotated", "sh", "-c", "while :; do echo tick; sleep 1; done"));
        Path log = berth.logs().resolve("rotated.log");
        Berth.until("it has logged", Berth.LIMIT, () -> Berth.read(log).contains("tick"));
        Files.move(log, berth.logs().resolve("rotated.log.1"));
        var _ = pods.runtime()
                .reopenContainerLog(ReopenContainerLogRequest.newBuilder()
                        .setContainerId(id)
                        .build());
        Berth.until(
                "it goes on in a new one", Berth.LIMIT, () -> Berth.read(log).contains("tick"));
    }

    @Test
    void statisticsAreFiltered() {
        String pod = pods.run(pods.pod("first").putLabels("app", "web").build(), "");
        String id = started(pod, pods.container("first", "sleep", "1000").putLabels("app", "web"));
        started(pods.run("second"), pods.container("second", "sleep", "1000"));
        var filter = ContainerStatsFilter.newBuilder();
        for (ContainerStatsFilter each : List.of(
                filter.clone().setId(id.substring(0, 12)).build(),
                filter.clone().setPodSandboxId(pod).build(),
                filter.clone().putLabelSelector("app", "web").build())) {
            assertThat(pods.runtime()
                            .listContainerStats(ListContainerStatsRequest.newBuilder()
                                    .setFilter(each)
                                    .build())
                            .getStatsList())
                    .hasSize(1);
            assertThat(all(
                            pods.runtime()
                                    .streamContainerStats(StreamContainerStatsRequest.newBuilder()
                                            .setFilter(each)
                                            .build()),
                            StreamContainerStatsResponse::getContainerStatsList))
                    .hasSize(1);
        }
        var podFilter = PodSandboxStatsFilter.newBuilder();
        for (PodSandboxStatsFilter each : List.of(
                podFilter.clone().setId(pod.substring(0, 12)).build(),
                podFilter.clone().putLabelSelector("app", "web").build())) {
            assertThat(pods.runtime()
                            .listPodSandboxStats(ListPodSandboxStatsRequest.newBuilder()
                                    .setFilter(each)
                                    .build())
                            .getStatsList())
                    .hasSize(1);
            assertThat(all(
                            pods.runtime()
                                    .streamPodSandboxStats(StreamPodSandboxStatsRequest.newBuilder()
                                            .setFilter(each)
                                            .build()),
                            StreamPodSandboxStatsResponse::getPodSandboxStatsList))
                    .hasSize(1);
        }
    }

    @Test
    void imagesAreFiltered() {
        var name = ImageSpec.newBuilder();
        for (Map.Entry<String, Integer> each :
                Map.of(berth.image("busybox"), 1, berth.image("nothing"), 0).entrySet()) {
            var filter = ImageFilter.newBuilder()
                    .setImage(name.setImage(each.getKey()))
                    .build();
            assertThat(pods.images()
                            .listImages(ListImagesRequest.newBuilder()
                                    .setFilter(filter)
                                    .build())
                            .getImagesList())
                    .hasSize(each.getValue());
            assertThat(all(
                            pods.images()
                                    .streamImages(StreamImagesRequest.newBuilder()
                                            .setFilter(filter)
                                            .build()),
                            StreamImagesResponse::getImagesList))
                    .hasSize(each.getValue());
        }
    }

    @Test
    void theRangeOfThePodsIsRead() {
        var request = UpdateRuntimeConfigRequest.newBuilder();
        request.getRuntimeConfigBuilder().getNetworkConfigBuilder().setPodCidr("no range");
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT, () -> pods.runtime().updateRuntimeConfig(request.build()), "no range");
        String before = address(pods.run("before"));
        String net = before.substring(0, before.lastIndexOf('.') + 1);
        podCidr(net + "128/25");
        assertThat(address(pods.run("after"))).isEqualTo(net + "130");
        podCidr(net + "0/24");
    }

    private void podCidr(String ranges) {
        var request = UpdateRuntimeConfigRequest.newBuilder();
        request.getRuntimeConfigBuilder().getNetworkConfigBuilder().setPodCidr(ranges);
        var _ = pods.runtime().updateRuntimeConfig(request.build());
    }

    private String address(String pod) {
        return pods.runtime()
                .podSandboxStatus(PodSandboxStatusRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .build())
                .getStatus()
                .getNetwork()
                .getIp();
    }

    @Test
    void moreIsSaidWhenAsked() {
        assertThat(pods.runtime().status(StatusRequest.getDefaultInstance()).getInfoMap())
                .isEmpty();
        StatusResponse status = pods.runtime()
                .status(StatusRequest.newBuilder().setVerbose(true).build());
        assertThat(status.getInfoMap()).isNotEmpty();
        assertThat(status.getFeatures().getMountOptions()).isTrue();
        assertThat(status.getFeatures().getUserNamespacesHostNetwork()).isTrue();
    }
}
