package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ContainerStatus;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.KeyValue;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerSecurityContext;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.Mount;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.ReopenContainerLogRequest;
import dev.berth.wire.cri.StopContainerRequest;
import dev.berth.wire.cri.VersionRequest;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Containers that do not end when they are told to, leave others behind, dig deep, multiply or talk without end. */
class UnrulyContainersTest extends BusyboxPods {
    private static final String UNWILLING = "trap '' TERM; while [ ! -e /go ]; do sleep 0.1; done; exit 7";
    private static final Duration SHORT = Duration.ofSeconds(1);
    private static final int ROTATIONS = 30;

    private ContainerConfig shell(String name, String script) {
        return pods.container(name, "sh", "-c", script).build();
    }

    private String started(String pod, String name, String script) {
        String id = pods.create(pod, shell(name, script));
        pods.start(id);
        return id;
    }

    private ContainerStatus status(String id) {
        return pods.runtime()
                .containerStatus(
                        ContainerStatusRequest.newBuilder().setContainerId(id).build())
                .getStatus();
    }

    private ContainerStatus exited(String id) throws InterruptedException {
        Berth.until(
                "container " + id + " has exited",
                Berth.LIMIT,
                () -> status(id).getState() == ContainerState.CONTAINER_EXITED);
        return status(id);
    }

    private void exec(String id, String... command) {
        var _ = pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(id)
                        .addAllCmd(List.of(command))
                        .setTimeout(60)
                        .build());
    }

    @Test
    void aCallerWhoGivesUpDoesNotShortenTheGrace() throws InterruptedException {
        String id = started(pods.run("gives-up"), "unwilling", UNWILLING);
        var stop = StopContainerRequest.newBuilder()
                .setContainerId(id)
                .setTimeout(600)
                .build();
        GrpcPods.refused(
                Status.Code.DEADLINE_EXCEEDED, () -> pods.runtime(SHORT).stopContainer(stop));
        assertThat(status(id).getState()).isEqualTo(ContainerState.CONTAINER_RUNNING);
        exec(id, "touch", "/go");
        assertThat(exited(id).getExitCode()).isEqualTo(7);
    }

    @Test
    void aPodOfUnwillingContainersIsStopped() {
        String pod = pods.run("unwilling");
        List<String> ids = Stream.of("a", "b", "c")
                .map(name -> started(pod, name, UNWILLING))
                .toList();
        pods.stop(pod);
        for (String id : ids) {
            assertThat(status(id).getState()).isEqualTo(ContainerState.CONTAINER_EXITED);
            assertThat(status(id).getExitCode()).isEqualTo(137);
        }
    }

    /** As {@code ctr tasks pause} does it, or a tool that died in the middle of a checkpoint. */
    @Test
    void whatSomebodyHasFrozenIsStoppedAllTheSame() throws IOException {
        String pod = pods.run("frozen");
        String stopped = started(pod, "stopped", "exec sleep 1000");
        String removed = started(pod, "removed", "exec sleep 1000");
        freeze(stopped);
        freeze(removed);
        var _ = pods.runtime()
                .stopContainer(StopContainerRequest.newBuilder()
                        .setContainerId(stopped)
                        .setTimeout(1)
                        .build());
        assertThat(status(stopped).getExitCode()).isEqualTo(137);
        pods.remove(pod);
    }

    private static void freeze(String id) throws IOException {
        List<Path> folders = Inventory.take().stream()
                .filter(fact ->
                        fact.kind() == Inventory.Kind.CGROUP && fact.text().endsWith("/" + id))
                .map(fact -> Path.of(fact.text()))
                .toList();
        for (Path folder : folders) {
            if (Files.exists(folder.resolve("freezer.state"))) {
                Files.writeString(folder.resolve("freezer.state"), "FROZEN");
                return;
            }
            if (Files.exists(folder.resolve("cgroup.freeze"))) {
                Files.writeString(folder.resolve("cgroup.freeze"), "1");
                return;
            }
        }
        throw new AssertionError("no cgroup of " + id + " can be frozen: " + folders);
    }

    @Test
    void whatExitsAtOnceHasItsCode() throws InterruptedException {
        String pod = pods.run("at-once");
        for (int code : IntStream.range(0, 20).toArray()) {
            ContainerStatus status = exited(started(pod, "code" + code, "exit " + code));
            assertThat(status.getExitCode()).isEqualTo(code);
            assertThat(status.getReason()).isEqualTo(code == 0 ? "Completed" : "Error");
            assertThat(status.getStartedAt()).isBetween(status.getCreatedAt(), status.getFinishedAt());
        }
    }

    /** As the kubelet does it: a file of the node below /dev for the last words, the next attempt beside the one that failed. */
    @Test
    void whatFailsLeavesItsLastWordsAndIsTriedAgain() throws IOException, InterruptedException {
        String pod = pods.run("again");
        for (int attempt = 0; attempt < 3; attempt++) {
            Path words = Files.createFile(berth.folder().resolve("words-" + attempt));
            ContainerConfig.Builder config = pods.container(
                            "again", "sh", "-c", "echo failed $ATTEMPT > /dev/termination-log; exit 4")
                    .addEnvs(KeyValue.newBuilder()
                            .setKey("ATTEMPT")
                            .setValue(ByteString.copyFromUtf8(String.valueOf(attempt))))
                    .addMounts(
                            Mount.newBuilder().setHostPath(words.toString()).setContainerPath("/dev/termination-log"))
                    .putAnnotations("io.kubernetes.container.restartCount", String.valueOf(attempt))
                    .setLogPath("again-" + attempt + ".log");
            config.getMetadataBuilder().setAttempt(attempt);
            String id = pods.create(pod, config.build());
            pods.start(id);
            ContainerStatus status = exited(id);
            assertThat(status.getExitCode()).isEqualTo(4);
            assertThat(status.getReason()).isEqualTo("Error");
            assertThat(status.getMetadata().getAttempt()).isEqualTo(attempt);
            assertThat(status.getAnnotationsMap())
                    .containsEntry("io.kubernetes.container.restartCount", String.valueOf(attempt));
            assertThat(Files.readString(words)).isEqualTo("failed " + attempt + "\n");
        }
        assertThat(pods.runtime()
                        .listContainers(ListContainersRequest.getDefaultInstance())
                        .getContainersList())
                .extracting(container -> container.getMetadata().getAttempt())
                .containsExactlyInAnyOrder(0, 1, 2);
    }

    /** In the node's process namespace nobody kills them but us. */
    @Test
    void grandchildrenThatHoldTheOutputDoNotHideTheEnd() throws InterruptedException {
        var node = NamespaceOption.newBuilder().setPid(NamespaceMode.NODE);
        PodSandboxConfig.Builder config = pods.pod("holders");
        config.getLinuxBuilder().getSecurityContextBuilder().setNamespaceOptions(node);
        String pod = pods.run(config.build(), "");
        String mark = "10" + Math.floorMod(UUID.randomUUID().hashCode(), 1_000_000);
        String id = pods.create(
                pod,
                shell("parent", "sleep " + mark + " & echo said; exit 3").toBuilder()
                        .setLinux(LinuxContainerConfig.newBuilder()
                                .setSecurityContext(LinuxContainerSecurityContext.newBuilder()
                                        .setNamespaceOptions(node)))
                        .build());
        pods.start(id);
        assertThat(exited(id).getExitCode()).isEqualTo(3);
        assertThat(Berth.read(berth.logs().resolve("parent.log"))).endsWith(" stdout F said\n");
        pods.remove(pod);
        assertThat(ProcessHandle.allProcesses()
                        .map(process -> process.info().commandLine().orElse(""))
                        .filter(line -> line.contains(mark)))
                .isEmpty();
    }

    /** Far deeper than a path may be long. */
    @Test
    void aDeepTreeIsRemoved() throws InterruptedException {
        String pod = pods.run("deep");
        String id = started(
                pod, "digs", "mkdir /a; for i in $(seq 2500); do mkdir /b && mv /a /b/a && mv /b /a || exit 1; done");
        assertThat(exited(id).getExitCode()).isZero();
        pods.remove(pod);
    }

    @Test
    void aPodIsRemovedWhosePartsAreGone() throws IOException, InterruptedException {
        String pod = pods.run("parts");
        String id = started(pod, "victim", "sleep 1000");
        String info = pods.runtime()
                .containerStatus(ContainerStatusRequest.newBuilder()
                        .setContainerId(id)
                        .setVerbose(true)
                        .build())
                .getInfoOrThrow("pid");
        String netns = pods.runtime()
                .podSandboxStatus(PodSandboxStatusRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .setVerbose(true)
                        .build())
                .getInfoOrThrow("networkNamespace");
        ProcessHandle.of(Long.parseLong(info)).orElseThrow().destroyForcibly();
        assertThat(exited(id).getExitCode()).isEqualTo(137);
        assertThat(netns).startsWith("/");
        assertThat(Berth.run(List.of("umount", netns)).exit()).isZero();
        Files.delete(Path.of(netns));
        Files.delete(berth.logs().resolve("victim.log"));
        pods.stop(pod);
        pods.remove(pod);
    }

    @Test
    void whatMultipliesWithoutEndMeetsItsLimit() throws IOException, InterruptedException {
        Path parent = Path.of("/sys/fs/cgroup/pids/" + "bt" + UUID.randomUUID());
        org.junit.jupiter.api.Assumptions.assumeTrue(
                Files.exists(Path.of("/sys/fs/cgroup/pids")),
                "the controller of processes is not in a hierarchy of its own");
        Files.createDirectory(parent);
        try {
            Files.writeString(parent.resolve("pids.max"), "40");
            PodSandboxConfig.Builder config = pods.pod("bomb");
            config.setLinux(
                    LinuxPodSandboxConfig.newBuilder(config.getLinux()).setCgroupParent("/" + parent.getFileName()));
            String pod = pods.run(config.build(), "");
            String id = started(pod, "bomb", "while :; do sleep 1000 & done");
            Berth.until(
                    "it has all the processes that it may have",
                    Berth.LIMIT,
                    () -> status(id).getState() == ContainerState.CONTAINER_EXITED
                            || Integer.parseInt(Berth.read(parent.resolve("pids.current"))
                                            .strip())
                                    >= 39);
            assertThat(pods.runtime(Duration.ofSeconds(30))
                            .version(VersionRequest.getDefaultInstance())
                            .getRuntimeName())
                    .isNotEmpty();
            pods.remove(pod);
            assertThat(Berth.read(parent.resolve("pids.current")).strip()).isEqualTo("0");
        } finally {
            pods.removeAll();
            removeEverywhere(String.valueOf(parent.getFileName()));
        }
    }

    /** The parent of a pod's cgroups is the caller's, in every hierarchy in which it was made. */
    private static void removeEverywhere(String cgroup) throws IOException {
        try (Stream<Path> hierarchies = Files.list(Path.of("/sys/fs/cgroup"))) {
            hierarchies
                    .map(hierarchy -> hierarchy.resolve(cgroup))
                    .filter(Files::isDirectory)
                    .forEach(each -> Berth.run(List.of("rmdir", each.toString())));
        }
    }

    /** As the kubelet rotates: another name for the file, and then the call. */
    @Test
    void aLogThatIsRotatedWhileItGrowsLosesNoLine() throws IOException, InterruptedException {
        String id = started(
                pods.run("talks"),
                "talks",
                "i=0; while [ ! -e /stop ]; do for _ in $(seq 1000); do echo line $i; i=$((i+1)); done; done");
        Path log = berth.logs().resolve("talks.log");
        List<Path> files = new ArrayList<>();
        for (int rotation = 0; rotation < ROTATIONS; rotation++) {
            Berth.until("something was said", Berth.LIMIT, () -> log.toFile().length() > 0);
            Path rotated = berth.logs().resolve("talks.log." + rotation);
            Files.move(log, rotated);
            files.add(rotated);
            var _ = pods.runtime()
                    .reopenContainerLog(ReopenContainerLogRequest.newBuilder()
                            .setContainerId(id)
                            .build());
            assertThat(log).exists();
        }
        exec(id, "touch", "/stop");
        assertThat(exited(id).getExitCode()).isZero();
        files.add(log);
        List<String> said = new ArrayList<>();
        for (Path file : files) {
            for (String line : Files.readAllLines(file)) {
                assertThat(line).matches("\\S+ stdout F line \\d+");
                said.add(line.substring(line.indexOf("line ")));
            }
        }
        assertThat(said)
                .hasSizeGreaterThanOrEqualTo(1000)
                .isEqualTo(IntStream.range(0, said.size())
                        .mapToObj(i -> "line " + i)
                        .toList());
        assertThat(said.size() % 1000).as("the last lines are there too").isZero();
    }
}
