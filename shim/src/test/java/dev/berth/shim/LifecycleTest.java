package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.protobuf.Empty;
import dev.berth.linux.Signals;
import dev.berth.ttrpc.TtrpcStatus;
import dev.berth.wire.shim.supervisor.RunExecResponse;
import dev.berth.wire.shim.task.PauseRequest;
import dev.berth.wire.shim.task.ResumeRequest;
import dev.berth.wire.shim.types.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The life of a container with real runtimes, as a client sees it. */
class LifecycleTest extends BusyboxNode {
    @Override
    Node open(Path busybox) throws IOException, InterruptedException {
        return Node.inside(busybox);
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void runsToItsEnd(String runtime) throws Exception {
        var container = node.container(Busybox.config("sh", "-c", "echo hello; echo oops >&2; exit 7"));
        int pid = node.create(container, runtime);
        assertThat(node.state(container).getStatus()).isEqualTo(Status.CREATED);
        assertThat(node.start(container)).isEqualTo(pid);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(7);
        assertThat(node.state(container).getStatus()).isEqualTo(Status.STOPPED);
        assertThat(Node.text(container.log()))
                .contains("hello\n")
                .contains("oops\n")
                .hasSize(11);
        assertThat(node.delete(container, "").getExitStatus()).isEqualTo(7);
        assertThatThrownBy(() -> node.state(container))
                .isInstanceOfSatisfying(
                        TtrpcStatus.class, e -> assertThat(e.code()).isEqualTo(TtrpcStatus.Code.NOT_FOUND));
        node.assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void isKilled(String runtime) throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        node.create(container, runtime);
        node.start(container);
        assertThat(node.state(container).getStatus()).isEqualTo(Status.RUNNING);
        node.kill(container, Signals.KILL);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(137);
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void runsFurtherProcesses(String runtime) throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        node.create(container, runtime);
        node.start(container);
        Path log = node.exec(container, "e1", Busybox.config("sh", "-c", "echo from exec; exit 3"));
        node.start(container, "e1");
        assertThat(node.await(container, "e1").getExitStatus()).isEqualTo(3);
        assertThat(Node.text(log)).isEqualTo("from exec\n");
        assertThat(node.delete(container, "e1").getExitStatus()).isEqualTo(3);
        node.kill(container, Signals.KILL);
        node.await(container, "");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void saysWhenACommandIsNotThere(String runtime) throws Exception {
        var missing = node.container(Busybox.config("nonsense"));
        assertThatThrownBy(() -> node.create(missing, runtime))
                .hasMessageContaining("exec: \"nonsense\": executable file not found in $PATH");
        var forbidden = node.container(Busybox.config("/notexec"));
        assertThatThrownBy(() -> node.create(forbidden, runtime))
                .hasMessageContaining("exec: \"/notexec\": permission denied");
        node.assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void runsFurtherProcessesInOneCall(String runtime) throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        node.create(container, runtime);
        node.start(container);
        RunExecResponse quick = node.runExec(container, "e1", Busybox.config("sh", "-c", "echo from exec; exit 3"), 0);
        assertThat(quick.getEnded()).isTrue();
        assertThat(quick.getExitStatus()).isEqualTo(3);
        assertThat(quick.getExitUnknown()).isFalse();
        assertThat(Node.text(container.directory().resolve("exec-e1/log"))).isEqualTo("from exec\n");
        assertThatThrownBy(() -> node.delete(container, "e1")).hasMessageContaining("e1"); // it is removed already

        assertThat(node.runExec(container, "e2", Busybox.config("sleep", "1000"), 50)
                        .getEnded())
                .isFalse();
        assertThatThrownBy(() -> node.delete(container, "e2")).hasMessageContaining("running");

        assertThatThrownBy(() -> node.runExec(container, "e3", Busybox.config("nonsense"), 0))
                .hasMessageContaining("nonsense");
        assertThatThrownBy(() -> node.delete(container, "e3")).hasMessageContaining("e3");

        node.kill(container, Signals.KILL);
        assertThat(node.await(container, "e2").getExitStatus()).isEqualTo(137);
        node.delete(container, "e2");
        node.await(container, "");
        node.delete(container, "");
        node.awaitNothingLeft();
    }

    /** The end may be known to the runtime before it is to us, at any of these moments, or to both. */
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void noProcessBeginsInAContainerThatHasEnded(String runtime) throws Exception {
        for (int round = 0; round < 5; round++) {
            var container = node.container(Busybox.config("sleep", "1000"));
            node.create(container, runtime);
            node.start(container);
            node.exec(container, "e1", Busybox.config("true"));
            node.kill(container, Signals.KILL);
            try {
                node.start(container, "e1"); // it was quicker than the signal
            } catch (TtrpcStatus e) {
                assertThat(e.code()).as(e.getMessage()).isEqualTo(TtrpcStatus.Code.FAILED_PRECONDITION);
                assertThat(e).hasMessageContaining("the container has ended");
            }
            node.await(container, "");
            node.delete(container, "");
        }
        node.awaitNothingLeft();
    }

    /** With crun on version 1 it is a thread of ours that enters its cgroups, and would stand still there with all others. */
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void noProcessBeginsInAContainerThatIsPaused(String runtime) throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        node.create(container, runtime);
        node.start(container);
        node.exec(container, "e1", Busybox.config("true"));
        pause(container);
        assertThatThrownBy(() -> node.start(container, "e1"))
                .hasMessageContaining("FAILED_PRECONDITION")
                .hasMessageContaining("it is paused");
        assertThatThrownBy(() -> node.runExec(container, "e2", Busybox.config("true"), 60_000))
                .hasMessageContaining("FAILED_PRECONDITION")
                .hasMessageContaining("it is paused");
        assertThat(node.state(container).getStatus()).isEqualTo(Status.PAUSED);
        resume(container);
        node.start(container, "e1");
        assertThat(node.await(container, "e1").getExitStatus()).isZero();
        node.delete(container, "e1");
        end(container);
    }

    @Test
    void noProcessBeginsInACgroupThatSomebodyHasFrozen() throws Exception {
        Path freezer = Path.of("/sys/fs/cgroup/freezer");
        assumeTrue(Files.exists(freezer), "the freezer is not in a hierarchy of its own");
        var container = node.container(Busybox.config("sleep", "1000"));
        node.create(container, "crun");
        node.start(container);
        Path state = freezer.resolve(node.mark).resolve(container.id()).resolve("freezer.state");
        Files.writeString(state, "FROZEN");
        try {
            assertThatThrownBy(() -> node.runExec(container, "e1", Busybox.config("true"), 60_000))
                    .hasMessageContaining("FAILED_PRECONDITION")
                    .hasMessageContaining("its cgroup is frozen");
        } finally {
            Files.writeString(state, "THAWED");
        }
        assertThat(node.runExec(container, "e2", Busybox.config("true"), 60_000).getExitStatus())
                .isZero();
        end(container);
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void pausesAmongFurtherProcessesHinderNobodyForEver(String runtime) throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        node.create(container, runtime);
        node.start(container);
        var over = new AtomicBoolean();
        var refusals = new ConcurrentLinkedQueue<TtrpcStatus>();
        try (var callers = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Integer>> storms = IntStream.range(0, 3)
                    .mapToObj(storm -> callers.submit(() -> storm(container, "e" + storm + "-", over, refusals)))
                    .toList();
            for (int round = 0; round < 20; round++) {
                pause(container);
                assertThat(node.state(container).getStatus()).isEqualTo(Status.PAUSED);
                resume(container);
                assertThat(node.state(container).getStatus()).isEqualTo(Status.RUNNING);
            }
            over.set(true);
            for (Future<Integer> storm : storms) {
                assertThat(storm.get()).as("commands that ran").isPositive();
            }
        }
        assertThat(refusals)
                .allSatisfy(refusal -> assertThat(refusal.code())
                        .as(refusal.getMessage())
                        .isEqualTo(TtrpcStatus.Code.FAILED_PRECONDITION));
        end(container);
    }

    /** One command after the other, the last when all is calm again; answers how many ran. */
    private int storm(Node.Container container, String prefix, AtomicBoolean over, Queue<TtrpcStatus> refusals)
            throws IOException {
        int ran = 0;
        boolean last;
        int number = 0;
        do {
            last = over.get();
            try {
                RunExecResponse done = node.runExec(container, prefix + number++, Busybox.config("true"), 60_000);
                assertThat(done.getExitStatus()).isZero();
                ran++;
            } catch (TtrpcStatus refusal) {
                refusals.add(refusal);
            }
        } while (!last);
        return ran;
    }

    private void pause(Node.Container container) {
        node.call("Pause", PauseRequest.newBuilder().setId(container.id()).build(), Empty.parser());
    }

    private void resume(Node.Container container) {
        node.call("Resume", ResumeRequest.newBuilder().setId(container.id()).build(), Empty.parser());
    }

    private void end(Node.Container container) throws Exception {
        node.kill(container, Signals.KILL);
        node.await(container, "");
        node.delete(container, "");
        node.awaitNothingLeft();
    }
}
