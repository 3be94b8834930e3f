package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.Writer;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** exec, attach and port-forward with the real crictl, over both transports. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class StreamingTest {
    private static final Pattern FORWARDED = Pattern.compile("127\\.0\\.0\\.1:(\\d+) -> (\\d+)");

    private static final int STANDSTILL = 20;

    private Berth berth;
    private PodFixture pods;
    private String pod;
    private String container;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
        pods = new PodFixture(berth);
        berth.crictl("pull", berth.image("busybox")).text();
        pod = pods.run("stream");
        container = pods.start(pod, "stream", pods.containerFile("idle", "exec sleep 100000"));
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            berth.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void aCommandsStreamsAndExitAreItsOwn(String transport) {
        var result =
                berth.crictl("exec", "--transport", transport, container, "sh", "-c", "echo out; echo err >&2; exit 7");
        assertThat(result.out()).isEqualTo("out\n");
        assertThat(result.err()).contains("err\n", "exit code 7").doesNotContain("out\n");
        assertThat(result.exit()).isNotZero();
        assertThat(berth.crictl("exec", "--transport", transport, container, "true")
                        .text())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void inputArrivesWholeAndEnds(String transport) throws IOException, InterruptedException {
        byte[] bytes = new byte[5 << 20];
        new Random(7).nextBytes(bytes);
        Path given = Files.write(berth.folder().resolve("given"), bytes);
        Path got = berth.folder().resolve("got");
        Process exec = crictl("exec", "-i", "--transport", transport, container, "cat")
                .redirectInput(given.toFile())
                .redirectOutput(got.toFile())
                .start();
        try {
            assertThat(Berth.ended(exec)).isTrue();
            assertThat(exec.exitValue()).isZero();
            assertThat(Files.mismatch(given, got)).isEqualTo(-1);
        } finally {
            exec.destroyForcibly().waitFor();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void aTerminalIsOne(String transport) throws IOException, InterruptedException {
        Path said = berth.folder().resolve("terminal-" + transport);
        var command = crictl("exec", "-it", "--transport", transport, container, "sh", "-c");
        Process script = terminal(
                command(command) + " 'tty; while read line && ! stty size | grep 33; do :; done;"
                        + " echo got $line; exit 3'",
                said);
        try {
            type(script, "hello", said, text -> text.contains("got hello"));
            assertThat(Berth.ended(script)).isTrue();
            assertThat(Berth.read(said)).contains("/dev/pts/0", "33 77", "got hello", "exit code 3");
        } finally {
            hangUp(script);
        }
    }

    @Test
    void whatCannotBeIsRefused() throws IOException, InterruptedException {
        String gone = pods.run("gone");
        String ended = pods.start(gone, "gone", pods.containerFile("gone", "exit 0"));
        Berth.until(
                "it has ended",
                Berth.LIMIT,
                () -> berth.crictl("ps", "-a", "--id", ended).out().contains("Exited"));
        assertThat(berth.crictl("exec", ended, "true").err()).contains("FailedPrecondition", "EXITED");
        assertThat(berth.crictl("attach", ended).err()).contains("FailedPrecondition", "EXITED");
        berth.crictl("stopp", gone).text();
        assertThat(berth.crictl("port-forward", gone, "1:1").err()).contains("FailedPrecondition", "not ready");
        berth.crictl("rmp", "-f", gone).text();
        assertThat(berth.crictl("exec", "nosuch", "true").err()).contains("NotFound");
        assertThat(berth.crictl("exec", container, "nosuchprogram").err())
                .contains("run a command in the container", "nosuchprogram");
        assertThat(berth.crictl("port-forward", "nosuch", "1:1").err()).contains("NotFound");
    }

    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void severalAttachToOneContainer(String transport) throws IOException, InterruptedException {
        String name = "echo-" + transport;
        String file = pods.containerFile(
                name,
                berth.image("busybox"),
                "\"sh\", \"-c\", \"while read line; do echo out $line; echo err $line >&2; done; echo end\"",
                ", \"stdin\": true, \"stdin_once\": true");
        String id = pods.start(pod, "stream", file);
        Path first = berth.folder().resolve("first-" + transport);
        Path second = berth.folder().resolve("second-" + transport);
        Process watching = crictl("attach", "--transport", transport, id)
                .redirectOutput(second.toFile())
                .redirectErrorStream(true)
                .start();
        Process talking = crictl("attach", "-i", "--transport", transport, id)
                .redirectOutput(first.toFile())
                .redirectErrorStream(true)
                .start();
        try {
            type(
                    talking,
                    "hello",
                    first,
                    _ -> Stream.of(first, second)
                            .map(Berth::read)
                            .allMatch(text -> text.contains("out hello") && text.contains("err hello")));
            talking.outputWriter().close(); // stdin_once: the container's input ends with it
            assertThat(Berth.ended(talking)).isTrue();
            assertThat(Berth.ended(watching)).isTrue();
            assertThat(Berth.read(first)).contains("end\n");
            assertThat(Berth.read(second)).contains("end\n");
            Berth.until("the log is whole", Berth.LIMIT, () -> pods.log(name).contains("stdout F end"));
        } finally {
            talking.destroyForcibly().waitFor();
            watching.destroyForcibly().waitFor();
        }
    }

    @Test
    void aStalledClientHoldsUpNeitherContainerNorLog() throws IOException, InterruptedException {
        String file = pods.containerFile("flood", "sleep 2; seq 1 1000000; echo done; exec sleep 1000");
        String id = pods.start(pod, "stream", file);
        Process stalled = crictl("attach", id).start(); // nobody reads what it prints
        try {
            Berth.until("the log is whole", Berth.LIMIT, () -> tail("flood").contains("stdout F done"));
        } finally {
            stalled.destroyForcibly().waitFor();
        }
    }

    /** Somebody has stopped his terminal, and types what shall end the flood. */
    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void whatIsTypedIsHeardWhileNobodyTakesOutput(String transport) throws IOException, InterruptedException {
        String at = "/tmp/flood-" + transport;
        Process exec = crictl(
                        "exec",
                        "-i",
                        "--transport",
                        transport,
                        container,
                        "sh",
                        "-c",
                        "yes & echo $! > " + at + ".pid; cat > " + at)
                .start();
        try {
            String counters = "cat /proc/$(cat " + at + ".pid)/io";
            var seen = new ArrayList<String>();
            Berth.until("the flood stands still", Berth.LIMIT, () -> {
                seen.add(inside(counters));
                List<String> last = seen.subList(Math.max(0, seen.size() - STANDSTILL), seen.size());
                return last.size() == STANDSTILL
                        && !last.getFirst().isEmpty()
                        && Set.copyOf(last).size() == 1;
            });
            Writer input = exec.outputWriter(StandardCharsets.UTF_8);
            for (int line = 1; line <= 5; line++) {
                input.write("typed\n");
                input.flush();
                String all = "typed\n".repeat(line);
                Berth.until(
                        "it is heard", Berth.LIMIT, () -> inside("cat " + at).equals(all));
            }
        } finally {
            exec.destroyForcibly().waitFor();
            inside("kill $(cat " + at + ".pid)");
        }
    }

    private String inside(String script) {
        return berth.crictl("exec", container, "sh", "-c", script).out();
    }

    @ParameterizedTest
    @ValueSource(strings = {"spdy", "websocket"})
    void portsAreForwarded(String transport) throws IOException, InterruptedException {
        String name = "served-" + transport;
        String webPod = pods.run(name);
        pods.start(webPod, name, pods.containerFile(name, "exec nc -ll -p 8080 -e echo it is " + name));
        assertForwarded(webPod, transport, "8080", "it is " + name);
        berth.crictl("rmp", "-f", webPod).text();
    }

    @Test
    void whatListensOnIpv6OnlyIsReachedToo() throws IOException, InterruptedException {
        String webPod = pods.run("six");
        pods.start(webPod, "six", pods.containerFile("six", "exec httpd -f -p [::1]:8080 -h /etc"));
        Path said = berth.folder().resolve("forward-six");
        Process forward = crictl("port-forward", webPod, ":8080")
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        try {
            Berth.until(
                    "it listens",
                    Berth.LIMIT,
                    () -> FORWARDED.matcher(Berth.read(said)).find());
            Berth.until("the pod answers", Berth.LIMIT, () -> {
                try (var socket = new Socket(InetAddress.getLoopbackAddress(), localPort(said, "8080"))) {
                    socket.getOutputStream().write("GET /hosts HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.UTF_8));
                    return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                            .contains("localhost");
                } catch (IOException e) {
                    return false;
                }
            });
        } finally {
            forward.destroyForcibly().waitFor();
            berth.crictl("rmp", "-f", webPod).text();
        }
    }

    @Test
    void aLostLineHangsUpTheTerminalAndLeavesOtherCommandsRunning() throws IOException, InterruptedException {
        Process terminal = terminal(command(crictl("exec", "-it", container, "sleep", "4001")), Path.of("/dev/null"));
        Process plain = crictl("exec", container, "sleep", "4002").start();
        try {
            Berth.until("both run", Berth.LIMIT, () -> isRunning("4001") && isRunning("4002"));
        } finally {
            hangUp(terminal);
            plain.destroyForcibly().waitFor();
        }
        Berth.until("the terminal's is gone", Berth.LIMIT, () -> !isRunning("4001"));
        assertThat(isRunning("4002")).isTrue();
        berth.crictl("exec", "-s", container, "sh", "-c", "kill $(ps -o pid,args | awk '/[s]leep 4002/ {print $1}')");
        Berth.until("the other is gone", Berth.LIMIT, () -> !isRunning("4002"));
    }

    private boolean isRunning(String sleep) {
        return berth.crictl("exec", "-s", container, "ps", "-o", "args").out().contains("sleep " + sleep);
    }

    @Test
    void aTerminalIsAttachedToAlsoAfterARestartOfTheDaemon() throws IOException, InterruptedException {
        String file = pods.containerFile(
                "shell",
                berth.image("busybox"),
                "\"sh\", \"-c\", \"while read line; do stty size; echo got $line; done\"",
                ", \"stdin\": true, \"tty\": true");
        String id = pods.start(pod, "stream", file);
        talk(id, "one");
        berth.kill();
        berth.launch();
        talk(id, "two");
    }

    /** Attaches from a terminal, types until the container has answered, and hangs up. */
    private void talk(String id, String line) throws IOException, InterruptedException {
        Path said = berth.folder().resolve("said-" + line);
        Process client = terminal(command(crictl("attach", "-it", id)), said);
        try {
            type(client, line, said, text -> text.contains("got " + line) && text.contains("33 77"));
        } finally {
            hangUp(client);
        }
    }

    /** Runs a command in a terminal of 33 lines with 77 characters. */
    private static Process terminal(String command, Path said) throws IOException {
        return new ProcessBuilder("script", "-qec", "stty rows 33 cols 77; exec " + command, "/dev/null")
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
    }

    /** Types a line again and again until it was answered. */
    private static void type(Process client, String line, Path said, Predicate<String> answered)
            throws InterruptedException {
        Writer input = client.outputWriter();
        Berth.until(line + " is answered", Berth.LIMIT, () -> {
            if (answered.test(Berth.read(said)) || !client.isAlive()) {
                return true;
            }
            try {
                input.write(line + "\n");
                input.flush();
                return false;
            } catch (IOException ended) {
                return false;
            }
        });
        assertThat(Berth.read(said)).matches(answered);
    }

    private static void hangUp(Process terminal) throws InterruptedException {
        terminal.descendants().forEach(ProcessHandle::destroyForcibly);
        terminal.destroyForcibly().waitFor();
    }

    @Test
    void sessionsLeaveNothingBehind() throws IOException, InterruptedException {
        oneOfEach();
        Path daemon = Path.of("/proc/" + berth.daemon().pid() + "/fd"); // the launcher has become the program
        Path supervisor = Path.of("/proc/" + berth.supervisor().orElseThrow().pid() + "/fd");
        int before = count(daemon);
        int beforeThere = count(supervisor);
        for (int i = 0; i < 10; i++) {
            oneOfEach();
        }
        Berth.until("the daemon has let go", Berth.LIMIT, () -> count(daemon) <= before + 2);
        Berth.until("the supervisor has let go", Berth.LIMIT, () -> count(supervisor) <= beforeThere + 2);
        Path bundle = berth.state().resolve("bundles/k8s.io").resolve(container);
        Berth.until("no pipe of theirs is left", Berth.LIMIT, () -> execs(bundle) == 0);
    }

    private static long execs(Path bundle) {
        try (Stream<Path> files = Files.list(bundle)) {
            return files.filter(file -> file.getFileName().toString().startsWith("exec-"))
                    .count();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void oneOfEach() throws IOException, InterruptedException {
        for (String transport : new String[] {"spdy", "websocket"}) {
            berth.crictl("exec", "--transport", transport, container, "true").text();
            berth.crictl("exec", "-i", "--transport", transport, container, "true")
                    .text();
            for (String[] endless : new String[][] {{"attach", container}, {"port-forward", pod, ":9"}}) {
                var command = new ArrayList<>(List.of(endless[0], "--transport", transport));
                command.addAll(List.of(endless).subList(1, endless.length));
                Process client = crictl(command.toArray(new String[0]))
                        .redirectErrorStream(true)
                        .start();
                assertThat(client.waitFor(200, TimeUnit.MILLISECONDS)).isFalse();
                client.destroyForcibly().waitFor();
            }
        }
    }

    private static int count(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return (int) files.count();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static String command(ProcessBuilder builder) {
        return String.join(" ", builder.command());
    }

    private void assertForwarded(String of, String transport, String port, String text)
            throws IOException, InterruptedException {
        Path said = berth.folder().resolve("forward-" + transport + port);
        Process forward = crictl("port-forward", "--transport", transport, of, ":" + port, ":9")
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        try {
            Berth.until(
                    "it listens",
                    Berth.LIMIT,
                    () -> FORWARDED.matcher(Berth.read(said)).results().count() == 2);
            Berth.until(
                    "the pod answers",
                    Berth.LIMIT,
                    () -> read(localPort(said, port)).contains(text));
            assertThat(read(localPort(said, "9"))).isEmpty(); // nobody listens; crictl gives up then
            Berth.until("it says why", Berth.LIMIT, () -> Berth.read(said).contains("port 9 of localhost"));
        } finally {
            forward.destroyForcibly().waitFor();
        }
    }

    private static int localPort(Path said, String port) {
        Matcher found = FORWARDED.matcher(Berth.read(said));
        while (found.find()) {
            if (found.group(2).equals(port)) {
                return Integer.parseInt(found.group(1));
            }
        }
        throw new AssertionError(Berth.read(said));
    }

    private static String read(int port) {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout((int) Berth.LIMIT.toMillis());
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }

    private String tail(String name) {
        String log = pods.log(name);
        return log.substring(Math.max(0, log.length() - 1000));
    }

    private ProcessBuilder crictl(String... arguments) {
        var command = new ArrayList<>(List.of(
                Peers.need("crictl").toString(),
                "--runtime-endpoint",
                "unix://" + berth.state().resolve("berth.sock"),
                "--timeout",
                Berth.LIMIT.toSeconds() + "s"));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command);
    }
}
