package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.PodSandboxState;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a bad disk or a hasty hand has damaged costs what it belonged to, and nothing else. */
class DamagedStateTest extends BusyboxPods {
    private record Running(String pod, String container) {}

    private Running running(String name) {
        String pod = pods.run(name);
        String container =
                pods.create(pod, pods.container(name, "sleep", "1000").build());
        pods.start(container);
        return new Running(pod, container);
    }

    private void tear(String table, String id) throws SQLException {
        String file = "jdbc:sqlite:" + berth.root().resolve("meta/berth.db");
        try (Connection database = DriverManager.getConnection(file);
                PreparedStatement half = database.prepareStatement(
                        "UPDATE " + table + " SET value = substr(value, 1, length(value) / 2) WHERE id = ?")) {
            half.setString(1, id);
            assertThat(half.executeUpdate()).isPositive();
        }
    }

    private Berth.Result check(String... more) throws IOException {
        var command = Berth.berth("check", "--config", berth.config().toString());
        command.command().addAll(List.of(more));
        return Berth.run(command.command());
    }

    private void launch() throws IOException, InterruptedException {
        berth.launch();
        pods.close();
        pods = new GrpcPods(berth);
    }

    private String exec(String container) {
        return pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of("echo", "alive"))
                        .build())
                .getStdout()
                .toStringUtf8();
    }

    private List<String> listed() {
        return pods.runtime().listPodSandbox(ListPodSandboxRequest.getDefaultInstance()).getItemsList().stream()
                .map(pod -> pod.getId())
                .toList();
    }

    private static boolean hasProcesses(String id) {
        return ProcessHandle.allProcesses()
                .anyMatch(process -> Berth.read(Path.of("/proc/" + process.pid() + "/cgroup"))
                        .contains(id));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aTornRecordCostsOnlyWhatItIsAbout(boolean repair) throws Exception {
        Running pod = running("pod");
        Running container = running("container");
        Running whole = running("whole");
        berth.kill();
        tear("sandbox_extensions", pod.pod());
        tear("container_extensions", container.container());

        Berth.Result found = check();
        assertThat(found.exit()).isEqualTo(1);
        assertThat(found.out())
                .contains(
                        "found: pod " + pod.pod() + ": its record cannot be read",
                        "found: container " + pod.container() + ": its pod " + pod.pod() + " is not there",
                        "found: container " + container.container() + ": its record cannot be read",
                        "mend it with: berth check --repair")
                .doesNotContain(whole.pod(), whole.container());
        if (repair) {
            Berth.Result mended = check("--repair");
            assertThat(mended.exit()).as(mended.out() + mended.err()).isZero();
            assertThat(mended.out()).contains("mended: pod " + pod.pod(), "is consistent");
            assertThat(check().exit()).isZero();
        }
        launch();

        assertThat(exec(whole.container())).isEqualTo("alive\n");
        assertThat(listed()).containsExactlyInAnyOrder(container.pod(), whole.pod());
        assertThat(pods.runtime()
                        .listContainers(ListContainersRequest.getDefaultInstance())
                        .getContainersList())
                .extracting(each -> each.getId())
                .containsExactly(whole.container());
        Berth.until(
                "what nobody knows has ended",
                Berth.LIMIT,
                () -> !hasProcesses(pod.container()) && !hasProcesses(container.container()));
        running("pod");
    }

    /** A program that does not know what another version has written must not end the node's pods. */
    @Test
    void whereMostRecordsAreTornNothingEndsByItself() throws Exception {
        Running one = running("one");
        Running other = running("other");
        berth.kill();
        tear("sandbox_extensions", one.pod());
        tear("sandbox_extensions", other.pod());
        tear("container_extensions", other.container());

        Process refusing = Berth.berth("daemon", "--config", berth.config().toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(refusing.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(Berth.ended(refusing)).isTrue();
        assertThat(refusing.exitValue()).as(said).isEqualTo(1);
        assertThat(said).contains("3 of 4 cannot be read", "another version of Berth", "berth check --repair");
        assertThat(hasProcesses(one.container())).isTrue();
        assertThat(hasProcesses(other.container())).isTrue();

        Berth.Result mended = check("--repair");
        assertThat(mended.exit()).as(mended.out() + mended.err()).isZero();
        launch();
        assertThat(listed()).isEmpty();
        Berth.until(
                "what nobody knows has ended",
                Berth.LIMIT,
                () -> !hasProcesses(one.container()) && !hasProcesses(other.container()));
        running("one");
    }

    /** The kubelet makes it anew when it is told that it is not ready. */
    @Test
    void aPodWithoutItsNetworkNamespaceIsNotReady() throws Exception {
        Running lost = running("lost");
        Running whole = running("whole");
        berth.kill();
        String pinned = berth.state().resolve("netns").resolve(lost.pod()).toString();
        Berth.run(List.of("umount", pinned)).text();
        launch();

        Berth.until("it is not ready", Berth.LIMIT, () -> state(lost.pod()) == PodSandboxState.SANDBOX_NOTREADY);
        Berth.until(
                "its container has ended",
                Berth.LIMIT,
                () -> pods.runtime()
                                .containerStatus(ContainerStatusRequest.newBuilder()
                                        .setContainerId(lost.container())
                                        .build())
                                .getStatus()
                                .getState()
                        == ContainerState.CONTAINER_EXITED);
        assertThat(state(whole.pod())).isEqualTo(PodSandboxState.SANDBOX_READY);
        assertThat(exec(whole.container())).isEqualTo("alive\n");
        pods.remove(lost.pod());
        assertThat(Files.exists(Path.of(pinned))).isFalse();
        running("lost");
    }

    private PodSandboxState state(String pod) {
        return pods.runtime()
                .podSandboxStatus(PodSandboxStatusRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .build())
                .getStatus()
                .getState();
    }
}
