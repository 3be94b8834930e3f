package dev.berth.shim;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.Signals;
import dev.berth.wire.shim.supervisor.PumpRequest;
import dev.berth.wire.shim.supervisor.PumpResponse;
import dev.berth.wire.shim.task.CloseIORequest;
import dev.berth.wire.shim.task.CreateTaskResponse;
import dev.berth.wire.shim.task.ExecProcessRequest;
import dev.berth.wire.shim.task.ResizePtyRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Containers that somebody types into, with real runtimes, also when the supervisor is killed meanwhile. */
class TerminalTest extends BusyboxNode {
    private static final String ECHO = "while read line; do echo \"got $line\"; done; echo end";

    @Override
    Node open(Path busybox) throws IOException, InterruptedException {
        return Node.outside(busybox);
    }

    private void pump(Node.Container container, String execId, Path directory, boolean terminal) {
        node.call(
                Node.SUPERVISOR,
                "Pump",
                PumpRequest.newBuilder()
                        .setNamespace(Node.NAMESPACE)
                        .setId(container.id())
                        .setExecId(execId)
                        .setStdout(directory.resolve("stdout").toString())
                        .setStderr(terminal ? "" : directory.resolve("stderr").toString())
                        .setLogPath(directory.resolve("log").toString())
                        .setTerminal(terminal)
                        .build(),
                PumpResponse.parser());
    }

    private Node.Container create(String runtime, boolean terminal, String script) throws IOException {
        Busybox.Config config = Busybox.config("sh", "-c", script);
        var container = node.container(terminal ? config.process(",\"terminal\":true") : config);
        pump(container, "", container.directory(), terminal);
        node.call(
                "Create",
                node.request(container, runtime)
                        .setStdin(container.directory().resolve("stdin").toString())
                        .setStderr(
                                terminal
                                        ? ""
                                        : container
                                                .directory()
                                                .resolve("stderr")
                                                .toString())
                        .setTerminal(terminal)
                        .build(),
                CreateTaskResponse.parser());
        node.start(container);
        return container;
    }

    private static void type(Path directory, String text) throws IOException {
        try (Fd client = Fifo.openWriter(directory.resolve("stdin"))) {
            client.write(text.getBytes(US_ASCII));
        }
    }

    /** A holder that another supervisor started is reaped by the machine's init, or whoever stands for it, in its time. */
    private void assertNothingLeft() throws Exception {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (true) {
            try {
                node.assertNothingLeft();
                return;
            } catch (AssertionError left) {
                if (ticker.since(start).compareTo(Node.LIMIT) > 0) {
                    throw left;
                }
                ticker.sleep(Duration.ofMillis(10));
            }
        }
    }

    private static void awaitText(Path log, String text) throws Exception {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (!Files.exists(log) || !Node.text(log).equals(text)) {
            assertThat(ticker.since(start))
                    .as(Files.exists(log) ? Node.text(log) : "no log")
                    .isLessThan(Node.LIMIT);
            ticker.sleep(Duration.ofMillis(10));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void anOpenInputGoesOn(String runtime) throws Exception {
        var container = create(runtime, false, ECHO);
        type(container.directory(), "one\n");
        awaitText(container.log(), "got one\n");
        node.crash();
        type(container.directory(), "two\n"); // the process runs on
        node.launch();
        type(container.directory(), "three\n");
        awaitText(container.log(), "got one\ngot two\ngot three\n");
        node.call(
                "CloseIO",
                CloseIORequest.newBuilder().setId(container.id()).setStdin(true).build(),
                Empty.parser());
        assertThat(node.await(container, "").getExitStatus()).isZero();
        assertThat(Node.text(container.log())).endsWith("got three\nend\n");
        node.delete(container, "");
        assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void aTerminalGoesOn(String runtime) throws Exception {
        var container =
                create(runtime, true, "stty -echo; tty; " + ECHO.replace("echo \"got", "stty size; echo \"got"));
        awaitText(container.log(), "/dev/pts/0\n");
        resize(container, 80, 24);
        type(container.directory(), "one\n");
        awaitText(container.log(), "/dev/pts/0\n24 80\ngot one\n");
        node.crash();
        node.launch();
        resize(container, 132, 43);
        type(container.directory(), "two\n");
        awaitText(container.log(), "/dev/pts/0\n24 80\ngot one\n43 132\ngot two\n");
        node.kill(container, Signals.KILL);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(137);
        node.delete(container, "");
        assertNothingLeft();
    }

    private void resize(Node.Container container, int width, int height) {
        ResizePtyRequest request = ResizePtyRequest.newBuilder()
                .setId(container.id())
                .setWidth(width)
                .setHeight(height)
                .build();
        node.call("ResizePty", request, Empty.parser());
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void anExecInATerminalGoesOn(String runtime) throws Exception {
        var container = create(runtime, false, "sleep 1000");
        Path place = Files.createDirectory(container.directory().resolve("exec"));
        Fifo.create(place.resolve("stdin"), 0600);
        Fifo.create(place.resolve("stdout"), 0600);
        pump(container, "e", place, true);
        var process =
                Busybox.config("sh", "-c", "stty -echo; echo ready; " + ECHO).process(",\"terminal\":true");
        node.call(
                "Exec",
                ExecProcessRequest.newBuilder()
                        .setId(container.id())
                        .setExecId("e")
                        .setTerminal(true)
                        .setStdin(place.resolve("stdin").toString())
                        .setStdout(place.resolve("stdout").toString())
                        .setSpec(Any.newBuilder().setValue(ByteString.copyFromUtf8(process.processJson())))
                        .build(),
                Empty.parser());
        node.start(container, "e");
        awaitText(place.resolve("log"), "ready\n"); // before, the terminal would show what is typed
        type(place, "one\n");
        awaitText(place.resolve("log"), "ready\ngot one\n");
        node.crash();
        node.launch();
        type(place, "two\n\004");
        assertThat(node.await(container, "e").getExitStatus()).isZero();
        assertThat(Node.text(place.resolve("log"))).isEqualTo("ready\ngot one\ngot two\nend\n");
        node.delete(container, "e");
        node.kill(container, Signals.KILL);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(137);
        node.delete(container, "");
        assertNothingLeft();
    }
}
