package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Protocol variants and bad manners that no real shim has all of. */
@Timeout(300)
class StandInShimTest {
    private static final Duration LIMIT = TasksContract.LIMIT;

    private final LinkedBlockingQueue<TaskEvent> events = new LinkedBlockingQueue<>();
    private final TestBed bed;
    private final FakeSupervisor supervisor;
    private @Nullable Tasks tasks;
    private int shimPid;

    StandInShimTest() throws IOException {
        bed = new TestBed();
        supervisor = new FakeSupervisor(bed.state, "");
    }

    @BeforeEach
    void directory() throws IOException {
        Files.createDirectories(bed.state.resolve("si"));
    }

    @AfterEach
    void close() throws IOException {
        if (tasks != null) {
            tasks.close();
        }
        supervisor.close();
        if (shimPid > 0) {
            Signals.send(shimPid, Signals.KILL);
        }
        bed.close();
    }

    private Tasks open(String manners) throws IOException {
        Path program = StandInShim.program(bed.state.resolve("si"), manners);
        var handler = new Handler.Foreign(
                program, Handler.ShimOptions.configFile(Path.of("/etc/x")), Handler.Bootstrapping.DETECT);
        tasks = Tasks.open(bed.config(Map.of("", handler)), Ticker.system(), InstantSource.system());
        tasks.subscribe(events::add);
        return tasks;
    }

    private TaskId create(Tasks tasks, String suffix) {
        TaskId task = bed.task(suffix);
        shimPid = tasks.create(
                new NewTask(task, null, "", bed.spec(task, "true"), List.of(), new NewTask.Stdio(false, false, null)));
        return task;
    }

    private List<String> calls() throws IOException {
        return Files.readAllLines(bed.state.resolve("si/calls"));
    }

    private boolean shimRuns() throws IOException {
        return TasksContract.runs(shimPid);
    }

    @ParameterizedTest
    @CsvSource({
        "'legacy-only', 'start legacy'",
        "'json3,params-only', 'start legacy;start params'",
        "'proto3,params-only,info', 'start params'",
        "'json2,legacy-only,info', 'start params;start legacy'"
    })
    void eachWayToBeStartedIsFoundAndRemembered(String manners, String attempts) throws Exception {
        Tasks here = open(manners);
        TaskId task = create(here, "a");
        here.start(task);
        assertThat(here.state(task).status()).isEqualTo(TaskState.Status.RUNNING);
        here.kill(task, "", 9, false);
        assertThat(here.awaitExit(task, LIMIT).orElseThrow().status()).isEqualTo(137);
        assertThat(here.delete(task).status()).isEqualTo(137);
        assertThat(shimRuns()).isFalse();
        assertThat(String.join(";", calls())).isEqualTo(attempts + ";create k8s.io;shutdown");

        TaskId second = create(here, "b");
        String remembered = attempts.substring(attempts.lastIndexOf(';') + 1);
        assertThat(String.join(";", calls()))
                .isEqualTo(attempts + ";create k8s.io;shutdown;" + remembered + ";create k8s.io");
        here.delete(second);
        assertThat(shimRuns()).isFalse();
    }

    @Test
    void aPodsTasksShareAConnectionAndTheLastOneEndsTheShim() throws Exception {
        Tasks here = open("group");
        TaskId first = create(here, "a");
        TaskId second = create(here, "b");
        here.delete(first);
        assertThat(calls()).doesNotContain("shutdown");
        assertThat(here.state(second).status()).isEqualTo(TaskState.Status.CREATED);
        here.delete(second);
        assertThat(calls()).contains("shutdown");
        assertThat(shimRuns()).isFalse();
    }

    @Test
    void aShimThatCrashesIsCleanedUpByItsProgram() throws Exception {
        Tasks here = open("crash");
        TaskId task = create(here, "a");
        assertThatThrownBy(() -> here.start(task))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.UNAVAILABLE));
        TaskEvent told = events.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
        assertThat(told).isInstanceOfSatisfying(TaskEvent.Exited.class, exited -> {
            assertThat(exited.task()).isEqualTo(task);
            assertThat(exited.exit().status()).isEqualTo(255);
            assertThat(exited.exit().known()).isFalse();
        });
        assertThat(calls()).contains("delete verb");
        here.delete(task);
        assertThat(bed.state.resolve("bundles/k8s.io").resolve(task.id())).doesNotExist();
    }

    @Test
    void aShimThatDoesNotGoIsKilled() throws Exception {
        Tasks here = open("hang-shutdown");
        TaskId task = create(here, "a");
        here.delete(task);
        assertThat(shimRuns()).isFalse();
        assertThat(sockets()).as("what it could not take with it").isEmpty();
    }

    private List<Path> sockets() throws IOException {
        try (var files = Files.list(bed.state.resolve("si"))) {
            return files.filter(file -> file.toString().endsWith(".sock")).toList();
        }
    }

    @Test
    void waitingForAShimThatIsSlowHasALimit() throws Exception {
        Tasks here = open("slow-wait");
        TaskId task = create(here, "a");
        here.start(task);
        assertThat(here.awaitExit(task, Duration.ofMillis(50))).isEmpty();
        here.kill(task, "", 9, false);
        assertThat(here.awaitExit(task, Duration.ofMillis(50))).isEmpty();
        Files.createFile(bed.state.resolve("si").resolve(StandInShim.TELL));
        assertThat(here.awaitExit(task, LIMIT)).isPresent();
        here.delete(task);
    }

    @Test
    void aProgramThatPrintsNonsenseIsRefusedAndNothingIsLeft() throws Exception {
        Tasks here = open("garbage");
        assertThatThrownBy(() -> create(here, "a"))
                .isInstanceOfSatisfying(
                        Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining("hello, world");
        assertThat(bed.state.resolve("bundles/k8s.io").resolve(bed.task("a").id()))
                .doesNotExist();
        assertThat(here.list()).isEmpty();
    }

    @Test
    void aProgramThatIsNotThereIsToldAndNothingIsLeft() throws Exception {
        Tasks here = open("json3");
        Files.delete(StandInShim.program(bed.state.resolve("si"), "json3"));
        assertThatThrownBy(() -> create(here, "a"))
                .isInstanceOfSatisfying(
                        Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining("there is no program")
                .hasMessageContaining("Install it");
        assertThat(bed.state.resolve("bundles/k8s.io").resolve(bed.task("a").id()))
                .doesNotExist();
        assertThat(here.list()).isEmpty();
    }

    @Test
    void aStartThatHangsCanBeCancelled() throws Exception {
        Tasks here = open("hang-start");
        var failures = new LinkedBlockingQueue<Fault>();
        Thread creating = Thread.ofVirtual().start(() -> {
            try {
                create(here, "a");
            } catch (Fault e) {
                failures.add(e);
            }
        });
        TasksContract.until("its program was started", () -> Files.exists(bed.state.resolve("si/calls")));
        creating.interrupt();
        creating.join();
        assertThat(failures.remove().code()).isEqualTo(Fault.Code.CANCELLED);
        assertThat(bed.state.resolve("bundles/k8s.io").resolve(bed.task("a").id()))
                .doesNotExist();
    }

    @Test
    void aShimThatDiedWhileTheDaemonWasAwayIsFoundDead() throws Exception {
        Tasks here = open("json3");
        TaskId task = create(here, "a");
        here.start(task);
        here.close();
        Signals.send(shimPid, Signals.KILL);
        TasksContract.until("it is dead", () -> !shimRuns());
        Tasks next = open("json3");
        assertThat(next.list()).singleElement().satisfies(state -> {
            assertThat(state.status()).isEqualTo(TaskState.Status.STOPPED);
            assertThat(state.exit()).hasValueSatisfying(exit -> assertThat(exit).isEqualTo(Exit.unknown(exit.at())));
        });
        next.delete(task);
        assertThat(bed.state.resolve("bundles/k8s.io").resolve(task.id())).doesNotExist();
    }
}
