package dev.berth.shim;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.wire.shim.supervisor.PumpRequest;
import dev.berth.wire.shim.supervisor.PumpResponse;
import dev.berth.wire.shim.task.CreateTaskRequest;
import dev.berth.wire.shim.task.CreateTaskResponse;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A container with a terminal goes on in another one. */
class CheckpointedTerminalTest extends CriuNode {
    private static final String ECHO = "stty -echo; echo ready; while read line; do echo \"got $line\"; done";

    private Busybox.Config echo() {
        return Busybox.config("sh", "-c", ECHO).process(",\"terminal\":true");
    }

    private CreateTaskRequest.Builder request(Node.Container container) {
        node.call(
                Node.SUPERVISOR,
                "Pump",
                PumpRequest.newBuilder()
                        .setNamespace(Node.NAMESPACE)
                        .setId(container.id())
                        .setStdout(container.directory().resolve("stdout").toString())
                        .setLogPath(container.log().toString())
                        .setTerminal(true)
                        .build(),
                PumpResponse.parser());
        return node.request(container, "runc")
                .setStdin(container.directory().resolve("stdin").toString())
                .setStderr("")
                .setTerminal(true);
    }

    private static void type(Node.Container container, String text) throws IOException {
        try (Fd client = Fifo.openWriter(container.directory().resolve("stdin"))) {
            client.write(text.getBytes(US_ASCII));
        }
    }

    @Test
    void itsInputAndOutputAreThoseOfTheOther() throws Exception {
        var first = node.container(echo());
        node.call("Create", request(first).build(), CreateTaskResponse.parser());
        node.start(first);
        awaitLines(first, 1);
        type(first, "one\n");
        assertThat(awaitLines(first, 2)).isEqualTo(List.of("ready", "got one"));
        node.checkpoint(first, images("images"), ENDS, Node.LIMIT);
        assertThat(node.await(first, "").getExitStatus()).isEqualTo(137);
        var second = like(first, echo());
        node.call(
                "Create",
                request(second).setCheckpoint(images("images").toString()).build(),
                CreateTaskResponse.parser());
        assertThat(node.start(second)).isPositive();
        type(second, "two\n");
        assertThat(awaitLines(second, 1)).isEqualTo(List.of("got two"));
        node.delete(first, "");
        end(second);
        node.awaitNothingLeft();
    }
}
