package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Pidfd;
import dev.berth.linux.ProcStat;
import dev.berth.linux.Signals;
import dev.berth.linux.cgroup.Cgroups;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
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
        return bed.config(command, Map.of(HANDLER, new Handler.Builtin("runc", false)));
    }

    @Override
    void cleanUp() throws Exception {
        Tasks.endSupervisors(config());
    }

    @Test
    void whatIsPreparedIsWhatRuns() throws Exception {
        TaskId task = bed.task("ahead");
        NewTask wanted = wanted(task, "echo", "made by the start");
        tasks.prepare(wanted, wanted(task, "echo", "made ahead").spec().toJson());
        runs(wanted, "made ahead");
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
        TaskId ended = create("e", Map.of(), "sleep", "600");
        int process = tasks.start(ended);
        int supervisor = tasks.runtimes().pid();
        tasks.close();
        events.clear();
        Signals.send(process, Signals.KILL);
        until("its end is seen", () -> ProcStat.of(process).isEmpty());
        assertThat(runs(supervisor)).isTrue();
        reopen();
        var exited = next(TaskEvent.Exited.class);
        assertThat(exited.task()).isEqualTo(ended);
        assertThat(exited.exit().status()).isEqualTo(137);
        assertThat(tasks.list())
                .extracting(TaskState::task, TaskState::status)
                .containsExactlyInAnyOrder(
                        org.assertj.core.groups.Tuple.tuple(running, TaskState.Status.RUNNING),
                        org.assertj.core.groups.Tuple.tuple(ended, TaskState.Status.STOPPED));
    }

    /** As after a kill: nobody has closed what ran for a caller. */
    @Test
    void aProcessWhoseCallerIsGoneWithItsDaemonIsEnded() throws Exception {
        TaskId task = create("x", Map.of(), "sleep", "600");
        tasks.start(task);
        Exec left = tasks.exec(task, new Exec.Command(TestBed.process("sleep", "601"), true));
        int pid = left.start();
        Path bundle = bed.state.resolve("bundles/k8s.io").resolve(task.id());
        try (Pidfd process = Pidfd.open(pid)) {
            tasks.close();
            reopen();
            try (Exec ours = tasks.exec(task, new Exec.Command(TestBed.process("sleep", "602"), true))) {
                int early = ours.start();
                tasks.tidy(tasks.list().stream().map(TaskState::task).toList());
                assertThat(process.awaitExit(LIMIT)).isTrue();
                try (Pidfd begun = Pidfd.open(early)) {
                    assertThat(begun.awaitExit(Duration.ZERO))
                            .as("whether one ended that this daemon had begun before it tidied")
                            .isFalse();
                }
            }
        }
        try (var names = Files.list(bundle)) {
            assertThat(names).noneMatch(name -> name.getFileName().toString().startsWith("exec-"));
        }
        assertThat(tasks.state(task).status()).isEqualTo(TaskState.Status.RUNNING);
        assertThat(tasks.execSync(task, TestBed.process("echo", "on"), LIMIT)
                        .stdout()
                        .toStringUtf8())
                .isEqualTo("on\n");
    }

    @Test
    void aKilledSupervisorIsReplacedAndItsContainersLive() throws Exception {
        TaskId task = create("k", Map.of(), "sleep", "600");
        int pid = tasks.start(task);
        int supervisor = tasks.runtimes().pid();
        kill(supervisor);
        assertThat(tasks.runtimes().pid()).isNotEqualTo(supervisor);
        TaskState state = tasks.state(task);
        assertThat(state.status()).isEqualTo(TaskState.Status.RUNNING);
        assertThat(state.pid()).isEqualTo(pid);
        assertThat(tasks.execSync(task, TestBed.process("echo", "alive"), LIMIT)
                        .stdout()
                        .toStringUtf8())
                .isEqualTo("alive\n");
        assertThat(next(TaskEvent.Exited.class).execId()).isNotEmpty();
        tasks.kill(task, "", 9, false);
        assertThat(next(TaskEvent.Exited.class).exit().status()).isEqualTo(137);
    }

    @Test
    void bothKilledAtOnce() throws Exception {
        TaskId task = create("b", Map.of(), "sh", "-c", "while true; do echo tick; sleep 0.1; done");
        int pid = tasks.start(task);
        int supervisor = tasks.runtimes().pid();
        tasks.close();
        kill(supervisor);
        reopen();
        assertThat(tasks.list()).singleElement().satisfies(state -> {
            assertThat(state.status()).isEqualTo(TaskState.Status.RUNNING);
            assertThat(state.pid()).isEqualTo(pid);
        });
        tasks.kill(task, "", 9, false);
        assertThat(tasks.awaitExit(task, LIMIT).orElseThrow().status()).isEqualTo(137);
    }

    @Test
    void anEndThatNobodySawIsNotKnown() throws Exception {
        TaskId lost = create("l", Map.of(), "sh", "-c", "exit 11");
        TaskId seen = create("w", Map.of(), "sh", "-c", "exit 255");
        tasks.start(seen);
        assertThat(tasks.awaitExit(seen, LIMIT).orElseThrow()).matches(exit -> exit.status() == 255 && exit.known());
        int pid = tasks.state(lost).pid();
        int supervisor = tasks.runtimes().pid();
        Path kept = bed.state.resolve("shim/vault/processes/" + lost.namespace() + "/" + lost.id());
        tasks.close();
        kill(supervisor);
        Files.deleteIfExists(kept); // as on a kernel that keeps no handles
        kill(pid);
        until("its new parent has reaped it", () -> ProcStat.of(pid).isEmpty());
        reopen();
        assertThat(tasks.awaitExit(lost, LIMIT).orElseThrow()).matches(exit -> exit.status() == 255 && !exit.known());
        assertThat(tasks.state(lost).exit().orElseThrow().known()).isFalse();
        assertThat(tasks.state(seen).exit().orElseThrow().known()).isTrue();
        assertThat(tasks.list())
                .extracting(TaskState::task, state -> state.exit().orElseThrow().known())
                .containsExactlyInAnyOrder(
                        org.assertj.core.groups.Tuple.tuple(lost, false),
                        org.assertj.core.groups.Tuple.tuple(seen, true));
    }

    @Test
    void aSupervisorOfAnotherVersionIsReplaced() throws Exception {
        TaskId task = create("v", Map.of(), "sleep", "600");
        int pid = tasks.start(task);
        int old = tasks.runtimes().pid();
        tasks.close();
        tasks = Tasks.open(config().withVersion("another"), Ticker.system(), InstantSource.system());
        assertThat(tasks.runtimes().pid()).isNotEqualTo(old);
        assertThat(ProcStat.of(old)).isEmpty();
        assertThat(tasks.state(task).pid()).isEqualTo(pid);
    }

    @Test
    void aSupervisorThatDoesNotAnswerIsReplaced() throws Exception {
        TaskId task = create("s", Map.of(), "sleep", "600");
        tasks.start(task);
        int old = tasks.runtimes().pid();
        tasks.close();
        tasks = open(impatient());
        assertThat(tasks.runtimes().pid()).isEqualTo(old);
        try (Pidfd process = Pidfd.open(old)) {
            process.signal(Signals.STOP);
            assertThat(process.awaitExit(LIMIT)).isTrue();
        }
        assertThat(tasks.state(task).status()).isEqualTo(TaskState.Status.RUNNING);
    }

    @Test
    void aSupervisorThatIsStoppedWhenTheDaemonComesIsReplaced() throws Exception {
        TaskId task = create("s", Map.of(), "sleep", "600");
        int pid = tasks.start(task);
        int old = tasks.runtimes().pid();
        tasks.close();
        try (Pidfd process = Pidfd.open(old)) {
            process.signal(Signals.STOP);
            tasks = open(impatient());
            assertThat(tasks.runtimes().pid()).isNotEqualTo(old);
            assertThat(process.awaitExit(LIMIT)).isTrue();
        }
        assertThat(tasks.state(task).pid()).isEqualTo(pid);
    }

    /** The daemon that started it was killed meanwhile. */
    @Test
    void aSupervisorThatStillBootsIsWaitedFor() throws Exception {
        tasks.close();
        cleanUp();
        try (Pidfd booting = boot()) {
            booting.signal(Signals.STOP);
            tasks = Tasks.open(config(), Ticker.system(), InstantSource.system());
            assertThat(booting.awaitExit(Duration.ofMillis(500))).isFalse();
            booting.signal(Signals.CONT);
            assertThat(tasks.runtimes().pid()).isEqualTo(booting.pid());
        }
    }

    @Test
    void aSupervisorThatNeverListensIsReplaced() throws Exception {
        tasks.close();
        cleanUp();
        try (Pidfd booting = boot()) {
            booting.signal(Signals.STOP);
            tasks = open(impatient());
            assertThat(tasks.runtimes().pid()).isNotEqualTo(booting.pid());
            assertThat(booting.awaitExit(LIMIT)).isTrue();
        }
    }

    @Test
    void onlyASupervisorOfTheSameStateIsOne() {
        List<String> command =
                List.of("java", "-cp", "x", "dev.berth.shim.Main", "--version", "1", "--state", bed.state.toString());
        assertThat(Incumbents.works(command, bed.state)).isTrue();
        assertThat(Incumbents.works(command, Path.of("/run/../run").resolve(bed.name)))
                .as("another name of the same directory")
                .isTrue();
        assertThat(Incumbents.works(command, Path.of("/run"))).isFalse();
        assertThat(Incumbents.works(command.subList(0, 7), bed.state)).isFalse();
        assertThat(Incumbents.works(List.of("tail", "--state", bed.state.toString()), bed.state))
                .isFalse();
    }

    private Tasks open(Patience patience) throws Exception {
        return Tasks.open(config(), Ticker.system(), InstantSource.system(), patience);
    }

    private static Patience impatient() {
        return new Patience(Duration.ofSeconds(1), Duration.ofSeconds(2), Duration.ofSeconds(2));
    }

    /** Begins to start a supervisor and does not wait. */
    private Pidfd boot() throws Exception {
        var command = new ArrayList<>(config().supervisor());
        command.addAll(List.of(
                "--state",
                config().state().toString(),
                "--root",
                config().root().toString()));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(bed.state.resolve("booting.log").toFile())
                .start();
        return Pidfd.open((int) process.pid());
    }

    @Test
    void theSupervisorLeavesTheDaemonsCgroup() throws Exception {
        tasks.runtimes();
        tasks.close(); // or it would start the next supervisor itself
        cleanUp();
        String name = "/" + bed.name + "-sup";
        tasks = Tasks.open(config().withSupervisorCgroup(name), Ticker.system(), InstantSource.system());
        int pid = tasks.runtimes().pid();
        assertThat(Files.readAllLines(Path.of("/proc", Integer.toString(pid), "cgroup")))
                .as("in every tree, also the one that systemd looks at")
                .allMatch(line -> line.endsWith(":" + name));
        tasks.close();
        cleanUp();
        assertThat(Cgroups.detect(Ticker.system()).cgroup(name).remove(LIMIT)).isTrue();
    }

    @Test
    void aBundleThatLostItsTaskIsRemovedAndOthersStay() throws Exception {
        var pod = bed.task("pod");
        tasks.createPod(new PodRequest(pod, HANDLER, null, "podhost", 1 << 20, false, Map.of(), "", null));
        TaskId alive = member(pod, "a");
        Path bundles = bed.state.resolve("bundles/k8s.io");
        Path lost = Files.createDirectories(bundles.resolve(bed.name + "lost"));
        Files.createDirectory(lost.resolve("rootfs"));
        Files.writeString(lost.resolve("config.json"), "{}");
        tasks.tidy(tasks.list().stream().map(TaskState::task).toList());
        assertThat(lost).doesNotExist();
        assertThat(bundles.resolve(alive.id())).exists();
        tasks.kill(alive, "", 9, true);
        tasks.awaitExit(alive, LIMIT);
        tasks.stopPod(pod);
        tasks.removePod(pod);
    }

    @Test
    void containersOfAPodShareWhatThePodHas() throws Exception {
        var pod = bed.task("pod");
        var request = new PodRequest(pod, HANDLER, null, "podhost", 1 << 20, false, Map.of(), "", null);
        tasks.createPod(request);
        assertThat(tasks.podStatus(request.pod()).orElseThrow().ready()).isTrue();
        failsWith(Fault.Code.ALREADY_EXISTS, () -> tasks.createPod(request));
        TaskId writer = member(pod, "w");
        TaskId reader = member(pod, "r");
        tasks.execSync(writer, TestBed.process("sh", "-c", "echo shared > /dev/shm/x"), LIMIT);
        ExecResult read =
                tasks.execSync(reader, TestBed.process("sh", "-c", "cat /dev/shm/x /proc/sys/kernel/hostname"), LIMIT);
        assertThat(read.stdout().toStringUtf8()).isEqualTo("shared\npodhost\n");
        kill(tasks.runtimes().pid());
        TaskId late = member(pod, "l");
        assertThat(tasks.execSync(late, TestBed.process("cat", "/dev/shm/x"), LIMIT)
                        .stdout()
                        .toStringUtf8())
                .isEqualTo("shared\n");
        for (TaskId member : List.of(writer, reader, late)) {
            tasks.kill(member, "", 9, true);
            tasks.awaitExit(member, LIMIT);
        }
        tasks.stopPod(pod);
        tasks.stopPod(pod);
        assertThat(tasks.podStatus(pod))
                .hasValueSatisfying(status -> assertThat(status.ready()).isFalse());
        failsWith(Fault.Code.FAILED_PRECONDITION, () -> member(pod, "x"));
        tasks.removePod(pod);
        tasks.removePod(pod);
        assertThat(tasks.podStatus(pod)).isEmpty();
    }

    private TaskId member(TaskId pod, String suffix) {
        TaskId task = bed.task(suffix);
        made.add(task);
        tasks.create(new NewTask(
                task,
                pod.id(),
                HANDLER,
                bed.podSpec(task, "sleep", "600"),
                List.of(),
                new NewTask.Stdio(false, false, null)));
        tasks.start(task);
        return task;
    }

    private static void kill(int pid) throws Exception {
        try (Pidfd process = Pidfd.open(pid)) {
            process.signal(Signals.KILL);
            assertThat(process.awaitExit(LIMIT)).isTrue();
        }
    }
}
