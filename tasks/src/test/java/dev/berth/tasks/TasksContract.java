package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.kernel.Timeline;
import dev.berth.linux.ProcStat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What {@link Tasks} does with real containers, whoever runs them. */
@Timeout(300)
abstract class TasksContract {
    static final String HANDLER = "h";

    static final Duration LIMIT = Duration.ofMinutes(2);

    final LinkedBlockingQueue<TaskEvent> events = new LinkedBlockingQueue<>();
    final List<TaskId> made = new ArrayList<>();
    final TestBed bed;
    Tasks tasks;

    TasksContract() throws Exception {
        bed = new TestBed();
        prepare();
        tasks = open();
    }

    /** What must be there before the daemon. */
    abstract void prepare() throws Exception;

    abstract TasksConfig config() throws Exception;

    /** Takes away what {@link #prepare} and the daemon have started. */
    abstract void cleanUp() throws Exception;

    final Tasks open() throws Exception {
        return Tasks.open(config(), Ticker.system(), InstantSource.system());
    }

    final void reopen() throws Exception {
        tasks.close();
        tasks = open();
        tasks.subscribe(events::add);
    }

    @BeforeEach
    void subscribe() {
        tasks.subscribe(events::add);
    }

    @AfterEach
    void close() throws Exception {
        for (TaskId task : made) {
            try {
                tasks.kill(task, "", 9, true);
                tasks.awaitExit(task, LIMIT);
            } catch (Fault e) {
                assertThat(e.code()).as(e.getMessage()).isIn(Fault.Code.NOT_FOUND, Fault.Code.UNAVAILABLE);
            }
            try {
                tasks.delete(task);
            } catch (Fault e) {
                assertThat(e.code()).as(e.getMessage()).isEqualTo(Fault.Code.NOT_FOUND);
            }
        }
        tasks.close();
        cleanUp();
        bed.close();
    }

    final TaskId create(String suffix, Map<String, String> annotations, String... command) {
        TaskId task = bed.task(suffix);
        made.add(task);
        tasks.create(new NewTask(
                task,
                null,
                HANDLER,
                bed.spec(task, annotations, command),
                List.of(),
                new NewTask.Stdio(false, false, bed.state.resolve(task.id() + ".log"))));
        return task;
    }

    final <T extends TaskEvent> T next(Class<T> kind) throws InterruptedException {
        while (true) {
            TaskEvent event = events.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
            assertThat(event).as("an event of kind " + kind.getSimpleName()).isNotNull();
            if (kind.isInstance(event)) {
                return kind.cast(event);
            }
        }
    }

    /** A condition that may take a moment. */
    interface Condition {
        boolean holds() throws Exception;
    }

    static void until(String what, Condition condition) throws Exception {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (!condition.holds()) {
            assertThat(ticker.since(start)).as("waiting until " + what).isLessThan(LIMIT);
            ticker.sleep(Duration.ofMillis(5));
        }
    }

    static boolean runs(int pid) throws IOException {
        return ProcStat.of(pid).filter(stat -> !stat.isZombie()).isPresent();
    }

    static void failsWith(Fault.Code code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        Fault.class,
                        e -> assertThat(e.code()).as(e.getMessage()).isEqualTo(code));
    }

    @Test
    void aContainerFromCreateToDelete() throws Exception {
        TaskId task = create("a", Map.of(), "sh", "-c", "echo out; echo err >&2; exit 7");
        assertThat(tasks.state(task).status()).isEqualTo(TaskState.Status.CREATED);
        assertThat(next(TaskEvent.Created.class).setup().bundle()).endsWith(task.id());
        int pid = tasks.start(task);
        assertThat(pid).isPositive();
        Exit exit = tasks.awaitExit(task, LIMIT).orElseThrow();
        assertThat(exit.status()).isEqualTo(7);
        var told = next(TaskEvent.Exited.class);
        assertThat(told.task()).isEqualTo(task);
        assertThat(told.execId()).isEmpty();
        assertThat(told.exit().status()).isEqualTo(7);
        assertThat(tasks.state(task).exit())
                .hasValueSatisfying(e -> assertThat(e.status()).isEqualTo(7));
        assertThat(tasks.drain(task, LIMIT)).isTrue();
        assertThat(bed.state.resolve(task.id() + ".log")).content().contains("out");
        assertThat(tasks.delete(task).status()).isEqualTo(7);
        failsWith(Fault.Code.NOT_FOUND, () -> tasks.delete(task));
        assertThat(bed.state.resolve("bundles/k8s.io").resolve(task.id())).doesNotExist();
    }

    private int run(TaskId task, Timeline timeline, String... command) throws Exception {
        return tasks.run(wanted(task, command), timeline);
    }

    final NewTask wanted(TaskId task, String... command) throws Exception {
        made.add(task);
        return new NewTask(
                task,
                null,
                HANDLER,
                bed.spec(task, command),
                List.of(),
                new NewTask.Stdio(false, false, bed.state.resolve(task.id() + ".log")));
    }

    final void runs(NewTask wanted, String output) throws Exception {
        TaskId task = wanted.task();
        assertThat(tasks.run(wanted, new Timeline(Ticker.system()))).isPositive();
        assertThat(tasks.awaitExit(task, LIMIT)).isPresent();
        assertThat(tasks.drain(task, LIMIT)).isTrue();
        assertThat(bed.state.resolve(task.id() + ".log")).content().contains(output);
        tasks.delete(task);
        assertThat(bundle(task)).doesNotExist();
    }

    final Path bundle(TaskId task) {
        return bed.state.resolve("bundles/k8s.io").resolve(task.id());
    }

    @Test
    void whatIsPreparedAndAskedForDifferentlyRunsAsItIsAsked() throws Exception {
        TaskId task = bed.task("asked");
        NewTask before = wanted(task, "echo", "before");
        tasks.prepare(before, before.spec().toJson());
        runs(wanted(task, "echo", "after"), "after");
    }

    @Test
    void whatIsPreparedAndNeverRunLeavesNothing() throws Exception {
        NewTask wanted = wanted(bed.task("never"), "true");
        tasks.prepare(wanted, wanted.spec().toJson());
        tasks.unprepare(wanted.task());
        assertThat(bundle(wanted.task())).doesNotExist();
        tasks.prepare(wanted, wanted.spec().toJson());
        failsWith(Fault.Code.NOT_FOUND, () -> tasks.delete(wanted.task()));
        assertThat(bundle(wanted.task())).doesNotExist();
        tasks.unprepare(wanted.task());
        runs(wanted(wanted.task(), "echo", "after all"), "after all");
    }

    @Test
    void aContainerRunsInOneCall() throws Exception {
        TaskId task = bed.task("one");
        Timeline timeline = new Timeline(Ticker.system());
        assertThat(run(task, timeline, "sh", "-c", "echo out; exit 7")).isPositive();
        assertThat(timeline.steps()).isNotEmpty().allSatisfy(step -> {
            assertThat(step.name()).isNotBlank();
            assertThat(step.micros()).isNotNegative();
        });
        assertThat(tasks.awaitExit(task, LIMIT).orElseThrow().status()).isEqualTo(7);
        assertThat(tasks.drain(task, LIMIT)).isTrue();
        assertThat(bed.state.resolve(task.id() + ".log")).content().contains("out");
        failsWith(Fault.Code.ALREADY_EXISTS, () -> run(task, timeline, "true"));
        assertThat(tasks.delete(task).status()).isEqualTo(7);
    }

    @Test
    void aRunThatFailsLeavesNothing() throws Exception {
        TaskId task = bed.task("bad");
        assertThatThrownBy(() -> run(task, new Timeline(Ticker.system()), "/no/such/command"))
                .isInstanceOf(Fault.class)
                .hasMessageContaining("no such file or directory");
        assertThat(tasks.list()).isEmpty();
        assertThat(bed.state.resolve("bundles/k8s.io").resolve(task.id())).doesNotExist();
        assertThat(run(task, new Timeline(Ticker.system()), "true")).isPositive();
    }

    @Test
    void whatRunsCanBeAskedChangedAndKilled() throws Exception {
        TaskId task = create("b", Map.of(), "sleep", "600");
        int pid = tasks.start(task);
        assertThat(tasks.state(task).status()).isEqualTo(TaskState.Status.RUNNING);
        assertThat(tasks.pids(task)).contains(pid);
        assertThat(tasks.stats(task).pids().current()).isPositive();
        assertThat(tasks.stats(task).memoryBytes()).isPositive();
        tasks.pause(task);
        assertThat(tasks.state(task).status()).isEqualTo(TaskState.Status.PAUSED);
        tasks.resume(task);
        assertThat(tasks.awaitExit(task, Duration.ofMillis(50))).isEmpty();
        tasks.kill(task, "", 9, false);
        assertThat(tasks.awaitExit(task, LIMIT).orElseThrow().status()).isEqualTo(137);
        failsWith(Fault.Code.NOT_FOUND, () -> tasks.kill(task, "", 9, false));
    }

    private static List<Integer> counted(Path log) throws IOException {
        return Files.exists(log)
                ? Files.readAllLines(log).stream()
                        .map(line -> Integer.valueOf(line.substring(line.lastIndexOf(' ') + 1)))
                        .toList()
                : List.of();
    }

    @Test
    void aCounterGoesOnFromACheckpoint() throws Exception {
        assumeTrue(
                Stream.of(System.getenv("PATH").split(":", -1))
                        .anyMatch(directory -> Files.isExecutable(Path.of(directory, "criu"))),
                "needs criu in PATH: verify/peers/build criu");
        String[] counter = {"sh", "-c", "seq 1 100000 | while read n; do echo $n; sleep 0.02; done"};
        TaskId first = create("k1", Map.of(), counter);
        tasks.start(first);
        Path log = bed.state.resolve(first.id() + ".log");
        until("it counts", () -> counted(log).size() >= 3);
        int before = counted(log).size();
        Path images = Files.createDirectory(bed.state.resolve("images"));
        Path work = Files.createDirectory(bed.state.resolve("work"));
        tasks.checkpoint(first, images, work, Duration.ZERO);
        assertThat(work.resolve("dump.log")).exists();
        assertThat(tasks.state(first).status()).isEqualTo(TaskState.Status.RUNNING);
        int after = counted(log).size();
        until("it counts on", () -> counted(log).size() >= after + 3);
        tasks.kill(first, "", 9, true);
        assertThat(tasks.awaitExit(first, LIMIT).orElseThrow().status()).isEqualTo(137);
        TaskId second = bed.task("k2");
        made.add(second);
        Path goesOn = bed.state.resolve(second.id() + ".log");
        tasks.create(new NewTask(
                second,
                null,
                HANDLER,
                bed.spec(second, counter),
                List.of(),
                new NewTask.Stdio(false, false, goesOn),
                images));
        assertThat(tasks.state(second).status()).isEqualTo(TaskState.Status.CREATED);
        assertThat(tasks.start(second)).isPositive();
        until("the second counts", () -> counted(goesOn).size() >= 3);
        List<Integer> numbers = counted(goesOn);
        assertThat(numbers.getFirst()).isBetween(before + 1, after + 1);
        assertThat(numbers)
                .isEqualTo(IntStream.range(0, numbers.size())
                        .mapToObj(i -> numbers.getFirst() + i)
                        .toList());
        assertThat(tasks.execSync(second, TestBed.process("echo", "inside"), LIMIT)
                        .stdout()
                        .toStringUtf8())
                .isEqualTo("inside\n");
        tasks.kill(second, "", 9, true);
        assertThat(tasks.awaitExit(second, LIMIT).orElseThrow().status()).isEqualTo(137);
        tasks.delete(second);
    }

    @Test
    void execSyncCollectsWhatACommandSays() throws Exception {
        TaskId task = create("c", Map.of(), "sleep", "600");
        tasks.start(task);
        ExecResult result = tasks.execSync(task, TestBed.process("sh", "-c", "echo one; echo two >&2; exit 3"), LIMIT);
        assertThat(result.exit().status()).isEqualTo(3);
        assertThat(result.stdout().toStringUtf8()).isEqualTo("one\n");
        assertThat(result.stderr().toStringUtf8()).isEqualTo("two\n");
        assertThat(tasks.execSync(task, TestBed.process("true"), Duration.ZERO).stdout())
                .isEmpty();
        try (var left =
                Files.newDirectoryStream(bed.state.resolve("bundles/k8s.io").resolve(task.id()), "exec-*")) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void eachStepIsToldOnce() throws Exception {
        TaskId task = create("t", Map.of(), "sleep", "600");
        tasks.start(task);
        tasks.execSync(task, TestBed.process("true"), LIMIT);
        tasks.kill(task, "", 9, false);
        tasks.awaitExit(task, LIMIT);
        tasks.delete(task);
        var told = new ArrayList<String>();
        do {
            told.add(kind(next(TaskEvent.class)));
        } while (!told.getLast().startsWith("Deleted"));
        assertThat(told)
                .containsExactly(
                        "Created", "Started", "ExecAdded exec", "Started exec", "Exited exec", "Exited", "Deleted");
    }

    private static String kind(TaskEvent event) {
        String execId = switch (event) {
            case TaskEvent.ExecAdded it -> it.execId();
            case TaskEvent.Started it -> it.execId();
            case TaskEvent.Exited it -> it.execId();
            case TaskEvent.Deleted it -> it.execId();
            case TaskEvent.Created _, TaskEvent.OutOfMemory _, TaskEvent.Paused _, TaskEvent.Resumed _ -> "";
        };
        return event.getClass().getSimpleName() + (execId.isEmpty() ? "" : " exec");
    }

    @Test
    void execSyncEndsAtItsDeadlineAndKillsTheCommand() throws Exception {
        TaskId task = create("d", Map.of(), "sleep", "600");
        tasks.start(task);
        int before = tasks.pids(task).size();
        failsWith(
                Fault.Code.DEADLINE_EXCEEDED,
                () -> tasks.execSync(task, TestBed.process("sleep", "300"), Duration.ofMillis(300)));
        assertThat(tasks.pids(task)).hasSize(before);
    }

    @Test
    void execSyncDoesNotHangOnGrandchildrenAndCapsItsOutput() throws Exception {
        TaskId task = create("e", Map.of(), "sleep", "600");
        tasks.start(task);
        ExecResult held = tasks.execSync(task, TestBed.process("sh", "-c", "echo said; sleep 300 & exit 0"), LIMIT);
        assertThat(held.stdout().toStringUtf8()).isEqualTo("said\n");
        ExecResult flood = tasks.execSync(task, TestBed.process("sh", "-c", "yes | head -c 20000000"), LIMIT);
        assertThat(flood.exit().status()).isZero();
        assertThat(flood.stdout().size()).isEqualTo(ExecSync.MAX_OUTPUT);
    }

    @Test
    void mistakesHaveTheirCodes() throws Exception {
        TaskId task = create("f", Map.of(), "sleep", "600");
        failsWith(Fault.Code.ALREADY_EXISTS, () -> create("f", Map.of(), "true"));
        tasks.start(task);
        failsWith(
                Fault.Code.INVALID_ARGUMENT,
                () -> tasks.create(new NewTask(
                        bed.task("x"),
                        null,
                        "nothing",
                        bed.spec(task, "true"),
                        List.of(),
                        new NewTask.Stdio(false, false, null))));
        assertThatThrownBy(() -> tasks.execSync(task, TestBed.process("/no/such/thing"), LIMIT))
                .isInstanceOf(Fault.class)
                .hasMessageContaining("no such file");
        failsWith(Fault.Code.NOT_FOUND, () -> tasks.execSync(bed.task("none"), TestBed.process("true"), LIMIT));
    }

    @Test
    void aCommandThatDoesNotExistLeavesNothing() throws Exception {
        TaskId task = bed.task("g");
        assertThatThrownBy(() -> create("g", Map.of(), "/no/such/command"))
                .isInstanceOf(Fault.class)
                .hasMessageContaining("no such file or directory");
        assertThat(tasks.list()).isEmpty();
        assertThat(bed.state.resolve("bundles/k8s.io").resolve(task.id())).doesNotExist();
    }
}
