package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Mounts;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Signals;
import dev.berth.wire.shim.supervisor.Event;
import dev.berth.wire.shim.supervisor.EventsRequest;
import dev.berth.wire.shim.types.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A supervisor is killed; the next one goes on. */
class AdoptionTest extends BusyboxNode {
    @Override
    Node open(Path busybox) throws IOException, InterruptedException {
        return Node.outside(busybox);
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void aRunningContainerGoesOn(String runtime) throws Exception {
        var container = node.container(
                Busybox.config("sh", "-c", "echo one; while [ ! -e /go ]; do sleep 0.05; done; echo two; exit 9"));
        int pid = node.create(container, runtime);
        node.start(container);
        awaitText(container.log(), "one\n");
        node.crash();
        assertThat(Files.exists(Path.of("/proc/" + pid))).isTrue();
        node.launch();
        assertThat(node.state(container).getStatus()).isEqualTo(Status.RUNNING);
        assertThat(node.state(container).getPid()).isEqualTo(pid);
        go(pid);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(9);
        assertThat(Node.text(container.log())).isEqualTo("one\ntwo\n");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void anExitInBetweenIsToldRight() throws Exception {
        var container = node.container(
                Busybox.config("sh", "-c", "while [ ! -e /go ]; do sleep 0.05; done; echo late; exit 11"));
        int pid = node.create(container, "crun");
        node.start(container);
        assertThat(isKept(container.id())).isTrue();
        node.crash();
        go(pid);
        until(() -> !Files.exists(Path.of("/proc/" + pid)));
        node.launch();
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(11);
        node.delete(container, "");
        node.assertNothingLeft();
    }

    /** The first thing that a program does is to kill the supervisor, the second is to end. */
    @Test
    void anExitAtTheBeginningIsToldRight() throws Exception {
        for (int round = 0; round < 5; round++) {
            var container = node.container(Busybox.config("sh", "-c", "kill -9 " + node.pid() + "; exit 13")
                    .namespaces("{\"type\":\"mount\"}"));
            int pid = node.create(container, "crun");
            Throwable _ = catchThrowable(() -> node.start(container)); // it may still have answered
            node.awaitCrash();
            until(() -> !Files.exists(Path.of("/proc/" + pid)));
            node.launch();
            assertThat(node.await(container, "").getExitStatus()).isEqualTo(13);
            node.delete(container, "");
        }
        node.assertNothingLeft();
    }

    @Test
    void anEndThatNobodySawIsToldAsSuch() throws Exception {
        var lost = node.container(Busybox.config("sh", "-c", "while [ ! -e /go ]; do sleep 0.05; done; exit 11"));
        int pid = node.create(lost, "crun");
        node.start(lost);
        var seen = node.container(Busybox.config("sh", "-c", "exit 255"));
        node.create(seen, "crun");
        node.start(seen);
        node.await(seen, "");
        assertThat(isKept(lost.id())).isTrue();
        node.crash();
        Files.delete(handle(lost.id())); // as on a kernel that keeps no handles
        go(pid);
        until(() -> !Files.exists(Path.of("/proc/" + pid)));
        node.launch();
        assertThat(node.await(lost, "").getExitStatus()).isEqualTo(255);
        assertThat(node.exitSeen(lost, "")).isFalse();
        assertThat(node.exitSeen(seen, "")).isTrue();
        assertThat(node.summaries())
                .anySatisfy(task -> assertThat(task).matches(t -> t.getId().equals(lost.id()) && t.getExitUnknown()))
                .anySatisfy(task -> assertThat(task).matches(t -> t.getId().equals(seen.id()) && !t.getExitUnknown()));
        assertThat(node.events(EventsRequest.getDefaultInstance(), 6).stream()
                        .filter(event -> event.getEnvelope().getTopic().equals("/tasks/exit"))
                        .map(Event::getExitUnknown))
                .containsExactly(false, true);
        node.crash();
        node.launch();
        assertThat(node.exitSeen(lost, "")).as("it is in the journal").isFalse();
        node.delete(lost, "");
        node.delete(seen, "");
        node.assertNothingLeft();
    }

    @Test
    void anExecGoesOn() throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        int pid = node.create(container, "crun");
        node.start(container);
        Path log = node.exec(
                container,
                "e1",
                Busybox.config("sh", "-c", "echo a; while [ ! -e /go ]; do sleep 0.05; done; echo b; exit 5"));
        node.start(container, "e1");
        awaitText(log, "a\n");
        node.exec(container, "e2", Busybox.config("true"));
        node.crash();
        node.launch();
        go(pid);
        assertThat(node.await(container, "e1").getExitStatus()).isEqualTo(5);
        assertThat(Node.text(log)).isEqualTo("a\nb\n");
        node.start(container, "e2");
        assertThat(node.await(container, "e2").getExitStatus()).isZero();
        node.kill(container, Signals.KILL);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(137);
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void aCreatedContainerCanStillBeStarted() throws Exception {
        var container = node.container(Busybox.config("sh", "-c", "exit 4"));
        node.create(container, "runc");
        node.crash();
        node.launch();
        node.start(container);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(4);
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void aCreationCutOffIsUndoneAndCanBeRepeated() throws Exception {
        node.close();
        Path runtime = root.resolve("slow-crun");
        Path busy = root.resolve("busy");
        Files.writeString(runtime, """
                #!/bin/sh
                for word in "$@"; do
                  [ "$word" = create ] && [ -e BUSY ] && { : > BUSY.now; sleep 3; }
                done
                crun "$@"
                """.replace("BUSY", busy.toString()));
        Files.setPosixFilePermissions(runtime, PosixFilePermissions.fromString("rwx------"));
        node = Node.outside(root, "--runtime", "slow=" + runtime);
        Files.createFile(busy);
        var container = node.container(Busybox.config("sh", "-c", "exit 8"));
        Thread creator = Thread.ofVirtual().start(() -> assertThatThrownBy(() -> node.create(container, "slow")));
        until(() -> Files.exists(Path.of(busy + ".now")));
        node.crash();
        creator.join();
        Files.delete(busy);
        node.launch();
        node.create(container, "slow");
        node.start(container);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(8);
        node.delete(container, "");
        node.assertNothingLeft();
    }

    /** Makes the file that the container waits for. */
    private static void go(int pid) throws IOException {
        Files.createFile(Path.of("/proc/" + pid + "/root/go"));
    }

    private Path handle(String id) {
        return node.directory.resolve("state/shim/vault/processes/k8s.io").resolve(id);
    }

    /** There is a plain file first, over which the handle is mounted where only the vault sees it. */
    private boolean isKept(String id) throws Exception {
        String place = handle(id).toString();
        try (Fd vault = Namespaces.open(node.directory.resolve("state/shim/vault.ns"))) {
            return Namespaces.enter(
                    List.of(vault),
                    () -> Mounts.list().stream()
                            .anyMatch(mount -> mount.target().equals(place)));
        }
    }

    private static void awaitText(Path log, String text) throws Exception {
        until(() -> Files.exists(log) && Node.text(log).equals(text));
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void until(Condition condition) throws Exception {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (!condition.holds()) {
            assertThat(ticker.since(start)).isLessThan(Node.LIMIT);
            ticker.sleep(Duration.ofMillis(10));
        }
    }
}
