package dev.berth.verify;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.Writer;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The commands of crictl that go on for a while, at Berth and at containerd: with a terminal, with ports, with events. Over
 * WebSocket Berth is compared with what containerd does over SPDY, because its own server refuses today's clients.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CrictlStreamsPairTest {
    /** Of a pod and its container, each made, started, stopped and removed. */
    private static final int EVENTS = 8;

    private static final Pattern FORWARDED = Pattern.compile("127\\.0\\.0\\.1:(\\d+) -> 8080");
    private static final List<CrictlMask> MASKS = List.of(
            CrictlMask.PORT,
            CrictlMask.SECONDS,
            CrictlMask.USER_SPECIFIED_IMAGE,
            CrictlMask.SWAP_LIMIT_NOT_ASKED_FOR,
            CrictlMask.ADDRESS_IF_ANY,
            CrictlMask.NO_TIME);

    /** Says that it is there until somebody types, waits until the terminal has its size, and answers. */
    private static final String ANSWER = "while ! read -t 1 line; do echo ready; done;"
            + " until [ \\\"$(stty size)\\\" = '33 77' ]; do sleep 0.1; done; echo got $line; exit 3";

    private CrictlPair pair;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CrictlPair.start();
        pair.same("pull", pair.berth().image("busybox"));
        for (String name : List.of("streams", "watched")) {
            pair.file(name + "-pod", """
                    {"metadata": {"name": "%1$s", "namespace": "default", "uid": "uid-%1$s"}, "log_directory": "{logs}",
                     "linux": {"security_context": {"namespace_options": {"pid": 1}}}}""".formatted(name));
        }
        pair.keep("streams", "runp", "{streams-pod}");
        container("shell", "exec sleep 10000", "");
        container("web", "mkdir -p /w; echo hello > /w/index.html; exec httpd -f -p 8080 -h /w", "");
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    private void container(String name, String script, String more) throws IOException {
        pair.file(name + "-container", """
                {"metadata": {"name": "%s"}, "image": {"image": "%s"}, "command": ["sh", "-c", "%s"], "log_path": "%s.log"%s}
                """.formatted(name, pair.berth().image("busybox"), script, name, more));
        pair.keep(name, "create", "{streams}", "{" + name + "-container}", "{streams-pod}");
        pair.same("start", "{" + name + "}");
    }

    /** Drives one client, and returns when it is done with it. */
    private interface Act {
        void with(Process client, Path said) throws IOException, InterruptedException;
    }

    /**
     * Compares what a command prints on both while somebody does something with it.
     *
     * @param transport for Berth, if the command has one
     */
    private void compared(Act act, String transport, boolean terminal, String... arguments)
            throws IOException, InterruptedException {
        Berth.Result our = played(act, pair.ours(), terminal, transport, arguments);
        Berth.Result their = played(act, pair.theirs(), terminal, "spdy", arguments);
        pair.compare(our, their, MASKS, arguments);
    }

    private Berth.Result played(Act act, CrictlPair.Side side, boolean terminal, String transport, String... arguments)
            throws IOException, InterruptedException {
        var words = new ArrayList<>(List.of(arguments[0], "--transport", transport));
        words.addAll(Arrays.asList(arguments).subList(1, arguments.length));
        List<String> command = side.command(words.toArray(new String[0]));
        Path out = Files.createTempFile(pair.folder(), "said", "");
        Path err = Files.createTempFile(pair.folder(), "errors", "");
        String line = "stty rows 33 cols 77; exec "
                + String.join(
                        " ", command.stream().map(CrictlStreamsPairTest::quoted).toList());
        Process client = new ProcessBuilder(terminal ? List.of("script", "-qec", line, "/dev/null") : command)
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        try {
            act.with(client, out);
            return new Berth.Result(client.exitValue(), text(out), text(err));
        } finally {
            client.descendants().forEach(ProcessHandle::destroyForcibly);
            client.destroyForcibly().waitFor();
        }
    }

    private static String quoted(String word) {
        return "'" + word.replace("'", "'\\''") + "'";
    }

    /** Without what depends on how fast somebody was. */
    private static String text(Path file) {
        return Berth.read(file).replace("\r\n", "\n").replaceAll("(ready\n)+", "ready\n");
    }

    private static void typeWhenReady(Process client, Path said) throws IOException, InterruptedException {
        Berth.until("it is ready", Berth.LIMIT, () -> Berth.read(said).contains("ready") || !client.isAlive());
        Writer input = client.outputWriter(UTF_8);
        input.write("hello\n");
        input.flush();
        assertThat(Berth.ended(client)).as("it ends by itself").isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void aCommandOnATerminal(String transport) throws IOException, InterruptedException {
        compared(
                CrictlStreamsPairTest::typeWhenReady,
                transport,
                true,
                "exec",
                "-it",
                "{shell}",
                "sh",
                "-c",
                ANSWER.replace("\\", ""));
    }

    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void aCommandThatReads(String transport) throws IOException, InterruptedException {
        Act feed = (client, _) -> {
            try (Writer input = client.outputWriter(UTF_8)) {
                input.write("b\na\n");
            }
            assertThat(Berth.ended(client)).as("it ends with its input").isTrue();
        };
        compared(feed, transport, false, "exec", "-i", "{shell}", "sort");
        compared(feed, transport, false, "exec", "-i", "{shell}", "sh", "-c", "cat; echo err >&2; exit 7");
    }

    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void aContainersTerminal(String transport) throws IOException, InterruptedException {
        String name = "terminal-" + transport;
        container(name, ANSWER, ", \"stdin\": true, \"tty\": true");
        compared(CrictlStreamsPairTest::typeWhenReady, transport, true, "attach", "-it", "{" + name + "}");
        for (CrictlPair.Side side : List.of(pair.ours(), pair.theirs())) {
            Berth.until(
                    "it has ended with 3",
                    Berth.LIMIT,
                    () -> side.run("inspect", "-q", "{" + name + "}").out().contains("\"exitCode\": 3,"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void ports(String transport) throws IOException, InterruptedException {
        var answers = new ArrayList<String>();
        Act ask = (client, said) -> {
            Berth.until("it listens", Berth.LIMIT, () -> Berth.read(said).contains("[::1]") || !client.isAlive());
            Matcher port = FORWARDED.matcher(Berth.read(said));
            assertThat(port.find()).as(Berth.read(said)).isTrue();
            answers.add(get(Integer.parseInt(port.group(1)), "/"));
            answers.add(get(Integer.parseInt(port.group(1)), "/nothing"));
            client.destroy();
            assertThat(Berth.ended(client)).isTrue();
        };
        compared(ask, transport, false, "port-forward", "{streams}", ":8080");
        assertThat(answers).hasSize(4);
        assertThat(answers.subList(0, 2)).isEqualTo(answers.subList(2, 4));
        assertThat(answers.getFirst()).contains("200 OK", "hello");
    }

    /** Without the lines that tell the time. */
    private static String get(int port, String path) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout((int) Berth.LIMIT.toMillis());
            socket.getOutputStream().write(("GET " + path + " HTTP/1.0\r\n\r\n").getBytes(UTF_8));
            String answer = new String(socket.getInputStream().readAllBytes(), UTF_8);
            return answer.replaceAll("(?m)^(Date|Last-Modified|ETag): [^\n]*\n", "");
        }
    }

    /** Who listens on one side. */
    private record Watch(CrictlPair.Side side, Path said, Process client) {
        static Watch start(CrictlPair.Side side, Path folder) throws IOException {
            Path said = Files.createTempFile(folder, "events", "");
            return new Watch(
                    side,
                    said,
                    new ProcessBuilder(side.command("events"))
                            .redirectOutput(said.toFile())
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start());
        }

        /** It says nothing until something happens. */
        void awaitListening() throws InterruptedException {
            Berth.until("events are told", Berth.LIMIT, () -> {
                side.run("rmp", "-f", side.run("runp", "{watched-pod}").text()).text();
                return Berth.read(said).contains("containerId");
            });
        }

        /** Those of the pod and the container that are compared. */
        Berth.Result events() throws InterruptedException {
            Pattern own = Pattern.compile(
                    "(?ms)^\\{\n  \"containerId\": \"(" + side.kept("life") + "|" + side.kept("lived") + ")\".*?^}\n");
            Berth.until(
                    "all is told",
                    Berth.LIMIT,
                    () -> own.matcher(Berth.read(said)).results().count() >= EVENTS);
            List<String> events = own.matcher(Berth.read(said))
                    .results()
                    .map(found -> found.group())
                    .toList();
            return new Berth.Result(0, String.join("", events), "");
        }
    }

    @Test
    void eventsOfAWholeLife() throws IOException, InterruptedException {
        Watch ours = Watch.start(pair.ours(), pair.folder());
        Watch theirs = Watch.start(pair.theirs(), pair.folder());
        try {
            ours.awaitListening();
            theirs.awaitListening();
            live();
            pair.compare(ours.events(), theirs.events(), MASKS, "events");
        } finally {
            ours.client().destroyForcibly().waitFor();
            theirs.client().destroyForcibly().waitFor();
        }
    }

    private void live() throws IOException {
        pair.keep("life", "runp", "{watched-pod}");
        pair.file("life-container", """
                {"metadata": {"name": "life"}, "image": {"image": "%s"}, "log_path": "life.log",
                 "command": ["sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"],
                 "linux": {"resources": {"cpu_shares": 512}}}""".formatted(pair.berth().image("busybox")));
        pair.keep("lived", "create", "{life}", "{life-container}", "{watched-pod}");
        for (String[] step : new String[][] {
            {"start", "{lived}"},
            {"stop", "--timeout", "60", "{lived}"},
            {"rm", "{lived}"},
            {"stopp", "{life}"},
            {"rmp", "{life}"}
        }) {
            pair.same(step);
        }
    }
}
