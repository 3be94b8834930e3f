package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The real thing: Debian's containerd-shim-runc-v2 with real containers. */
class RuncShimTest extends TasksContract {
    private @Nullable FakeSupervisor supervisor;

    RuncShimTest() throws Exception {}

    @Override
    void prepare() throws Exception {
        assumeTrue(Files.isExecutable(TestBed.RUNC_SHIM), "needs " + TestBed.RUNC_SHIM);
        supervisor = new FakeSupervisor(bed.state, "");
    }

    @Override
    TasksConfig config() {
        var runc = new Handler.Foreign(
                TestBed.RUNC_SHIM,
                Handler.ShimOptions.runc("runc", bed.state.resolve("runc").toString(), false),
                Handler.Bootstrapping.DETECT);
        return bed.config(Map.of(HANDLER, runc));
    }

    @Override
    void cleanUp() {
        if (supervisor != null) {
            supervisor.close();
        }
    }

    @Test
    void tasksOfOnePodShareAShim() throws Exception {
        Map<String, String> pod = Map.of("io.kubernetes.cri.sandbox-id", bed.name + "pod");
        TaskId first = create("h1", pod, "sleep", "600");
        TaskId second = create("h2", pod, "sleep", "600");
        assertThat(address(first)).isEqualTo(address(second));
        tasks.start(first);
        tasks.start(second);
        tasks.kill(first, "", 9, false);
        tasks.awaitExit(first, LIMIT);
        tasks.delete(first);
        assertThat(tasks.state(second).status()).isEqualTo(TaskState.Status.RUNNING);
    }

    private Path address(TaskId task) throws Exception {
        return java.util.Objects.requireNonNull(
                        ShimAddress.load(bed.state.resolve("bundles/k8s.io").resolve(task.id())))
                .socket();
    }

    @Test
    void aRestartedDaemonFindsItsTasks() throws Exception {
        TaskId running = create("i1", Map.of(), "sleep", "600");
        tasks.start(running);
        TaskId ended = create("i2", Map.of(), "sh", "-c", "exit 5");
        tasks.start(ended);
        next(TaskEvent.Exited.class);
        reopen();
        assertThat(tasks.list())
                .extracting(TaskState::task, TaskState::status)
                .containsExactlyInAnyOrder(
                        org.assertj.core.groups.Tuple.tuple(running, TaskState.Status.RUNNING),
                        org.assertj.core.groups.Tuple.tuple(ended, TaskState.Status.STOPPED));
        assertThat(tasks.delete(ended).status()).isEqualTo(5);
        tasks.kill(running, "", 15, false);
        tasks.kill(running, "", 9, false);
        TaskId told = next(TaskEvent.Exited.class).task();
        if (told.equals(ended)) { // once more, since its shim had no answer before the daemon went
            told = next(TaskEvent.Exited.class).task();
        }
        assertThat(told).isEqualTo(running);
    }

    @Test
    void aShimThatDiesEndsItsTasks() throws Exception {
        TaskId task = create("j", Map.of(), "sleep", "600");
        int pid = tasks.start(task);
        int shim = tasks.state(task).pid() == pid
                ? dev.berth.linux.ProcStat.of(pid).orElseThrow().parent()
                : 0;
        dev.berth.linux.Signals.send(shim, 9);
        var exited = next(TaskEvent.Exited.class);
        assertThat(exited.task()).isEqualTo(task);
        assertThat(exited.exit().status()).isEqualTo(255);
        assertThat(exited.exit().known()).as("nobody saw its end").isFalse();
        until("its process is dead", () -> !runs(pid));
    }
}
