package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.StopContainerRequest;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The life of a container with each OCI runtime, and with one that fails at each step. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class RuntimesTest {

    private Berth berth;
    private PodFixture files;
    private GrpcPods pods;
    private AtRest rest;
    private Path mood;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/crun")), "crun is not installed");
        String runc = Peers.path("runc").map(Path::toString).orElse("/usr/sbin/runc");
        berth = Berth.connected("""
                [runtime]
                default = "crun"
                without = ["own-start", "own-delete", "sealed-copy"]
                [runtime.new]
                path = "%s"
                [runtime.standin]
                path = "/var/lib/%%1$s/standin"
                [runtime.gone]
                path = "/no/such/runtime"
                [runtime.gone-shim]
                path = "containerd-shim-nosuch-v2"
                """.formatted(runc), this::standIn);
        mood = berth.folder().resolve("mood");
        files = new PodFixture(berth);
        pods = new GrpcPods(berth);
        pods.pull(berth.image("busybox"));
        pods.remove(pods.run(pods.pod("first").build(), "standin")); // it has been tried
        rest = AtRest.settled(berth);
    }

    /** Is crun, unless a file says how to fail. */
    private void standIn(Path folder) throws IOException {
        Path script = Files.writeString(folder.resolve("standin"), """
                #!/bin/sh
                case " $* " in
                  *' create '*) step=create ;; *' start '*) step=start ;; *' exec '*) step=exec ;;
                  *' kill '*) step=kill ;; *' delete '*) step=delete ;; *) step=other ;;
                esac
                case "$(cat %1$s/mood 2>/dev/null)" in
                  $step-refuse) echo "the stand-in refuses to $step" >&2; exit 1 ;;
                  $step-silent) exit 1 ;;
                  $step-after) /usr/bin/crun "$@"; echo "the stand-in regrets" >&2; exit 1 ;;
                  $step-rubbish) printf '<html>\\001\\377' >&2; exit 0 ;;
                  $step-die) kill -9 $$ ;;
                esac
                exec /usr/bin/crun "$@"
                """.formatted(folder));
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    @AfterEach
    void tidy() throws IOException, InterruptedException {
        Files.deleteIfExists(mood);
        pods.removeAll();
        rest.isSame(berth);
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc", "new"})
    void theLifeOfAContainer(String handler) throws IOException, InterruptedException {
        if (handler.equals("new")) {
            Peers.need("runc");
        }
        String name = "life-" + handler;
        String pod = berth.crictl("runp", "-r", handler, files.podFile(name)).text();
        String id = files.create(
                pod, name, files.containerFile(name, "i=0; while true; do echo tick $i; i=$((i+1)); sleep 0.1; done"));
        berth.crictl("start", id).text();
        Berth.until("it logs", Berth.LIMIT, () -> files.log(name).contains("tick 3"));
        assertThat(berth.crictl("logs", id).text()).startsWith("tick 0");
        assertThat(berth.crictl("exec", "-s", id, "cat", "/etc/hostname").text())
                .isNotEmpty();
        assertThat(berth.crictl("stats", "-o", "json", id).text()).contains("workingSetBytes");
        berth.crictl("update", "--memory", "50000000", id).text();
        assertThat(berth.crictl("inspect", id).text()).contains("50000000", "CONTAINER_RUNNING");

        berth.killSupervisor();
        berth.kill();
        berth.launch();
        Berth.until(
                "it is reached again",
                Berth.LIMIT,
                () -> berth.crictl("exec", "-s", id, "echo", "alive").out().contains("alive"));
        long ticks = files.log(name).lines().count();
        Berth.until(
                "the log goes on", Berth.LIMIT, () -> files.log(name).lines().count() > ticks + 3);

        berth.crictl("stop", "--timeout", "1", id).text();
        assertThat(berth.crictl("inspect", id).text()).contains("CONTAINER_EXITED", "\"exitCode\": 143");
        berth.crictl("rm", id).text();
        berth.crictl("stopp", pod).text();
        berth.crictl("rmp", pod).text();
    }

    @Test
    void aRuntimeThatIsNotThere() {
        var pod = pods.pod("gone").build();
        GrpcPods.refused(
                Status.Code.FAILED_PRECONDITION,
                () -> {
                    String id = pods.run(pod, "gone");
                    pods.start(pods.create(id, pods.container("gone", "true").build()));
                },
                "there is no program /no/such/runtime",
                "Install it");
        assertThat(berth.crictl("info").text()).contains("/no/such/runtime");
    }

    /** One that is named without its directory too: a package that is removed must not keep the daemon from starting. */
    @Test
    void aShimThatIsNotThere() {
        GrpcPods.refused(
                Status.Code.FAILED_PRECONDITION,
                () -> {
                    String id = pods.run(pods.pod("gone-shim").build(), "gone-shim");
                    pods.start(
                            pods.create(id, pods.container("gone-shim", "true").build()));
                },
                "there is no program /usr/bin/containerd-shim-nosuch-v2",
                "Install it");
    }

    /** The container tells of its end; the next one in the same pod works. */
    @ParameterizedTest
    @CsvSource({
        "create-refuse, standin ended with status 1",
        "create-silent, told no reason",
        "create-after, standin ended with status 1",
        "create-rubbish, no process id",
        "create-die, standin",
        "start-refuse, standin ended with status 1",
        "start-after, standin ended with status 1",
        "start-die, standin"
    })
    void aRuntimeThatFailsToStart(String newMood, String said) throws IOException, InterruptedException {
        String pod = pods.run(pods.pod(newMood).build(), "standin");
        String id = pods.create(pod, pods.container(newMood, "sleep", "1000").build());
        Files.writeString(mood, newMood);
        GrpcPods.refused(Status.Code.INTERNAL, () -> pods.start(id), said);
        Files.delete(mood);
        var status = pods.runtime()
                .containerStatus(
                        ContainerStatusRequest.newBuilder().setContainerId(id).build())
                .getStatus();
        assertThat(status.getState()).isEqualTo(ContainerState.CONTAINER_EXITED);
        assertThat(status.getReason()).isEqualTo("StartError");
        assertThat(status.getMessage()).contains(said);
        String next = pods.create(
                pod, pods.container(newMood + "-next", "sleep", "1000").build());
        pods.start(next);
        assertThat(pods.runtime()
                        .execSync(ExecSyncRequest.newBuilder()
                                .setContainerId(next)
                                .addCmd("true")
                                .build())
                        .getExitCode())
                .isZero();
        pods.remove(pod);
        rest.isSame(berth);
    }

    @ParameterizedTest
    @ValueSource(strings = {"exec-refuse", "exec-die", "exec-rubbish"})
    void aRuntimeThatFailsToExec(String newMood) throws IOException {
        String pod = pods.run(pods.pod(newMood).build(), "standin");
        String id = pods.create(pod, pods.container(newMood, "sleep", "1000").build());
        pods.start(id);
        ExecSyncRequest exec = ExecSyncRequest.newBuilder()
                .setContainerId(id)
                .addCmd("true")
                .setTimeout(5)
                .build();
        Files.writeString(mood, newMood);
        GrpcPods.refused(Status.Code.INTERNAL, () -> pods.runtime().execSync(exec));
        Files.delete(mood);
        assertThat(pods.runtime().execSync(exec).getExitCode()).isZero();
        pods.remove(pod);
    }

    /** What could not be deleted is tried again. */
    @ParameterizedTest
    @ValueSource(strings = {"delete-refuse", "delete-die", "kill-refuse"})
    void aRuntimeThatFailsToEnd(String newMood) throws IOException, InterruptedException {
        String pod = pods.run(pods.pod(newMood).build(), "standin");
        String id = pods.create(pod, pods.container(newMood, "sleep", "1000").build());
        pods.start(id);
        Files.writeString(mood, newMood);
        try {
            var _ = pods.runtime()
                    .stopContainer(StopContainerRequest.newBuilder()
                            .setContainerId(id)
                            .setTimeout(1)
                            .build());
            pods.remove(pod);
        } catch (io.grpc.StatusRuntimeException e) {
            assertThat(e.getStatus().getDescription()).contains("stand");
        }
        Files.delete(mood);
        pods.remove(pod);
        rest.isSame(berth);
    }
}
