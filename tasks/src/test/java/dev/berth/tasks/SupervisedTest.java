package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Pidfd;
import dev.berth.linux.Poller;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.wire.shim.supervisor.InfoResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Our own supervisor as a process of its own, with real containers. */
class SupervisedTest extends TasksContract {
    SupervisedTest() throws Exception {}

    @Override
    void prepare() {}

    @Override
    TasksConfig config() {
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx128m",
                "-XX:TieredStopAtLevel=1",
                "-XX:-MaxFDLimit",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                "dev.berth.shim.Main");
        return bed.config(command, "", Map.of(HANDLER, new Handler.Builtin("runc", false)));
    }

    @Override
    void cleanUp() throws Exception {
        Path socket = bed.state.resolve("supervisor.sock");
        if (Files.exists(socket)) {
            try (var client = TtrpcClient.connect(socket, Ticker.system())) {
                int pid = InfoResponse.parseFrom(client.call(Supervisor.SERVICE, "Info", new byte[0], LIMIT, Map.of()))
                        .getPid();
                try (Pidfd process = Pidfd.open(pid)) {
                    client.call(Supervisor.SERVICE, "Shutdown", new byte[0], LIMIT, Map.of());
                    assertThat(process.awaitExit(LIMIT))
                            .as("the supervisor goes")
                            .isTrue();
                }
            }
        }
    }

    @Test
    void theSupervisorTellsWhatItCanRun() {
        assertThat(tasks.runtimes().runtimes())
                .anySatisfy(runtime -> assertThat(runtime.name()).isEqualTo("runc"));
    }

    @Test
    void aDaemonThatComesBackFindsTasksAndMissedEvents() throws Exception {
        TaskId running = create("r", Map.of(), "sleep", "600");
        tasks.start(running);
        TaskId ended = create("e", Map.of(), "sh", "-c", "sleep 1; exit 5");
        tasks.start(ended);
        int pid = tasks.runtimes().pid();
        tasks.close();
        events.clear();
        try (Pidfd supervisor = Pidfd.open(pid)) {
            assertThat(supervisor.awaitExit(Duration.ofMillis(1500))).isFalse();
        }
        reopen();
        var exited = next(TaskEvent.Exited.class);
        assertThat(exited.task()).isEqualTo(ended);
        assertThat(exited.exit().status()).isEqualTo(5);
        assertThat(tasks.list())
                .extracting(TaskState::task, TaskState::status)
                .containsExactlyInAnyOrder(
                        org.assertj.core.groups.Tuple.tuple(running, TaskState.Status.RUNNING),
                        org.assertj.core.groups.Tuple.tuple(ended, TaskState.Status.STOPPED));
    }

    @Test
    void aKilledSupervisorIsReplacedAndItsContainersLive() throws Exception {
        TaskId task = create("k", Map.of(), "sleep", "600");
        int pid = tasks.start(task);
        int supervisor = tasks.runtimes().pid();
        try (Pidfd process = Pidfd.open(supervisor)) {
            process.signal(9);
            assertThat(process.awaitExit(Poller.FOREVER)).isTrue();
        }
        assertThat(tasks.runtimes().pid()).isNotEqualTo(supervisor);
        TaskState state = tasks.state(task);
        assertThat(state.status()).isEqualTo(TaskState.Status.RUNNING);
        assertThat(state.pid()).isEqualTo(pid);
        assertThat(tasks.execSync(task, TestBed.process("echo", "alive"), LIMIT).stdout())
                .asString()
                .isEqualTo("alive\n");
        assertThat(next(TaskEvent.Exited.class).execId()).isNotEmpty();
        tasks.kill(task, "", 9, false);
        assertThat(next(TaskEvent.Exited.class).exit().status()).isEqualTo(137);
    }
}
