package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Signals;
import dev.berth.wire.shim.options.CheckpointOptions;
import dev.berth.wire.shim.types.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;

/** Tests of containers whose state is written down by runc and CRIU, and of others that go on from it. */
abstract class CriuNode extends BusyboxNode {
    /** Two processes with a pipe between them in which there is something, and a file. The first to count is the second. */
    static final String COUNTER =
            "seq 1 100000 | while read n; do echo $n >&3; echo $n; sleep 0.02; done 3>/tmp/counted";

    static final CheckpointOptions RUNS_ON = CheckpointOptions.getDefaultInstance();
    static final CheckpointOptions ENDS =
            CheckpointOptions.newBuilder().setExit(true).build();

    static boolean hasCriu() {
        return Stream.of(System.getenv("PATH").split(":", -1))
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, "criu")));
    }

    @Override
    Node open(Path busybox) throws IOException, InterruptedException {
        return Node.outside(busybox);
    }

    @BeforeAll
    static void needs() {
        assumeTrue(Files.isExecutable(Path.of("/usr/sbin/runc")), "needs /usr/sbin/runc");
        assumeTrue(hasCriu(), "needs criu in PATH: verify/peers/build criu");
    }

    Path images(String name) {
        return node.directory.resolve(name);
    }

    Node.Container counter() throws Exception {
        var container = node.container(Busybox.config("sh", "-c", COUNTER));
        node.create(container, "runc");
        node.start(container);
        awaitLines(container, 3);
        return container;
    }

    /** A second one with what the first has written. */
    Node.Container like(Node.Container first, Busybox.Config config) throws Exception {
        var second = node.container(config);
        copyFiles(first, second);
        return second;
    }

    static void copyFiles(Node.Container first, Node.Container second) throws Exception {
        Path upper = first.directory().resolve("upper");
        run("cp", "-a", upper + "/.", second.directory().resolve("upper").toString());
    }

    /** One whose first has ended. */
    Node.Container restored(Node.Container first, Path images) throws Exception {
        return restored(like(first, Busybox.config("sh", "-c", COUNTER)), images, first);
    }

    /** The state and the files of one moment; it runs on. */
    Node.Container copied(Node.Container first, Path images) throws Exception {
        node.call("Pause", pause(first), com.google.protobuf.Empty.parser());
        node.checkpoint(first, images, RUNS_ON, Node.LIMIT);
        assertThat(node.state(first).getStatus()).isEqualTo(Status.PAUSED);
        var second = like(first, Busybox.config("sh", "-c", COUNTER));
        node.call("Resume", resume(first), com.google.protobuf.Empty.parser());
        return second;
    }

    Node.Container restored(Node.Container second, Path images, Node.Container first) throws Exception {
        assertThat(second.id()).isNotEqualTo(first.id());
        node.createFrom(images, second, "runc");
        assertThat(node.state(second).getStatus()).isEqualTo(Status.CREATED);
        assertThat(node.start(second)).isPositive();
        return second;
    }

    static void run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertThat(process.waitFor()).as(String.join(" ", command)).isZero();
    }

    static List<String> lines(Node.Container container) throws IOException {
        return Files.exists(container.log())
                ? Node.text(container.log()).lines().toList()
                : List.of();
    }

    static List<String> awaitLines(Node.Container container, int count) throws Exception {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (lines(container).size() < count) {
            assertThat(ticker.since(start))
                    .as("waiting for lines in the log of " + container.id())
                    .isLessThan(Node.LIMIT);
            ticker.sleep(Duration.ofMillis(10));
        }
        return lines(container);
    }

    /** Every number from the first to the last. */
    static void assertCounts(List<String> lines, int first) {
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            wanted.add(Integer.toString(first + i));
        }
        assertThat(lines).isEqualTo(wanted);
    }

    void assertRunsOn(Node.Container container) throws Exception {
        assertThat(node.state(container).getStatus()).isEqualTo(Status.RUNNING);
        awaitLines(container, lines(container).size() + 3);
        assertCounts(lines(container), 1);
    }

    void end(Node.Container container) {
        node.kill(container, Signals.KILL);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(137);
        node.delete(container, "");
    }

    static dev.berth.wire.shim.task.PauseRequest pause(Node.Container container) {
        return dev.berth.wire.shim.task.PauseRequest.newBuilder()
                .setId(container.id())
                .build();
    }

    static dev.berth.wire.shim.task.ResumeRequest resume(Node.Container container) {
        return dev.berth.wire.shim.task.ResumeRequest.newBuilder()
                .setId(container.id())
                .build();
    }
}
