package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Signals;
import dev.berth.ttrpc.TtrpcStatus;
import dev.berth.wire.shim.supervisor.EventsRequest;
import dev.berth.wire.shim.types.Status;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The state of real containers is written down by runc and CRIU, and others go on from it. */
class CheckpointTest extends CriuNode {
    @Test
    void aCounterGoesOnFromWhereItWas() throws Exception {
        var first = counter();
        Path images = images("images");
        node.checkpoint(first, images, ENDS, Node.LIMIT);
        assertThat(node.await(first, "").getExitStatus()).isEqualTo(137);
        List<String> before = lines(first);
        assertCounts(before, 1);
        var second = restored(first, images);
        assertCounts(awaitLines(second, 5), before.size() + 1);
        List<String> file = Files.readAllLines(second.directory().resolve("upper/tmp/counted"));
        assertThat(file.size()).isGreaterThan(before.size());
        assertCounts(file, 1);
        node.delete(first, "");
        end(second);
        assertThat(node.topics(EventsRequest.getDefaultInstance(), 8))
                .containsExactly(
                        "/tasks/create",
                        "/tasks/start",
                        "/tasks/exit",
                        "/tasks/checkpointed",
                        "/tasks/create",
                        "/tasks/start",
                        "/tasks/delete",
                        "/tasks/exit");
        node.awaitNothingLeft();
    }

    @Test
    void theFirstRunsOnAndTheSecondCanBeWrittenDownAgain() throws Exception {
        var first = counter();
        var second = copied(first, images("one"));
        assertRunsOn(first);
        int last = lines(first).size();
        restored(second, images("one"), first);
        int begin = Integer.parseInt(awaitLines(second, 3).getFirst());
        assertThat(begin).isBetween(3, last);
        assertCounts(lines(second), begin);
        node.checkpoint(second, images("two"), ENDS, Node.LIMIT);
        assertThat(node.await(second, "").getExitStatus()).isEqualTo(137);
        int reached = begin + lines(second).size();
        var third = restored(second, images("two"));
        assertCounts(awaitLines(third, 3), reached);
        end(first);
        node.delete(second, "");
        end(third);
        node.awaitNothingLeft();
    }

    @Test
    void whatIsRestoredIsAContainerLikeOthers() throws Exception {
        var first = counter();
        var second = copied(first, images("images"));
        end(first);
        restored(second, images("images"), first);
        awaitLines(second, 3);
        Path log = node.exec(second, "e1", Busybox.config("sh", "-c", "cat /proc/1/comm; exit 3"));
        node.start(second, "e1");
        assertThat(node.await(second, "e1").getExitStatus()).isEqualTo(3);
        assertThat(Node.text(log)).isEqualTo("sh\n");
        node.delete(second, "e1");
        node.call("Pause", pause(second), com.google.protobuf.Empty.parser());
        assertThat(node.state(second).getStatus()).isEqualTo(Status.PAUSED);
        node.call("Resume", resume(second), com.google.protobuf.Empty.parser());
        awaitLines(second, lines(second).size() + 3);
        node.crash();
        node.launch();
        assertThat(node.state(second).getStatus()).isEqualTo(Status.RUNNING);
        awaitLines(second, lines(second).size() + 3);
        assertCounts(lines(second), Integer.parseInt(lines(second).getFirst()));
        node.kill(second, Signals.KILL);
        assertThat(node.await(second, "").getExitStatus()).isEqualTo(137);
        assertThat(node.exitSeen(second, "")).isTrue();
        node.delete(second, "");
        node.awaitNothingLeft();
    }

    @Test
    void itEndsWithItsOwnStatusAlsoWhileNoSupervisorRuns() throws Exception {
        String script = "trap 'exit 7' TERM; echo ready; while true; do sleep 0.02; done";
        var first = node.container(Busybox.config("sh", "-c", script));
        node.create(first, "runc");
        node.start(first);
        awaitLines(first, 1);
        node.checkpoint(first, images("images"), ENDS, Node.LIMIT);
        var second = like(first, Busybox.config("sh", "-c", script));
        node.createFrom(images("images"), second, "runc");
        int pid = node.start(second);
        node.crash();
        assertThat(Signals.send(pid, Signals.TERM)).isTrue();
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (Files.exists(Path.of("/proc", Integer.toString(pid)))) {
            assertThat(ticker.since(start)).as("its end").isLessThan(Node.LIMIT);
            ticker.sleep(Duration.ofMillis(10));
        }
        node.launch();
        assertThat(node.await(second, "").getExitStatus()).isEqualTo(7);
        assertThat(lines(second)).isEmpty();
        node.delete(first, "");
        node.delete(second, "");
        node.awaitNothingLeft();
    }

    @Test
    void whatIsPausedStaysPausedAndIsRestoredRunning() throws Exception {
        var first = counter();
        node.call("Pause", pause(first), com.google.protobuf.Empty.parser());
        int before = lines(first).size();
        node.checkpoint(first, images("images"), RUNS_ON, Node.LIMIT);
        assertThat(node.state(first).getStatus()).isEqualTo(Status.PAUSED);
        var second = restored(first, images("images"));
        assertCounts(awaitLines(second, 5), before + 1);
        assertThat(lines(first)).as("the first stands still").hasSize(before);
        end(second);
        end(first);
        node.awaitNothingLeft();
    }

    @Test
    void oneThatIsLateIsTakenBack() throws Exception {
        var container = counter();
        for (int millis : List.of(1, 30, 60, 90, 120, 150, 180)) {
            try {
                node.checkpoint(container, images("late" + millis), RUNS_ON, Duration.ofMillis(millis));
            } catch (TtrpcStatus e) {
                assertThat(e.code()).as(e.getMessage()).isEqualTo(TtrpcStatus.Code.DEADLINE_EXCEEDED);
            }
            assertRunsOn(container);
        }
        node.checkpoint(container, images("in time"), ENDS, Node.LIMIT);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(137);
        var second = restored(container, images("in time"));
        assertCounts(awaitLines(second, 3), lines(container).size() + 1);
        node.delete(container, "");
        end(second);
        node.awaitNothingLeft();
    }

    @Test
    void oneThatIsKilledMeanwhileIsToldToHaveEnded() throws Exception {
        for (int millis : List.of(1, 30, 60, 90, 120, 150, 180)) {
            var container = counter();
            Path images = images("killed" + millis);
            Thread killer = Thread.ofVirtual().start(() -> {
                try {
                    Ticker.system().sleep(Duration.ofMillis(millis));
                    node.kill(container, Signals.KILL);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            try {
                node.checkpoint(container, images, RUNS_ON, Node.LIMIT);
            } catch (TtrpcStatus e) {
                assertThat(e.code()).as(e.getMessage()).isEqualTo(TtrpcStatus.Code.FAILED_PRECONDITION);
                assertThat(e.getMessage()).containsAnyOf("it has ended meanwhile", "it is stopped");
            }
            killer.join();
            assertThat(node.await(container, "").getExitStatus()).isEqualTo(137);
            node.delete(container, "");
        }
        node.awaitNothingLeft();
    }

    /** Its first process cannot end before CRIU lets go of the others, and CRIU, which stands still here, waits for the first. */
    @Test
    void oneThatIsKilledWhileItIsHeldIsToldToHaveEnded() throws Exception {
        var container = counter();
        int init = node.state(container).getPid();
        var killer = new FutureTask<>(() -> {
            int holder = tracer(init);
            while (holder == 0) {
                holder = tracer(init);
            }
            boolean held = Signals.send(holder, Signals.STOP);
            node.kill(container, Signals.KILL);
            return held;
        });
        Thread.startVirtualThread(killer);
        assertThatThrownBy(() -> node.checkpoint(container, images("held"), RUNS_ON, Node.LIMIT))
                .hasMessageContaining("FAILED_PRECONDITION")
                .hasMessageContaining("it has ended meanwhile");
        assertThat(killer.get()).isTrue();
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(137);
        node.delete(container, "");
        node.awaitNothingLeft();
    }

    private static int tracer(int pid) {
        try (Stream<String> lines = Files.lines(Path.of("/proc/" + pid + "/status"))) {
            return lines.filter(line -> line.startsWith("TracerPid:"))
                    .mapToInt(line -> Integer.parseInt(line.replaceAll("\\D+", "")))
                    .sum();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void onlyWhatRunsHasAState() throws Exception {
        var container = node.container(Busybox.config("true"));
        node.create(container, "runc");
        assertThatThrownBy(() -> node.checkpoint(container, images("created"), RUNS_ON, Node.LIMIT))
                .hasMessageContaining("FAILED_PRECONDITION")
                .hasMessageContaining("it is created");
        node.start(container);
        node.await(container, "");
        assertThatThrownBy(() -> node.checkpoint(container, images("stopped"), RUNS_ON, Node.LIMIT))
                .hasMessageContaining("FAILED_PRECONDITION")
                .hasMessageContaining("it is stopped");
        var second = node.container(Busybox.config("true"));
        assertThatThrownBy(() -> node.createFrom(images("created"), second, "runc"))
                .hasMessageContaining("NOT_FOUND")
                .hasMessageContaining("there is no checkpoint in");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void aRestoreThatFailsLeavesATaskThatCanBeStartedAgainOrDeleted() throws Exception {
        var first = counter();
        node.checkpoint(first, images("images"), ENDS, Node.LIMIT);
        var second = node.container(Busybox.config("sh", "-c", COUNTER)); // without the file that is open
        node.createFrom(images("images"), second, "runc");
        assertThatThrownBy(() -> node.start(second))
                .hasMessageContaining("criu says")
                .hasMessageContaining("tmp/counted");
        assertThat(node.state(second).getStatus()).isEqualTo(Status.CREATED);
        copyFiles(first, second);
        assertThat(node.start(second)).isPositive();
        int said = lines(second).size(); // the runtime's words go where the container's go
        List<String> after = awaitLines(second, said + 3).stream()
                .filter(line -> line.matches("\\d+"))
                .toList();
        assertThat(after).isNotEmpty();
        assertCounts(after, lines(first).size() + 1);
        end(second);
        var third = node.container(Busybox.config("sh", "-c", COUNTER));
        node.createFrom(images("images"), third, "runc");
        node.delete(third, "");
        node.delete(first, "");
        node.awaitNothingLeft();
    }

    @Test
    void whatWasNotStartedBeforeTheSupervisorDiedIsGone() throws Exception {
        var first = counter();
        node.checkpoint(first, images("images"), ENDS, Node.LIMIT);
        var second = like(first, Busybox.config("sh", "-c", COUNTER));
        node.createFrom(images("images"), second, "runc");
        node.crash();
        node.launch();
        assertThatThrownBy(() -> node.state(second)).hasMessageContaining("NOT_FOUND");
        node.createFrom(images("images"), second, "runc");
        node.start(second);
        awaitLines(second, 3);
        node.delete(first, "");
        end(second);
        node.awaitNothingLeft();
    }

    @Test
    void aRuntimeWithoutItSaysSo() throws Exception {
        Process version = new ProcessBuilder("crun", "--version").start();
        String features = new String(version.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assumeTrue(!features.contains("+CRIU"), "needs a crun without CRIU");
        var container = node.container(Busybox.config("sleep", "1000"));
        node.create(container, "crun");
        node.start(container);
        assertThatThrownBy(() -> node.checkpoint(container, images("images"), RUNS_ON, Node.LIMIT))
                .hasMessageContaining("FAILED_PRECONDITION")
                .hasMessageContaining("is built without CRIU");
        assertThat(node.state(container).getStatus()).isEqualTo(Status.RUNNING);
        end(container);
        node.assertNothingLeft();
    }

    /** Else whoever describes a container could have any program of the node run as its root. */
    @Test
    void aContainerDoesNotChooseTheOptionsOfCriu() throws Exception {
        Path script = node.directory.resolve("action");
        Files.writeString(script, "#!/bin/sh\necho ran >> " + node.directory.resolve("ran") + "\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
        Path options = node.directory.resolve("options");
        Files.writeString(options, "action-script " + script + "\n");
        var config = Busybox.config("sh", "-c", COUNTER)
                .more(",\"annotations\":{\"a\":\"kept\",\"org.criu.config\":\"" + options + "\"}");
        var first = node.container(config);
        node.create(first, "runc");
        node.start(first);
        awaitLines(first, 3);
        Path work = node.directory.resolve("state/shim/work").resolve(Node.NAMESPACE);
        assertThat(work.resolve(first.id()).resolve("config.json"))
                .content()
                .contains("\"a\":\"kept\"")
                .doesNotContain("criu");
        node.checkpoint(first, images("images"), ENDS, Node.LIMIT);
        var second = restored(like(first, config), images("images"), first);
        awaitLines(second, 3);
        assertThat(node.directory.resolve("ran")).doesNotExist();
        node.delete(first, "");
        end(second);
        node.awaitNothingLeft();
    }
}
