package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.CheckpointContainerRequest;
import dev.berth.wire.cri.CheckpointPodRequest;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ContainerStatus;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.Int64Value;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerSecurityContext;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.LinuxSandboxSecurityContext;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.RestorePodRequest;
import dev.berth.wire.cri.RestorePodResponse;
import dev.berth.wire.cri.RestoredContainer;
import dev.berth.wire.cri.StopContainerRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Containers that are written down and go on, with the real CRIU. The daemon finds it by a program of the test's own that runs
 * it, and that can be told to take its time.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CheckpointTest {
    private static final String HANDLER = "runc-new";

    private Berth berth;
    private GrpcPods pods;
    private Path slow;
    private Counting counting;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        Peers.need("runc");
        Path criu = Peers.need("criu");
        berth = Berth.withNewRunc();
        counting = new Counting(berth);
        berth.kill();
        Path bin = Files.createDirectories(berth.folder().resolve("bin"));
        slow = berth.folder().resolve("slow");
        Path wrapper = Files.writeString(
                bin.resolve("criu"), "#!/bin/sh\n[ -e %s ] && sleep 1000\nexec %s \"$@\"\n".formatted(slow, criu));
        Files.setPosixFilePermissions(wrapper, PosixFilePermissions.fromString("rwxr-xr-x"));
        berth.killSupervisor();
        berth.path(bin);
        berth.launch();
        pods = new GrpcPods(berth);
        pods.pull(berth.image("busybox"));
        pods.pull(berth.image("other"));
    }

    @AfterEach
    void removeAll() throws IOException {
        Files.deleteIfExists(slow);
        pods.removeAll();
        assertNothingIsLeft();
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            if (pods != null) {
                pods.close();
            }
            berth.close();
        }
    }

    private void assertNothingIsLeft() throws IOException {
        for (String each : List.of("checkpoints", "restored")) {
            Path directory = berth.root().resolve(each);
            if (Files.isDirectory(directory)) {
                assertThat(directory).isEmptyDirectory();
            }
        }
    }

    private ContainerConfig counter(String name) {
        return Counting.container(pods, name);
    }

    private String started(String podId, ContainerConfig config) {
        String id = pods.create(podId, config);
        pods.start(id);
        return id;
    }

    private void assertItGoesOn(String id, String name) throws InterruptedException {
        assertThat(status(id).getState()).isEqualTo(ContainerState.CONTAINER_RUNNING);
        counting.until(name, counting.counted(name).getLast() + 3);
    }

    private ContainerStatus status(String id) {
        return pods.runtime()
                .containerStatus(
                        ContainerStatusRequest.newBuilder().setContainerId(id).build())
                .getStatus();
    }

    private void checkpoint(String id, Path location, long timeout) {
        var _ = pods.runtime()
                .checkpointContainer(CheckpointContainerRequest.newBuilder()
                        .setContainerId(id)
                        .setLocation(location.toString())
                        .setTimeout(timeout)
                        .build());
    }

    private CheckpointPodRequest.Builder podCheckpoint(String podId, Path output) {
        return CheckpointPodRequest.newBuilder().setPodSandboxId(podId).setOutputPath(output.toString());
    }

    private RestorePodRequest.Builder restoration(Path from, String podName, ContainerConfig... containers) {
        return RestorePodRequest.newBuilder()
                .setCheckpointPath(from.toString())
                .setConfig(pods.pod(podName))
                .setRuntimeHandler(HANDLER)
                .addAllContainerConfigs(List.of(containers));
    }

    private RestorePodResponse restore(RestorePodRequest.Builder request) {
        RestorePodResponse answer = pods.runtime().restorePod(request.build());
        Leaks.mark(answer.getPodSandboxId());
        answer.getRestoredContainersList().forEach(container -> Leaks.mark(container.getContainerId()));
        return answer;
    }

    @Test
    void aContainerIsWrittenDownAndRunsOn() throws IOException, InterruptedException {
        String pod = pods.run(pods.pod("down").build(), HANDLER);
        String id = started(pod, counter("down"));
        counting.until("down", 3);
        Path archive = berth.folder().resolve("down.tar");
        checkpoint(id, archive, 0);

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(archive)))
                .as("all of its memory is in it")
                .isEqualTo("rw-------");
        assertThat(Counting.entries(archive))
                .containsKeys(
                        "checkpoint/inventory.img",
                        "rootfs-diff.tar",
                        "spec.dump",
                        "config.dump",
                        "status",
                        "dump.log",
                        "stats-dump",
                        "container.log");
        assertThat(Berth.run(List.of("tar", "-xOf", archive.toString(), "config.dump"))
                        .text())
                .contains("\"id\":\"" + id + "\"", "\"name\":\"down\"", "busybox");
        Path difference = berth.folder().resolve("difference.tar");
        Berth.run(List.of("sh", "-c", "tar -xOf " + archive + " rootfs-diff.tar > " + difference))
                .text();
        assertThat(Counting.entries(difference)).containsKey("count");
        assertItGoesOn(id, "down");

        Berth.Result again = berth.crictl("checkpoint", "--export", archive.toString(), id);
        assertThat(again.exit()).as(again.err()).isZero();
        assertThat(Counting.entries(archive)).as("a whole one again").containsKey("berth.seal");
        assertItGoesOn(id, "down");
    }

    @Test
    void aPodGoesOnInAnother() throws IOException, InterruptedException {
        String pod = pods.run(pods.pod("from").build(), HANDLER);
        String first = started(pod, counter("first"));
        started(pod, counter("second"));
        counting.until("first", 5);
        counting.until("second", 5);
        Path output = berth.folder().resolve("pod-checkpoint");
        var _ = pods.runtime().checkpointPod(podCheckpoint(pod, output).build());
        assertItGoesOn(first, "first");
        pods.remove(pod);
        int last = Math.max(
                counting.counted("first").getLast(), counting.counted("second").getLast());

        RestorePodResponse restored = restore(restoration(
                output,
                "to",
                counter("first").toBuilder().setLogPath("new-first.log").build(),
                counter("second").toBuilder().setLogPath("new-second.log").build()));
        assertThat(restored.getRestoredContainersList().stream().map(RestoredContainer::getName))
                .containsExactly("first", "second");
        assertThat(pods.runtime()
                        .podSandboxStatus(PodSandboxStatusRequest.newBuilder()
                                .setPodSandboxId(restored.getPodSandboxId())
                                .build())
                        .getStatus()
                        .getRuntimeHandler())
                .isEqualTo(HANDLER);
        for (RestoredContainer container : restored.getRestoredContainersList()) {
            String id = container.getContainerId();
            assertThat(status(id).getState()).isEqualTo(ContainerState.CONTAINER_CREATED);
            pods.start(id);
            String log = "new-" + container.getName();
            counting.until(log, last + 2);
            List<Integer> numbers = counting.counted(log);
            assertThat(numbers.getFirst()).as("it goes on where it was").isBetween(5, last + 1);
            for (int i = 1; i < numbers.size(); i++) {
                assertThat(numbers.get(i)).isEqualTo(numbers.get(i - 1) + 1);
            }
            assertThat(output(id, "cat", "/count")).isNotBlank();
        }
        stopAndExit(restored.getRestoredContainers(0).getContainerId());
    }

    /** Processes of such a pod have the numbers that they had, beside its init and each other. */
    @Test
    void processesThatArePodsGoOnBesideItsInit() throws IOException, InterruptedException {
        String pod = pods.run(sharing("shared"), HANDLER);
        started(pod, counter("a"));
        started(pod, counter("b"));
        counting.until("a", 3);
        counting.until("b", 3);
        Path output = berth.folder().resolve("shared");
        var _ = pods.runtime().checkpointPod(podCheckpoint(pod, output).build());
        pods.remove(pod);
        int last =
                Math.max(counting.counted("a").getLast(), counting.counted("b").getLast());

        RestorePodResponse restored = restore(restoration(
                        output,
                        "shared-on",
                        counter("a").toBuilder().setLogPath("on-a.log").build(),
                        counter("b").toBuilder().setLogPath("on-b.log").build())
                .setConfig(sharing("shared-on")));
        for (RestoredContainer container : restored.getRestoredContainersList()) {
            pods.start(container.getContainerId());
            counting.until("on-" + container.getName(), last + 2);
            assertThat(counting.counted("on-" + container.getName()).getFirst()).isGreaterThanOrEqualTo(3);
        }
        assertThat(output(restored.getRestoredContainers(0).getContainerId(), "ps"))
                .as("each sees both")
                .containsSubsequence("sh -c i=0", "sh -c i=0");
        pods.remove(restored.getPodSandboxId());
    }

    private PodSandboxConfig sharing(String name) {
        return pods.pod(name)
                .setLinux(LinuxPodSandboxConfig.newBuilder()
                        .setSecurityContext(LinuxSandboxSecurityContext.newBuilder()
                                .setNamespaceOptions(
                                        NamespaceOption.newBuilder().setPid(NamespaceMode.POD))))
                .build();
    }

    private String output(String id, String... command) {
        return pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(id)
                        .addAllCmd(List.of(command))
                        .build())
                .getStdout()
                .toStringUtf8();
    }

    private void stopAndExit(String id) {
        var _ = pods.runtime()
                .stopContainer(
                        StopContainerRequest.newBuilder().setContainerId(id).build());
        assertThat(status(id).getState()).isEqualTo(ContainerState.CONTAINER_EXITED);
        assertThat(status(id).getExitCode()).isEqualTo(137);
    }

    @Test
    void onlyTheContainersThatAreNamed() throws IOException, InterruptedException {
        String pod = pods.run(pods.pod("some").build(), HANDLER);
        String one = started(pod, counter("one"));
        started(pod, counter("another"));
        counting.until("one", 2);
        Path output = Files.createDirectory(berth.folder().resolve("some"));
        var _ = pods.runtime()
                .checkpointPod(podCheckpoint(pod, output).addContainerIds(one).build());
        try (Stream<Path> files = Files.list(output)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("pod.dump", "pod.seal", "container-0.tar");
        }
        RestorePodResponse restored = restore(restoration(output, "some-to", counter("one")));
        assertThat(restored.getRestoredContainersList()).hasSize(1);
        pods.remove(restored.getPodSandboxId());
    }

    @Test
    void whatIsRestoredIsWhatTheRequestSays() throws IOException, InterruptedException {
        String pod = pods.run(pods.pod("hostile").build(), HANDLER);
        started(pod, counter("main"));
        counting.until("main", 2);
        Path output = berth.folder().resolve("hostile");
        var _ = pods.runtime().checkpointPod(podCheckpoint(pod, output).build());
        ContainerConfig same = counter("main");

        refuse(
                Status.Code.FAILED_PRECONDITION,
                restoration(
                        output,
                        "no",
                        same.toBuilder()
                                .setImage(same.getImage().toBuilder().setImage(berth.image("other")))
                                .build()),
                "its image is");
        refuse(
                Status.Code.FAILED_PRECONDITION,
                restoration(
                        output,
                        "no",
                        same.toBuilder()
                                .setLinux(LinuxContainerConfig.newBuilder()
                                        .setSecurityContext(LinuxContainerSecurityContext.newBuilder()
                                                .setRunAsUser(
                                                        Int64Value.newBuilder().setValue(1000))))
                                .build()),
                "user or groups");
        refuse(Status.Code.INVALID_ARGUMENT, restoration(output, "no"), "no config for container \"main\"");
        refuse(Status.Code.INVALID_ARGUMENT, restoration(output, "no", same, counter("more")), "no container \"more\"");
        refuse(Status.Code.INVALID_ARGUMENT, restoration(output, "no", same, same), "two configs");
        refuse(Status.Code.INVALID_ARGUMENT, restoration(output, "no", same).putOptions("x", "y"), "option x");
        refuse(Status.Code.INVALID_ARGUMENT, restoration(output, "no", same).setRuntimeHandler("none"), "handler");
        refuse(Status.Code.INVALID_ARGUMENT, restoration(output, "no", same).clearConfig(), "metadata");
        refuse(Status.Code.NOT_FOUND, restoration(berth.folder(), "no", same), "pod.dump");
        refuse(Status.Code.ALREADY_EXISTS, restoration(output, "hostile", same), "taken by", "hostile");

        Path archive = output.resolve("container-0.tar");
        byte[] bytes = Files.readAllBytes(archive);
        bytes[bytes.length / 2] ^= 1;
        Files.write(archive, bytes);
        refuse(Status.Code.DATA_LOSS, restoration(output, "no", same), "not what was written");
        Files.delete(output.resolve("pod.seal"));
        refuse(Status.Code.PERMISSION_DENIED, restoration(output, "no", same), "seal");
    }

    /** And nothing is left of it. */
    private void refuse(Status.Code code, RestorePodRequest.Builder request, String... words) throws IOException {
        GrpcPods.refused(
                code,
                () -> pods.runtime().restorePod(request.build()),
                List.of(words).getLast());
        assertNothingIsLeft();
        assertThat(berth.crictl("pods", "-q", "--name", "^no$").text()).isEmpty();
    }

    @Test
    void whatCannotBeWrittenDown() throws IOException, InterruptedException {
        String pod = pods.run(pods.pod("refused").build(), HANDLER);
        String id = pods.create(pod, counter("refused"));
        Path archive = berth.folder().resolve("refused.tar");
        GrpcPods.refused(Status.Code.FAILED_PRECONDITION, () -> checkpoint(id, archive, 0), "not RUNNING");
        GrpcPods.refused(
                Status.Code.FAILED_PRECONDITION,
                () -> pods.runtime().checkpointPod(podCheckpoint(pod, archive).build()),
                "none of its containers runs");
        pods.start(id);
        counting.until("refused", 2);
        GrpcPods.refused(Status.Code.NOT_FOUND, () -> checkpoint("nothing", archive, 0));
        GrpcPods.refused(Status.Code.INVALID_ARGUMENT, () -> checkpoint(id, Path.of(""), 0), "no path to write to");
        for (String location : List.of("relative.tar", "/", "/a/../b")) {
            GrpcPods.refused(
                    Status.Code.INVALID_ARGUMENT, () -> checkpoint(id, Path.of(location), 0), "absolute, plain path");
        }
        GrpcPods.refused(
                Status.Code.FAILED_PRECONDITION,
                () -> checkpoint(id, Path.of("/no/such/place.tar"), 0),
                "no directory");
        GrpcPods.refused(Status.Code.FAILED_PRECONDITION, () -> checkpoint(id, berth.folder(), 0), "not a plain file");
        GrpcPods.refused(
                Status.Code.FAILED_PRECONDITION,
                () -> pods.runtime()
                        .checkpointPod(podCheckpoint(pod, berth.folder()).build()),
                "not empty");
        GrpcPods.refused(
                Status.Code.NOT_FOUND,
                () -> pods.runtime()
                        .checkpointPod(podCheckpoint(pod, archive)
                                .addContainerIds("other")
                                .build()),
                "no container \"other\"");
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT,
                () -> pods.runtime()
                        .checkpointPod(
                                podCheckpoint(pod, archive).putOptions("x", "y").build()),
                "option x");
        assertThat(archive).doesNotExist();
        assertItGoesOn(id, "refused");
    }

    @Test
    void itEndsWhenTheTimeIsOverAndTheContainerRunsOn() throws IOException, InterruptedException {
        String pod = pods.run(pods.pod("slow").build(), HANDLER);
        String id = started(pod, counter("slow"));
        String other = pods.run(pods.pod("slow-pod").build(), HANDLER);
        String beside = started(other, counter("slow-pod"));
        counting.until("slow", 2);
        counting.until("slow-pod", 2);
        Path archive = berth.folder().resolve("slow.tar");
        Path output = berth.folder().resolve("slow-pod");
        Files.createFile(slow);
        var ofThePod = new CompletableFuture<Status.Code>();
        Thread asking = Thread.ofVirtual().start(() -> {
            try {
                var _ = pods.runtime(Duration.ofSeconds(1))
                        .checkpointPod(podCheckpoint(other, output).build());
                ofThePod.complete(Status.Code.OK);
            } catch (StatusRuntimeException e) {
                ofThePod.complete(e.getStatus().getCode());
            }
        });
        GrpcPods.refused(Status.Code.DEADLINE_EXCEEDED, () -> checkpoint(id, archive, 1));
        asking.join();
        assertThat(ofThePod.join()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
        assertThat(archive).doesNotExist();
        Berth.until("nothing is left", Berth.LIMIT, () -> !Files.exists(output));
        assertItGoesOn(id, "slow");
        assertItGoesOn(beside, "slow-pod");
        Files.delete(slow);
        checkpoint(id, archive, 0);
        assertThat(archive).exists();
    }

    @Test
    void whoStandsStillWhenTheDaemonIsKilledRunsOnWithTheNext() throws IOException, InterruptedException {
        String pod = pods.run(pods.pod("killed").build(), HANDLER);
        String id = started(pod, counter("killed"));
        counting.until("killed", 2);
        Files.createFile(slow);
        Path archive = berth.folder().resolve("killed.tar");
        Thread asking = Thread.ofVirtual().start(() -> {
            try {
                checkpoint(id, archive, 0);
            } catch (StatusRuntimeException expected) {
                // the daemon goes
            }
        });
        Path begun = berth.root().resolve("checkpoints").resolve(id).resolve("images");
        Berth.until("it has begun", Berth.LIMIT, () -> Files.isDirectory(begun));
        berth.kill();
        asking.join();
        pods.close();
        berth.launch();
        pods = new GrpcPods(berth);
        assertItGoesOn(id, "killed");
        Berth.until(
                "it is forgotten", Berth.LIMIT, () -> !Files.exists(berth.root().resolve("checkpoints/" + id)));
        assertThat(archive).doesNotExist();
        assertThat(archive.resolveSibling("." + id + ".part")).doesNotExist();
    }

    @Test
    void whatWasRestoredGoesOnAfterTheDaemonIsKilled() throws IOException, InterruptedException {
        String pod = pods.run(pods.pod("kept").build(), HANDLER);
        started(pod, counter("kept"));
        counting.until("kept", 4);
        Path output = berth.folder().resolve("kept");
        var _ = pods.runtime().checkpointPod(podCheckpoint(pod, output).build());
        pods.remove(pod);
        int last = counting.counted("kept").getLast();
        RestorePodResponse restored = restore(restoration(
                output,
                "kept-on",
                counter("kept").toBuilder().setLogPath("kept-on.log").build()));
        String id = restored.getRestoredContainers(0).getContainerId();
        berth.kill();
        pods.close();
        berth.launch();
        pods = new GrpcPods(berth);
        assertThat(status(id).getState()).isEqualTo(ContainerState.CONTAINER_CREATED);
        pods.start(id);
        counting.until("kept-on", last + 1);
        assertThat(counting.counted("kept-on").getFirst()).isGreaterThanOrEqualTo(4);
        pods.remove(restored.getPodSandboxId());
    }
}
