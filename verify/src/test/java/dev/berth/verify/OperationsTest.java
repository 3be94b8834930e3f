package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.daemon.cli.CriClient;
import dev.berth.wire.cri.GetEventsRequest;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** What an operator sees of a daemon at work: metrics, logs, where its supervisor lives. */
@ExtendWith(Leaks.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OperationsTest {
    private static final String BUILTIN =
            "[network]\nmode = \"builtin\"\nbridge = \"%1$s\"\nsubnets = [\"10.88.%2$d.0/24\"]\n";

    private Berth berth;
    private PodFixture pods;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start(BUILTIN + "[metrics]\naddress = \"/var/lib/%1$s/state/metrics.sock\"\n");
        pods = new PodFixture(berth);
        berth.crictl("pull", berth.image("busybox")).text();
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            berth.close();
        }
    }

    private String get(String path) {
        var address = UnixDomainSocketAddress.of(berth.state().resolve("metrics.sock"));
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(address);
            channel.write(
                    ByteBuffer.wrap(("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").getBytes(StandardCharsets.UTF_8)));
            ByteBuffer answer = ByteBuffer.allocate(1 << 20);
            while (channel.read(answer) >= 0) {
                assertThat(answer.hasRemaining()).isTrue();
            }
            return new String(answer.array(), 0, answer.position(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static Set<String> found(String pattern, String text) {
        return Pattern.compile(pattern, Pattern.MULTILINE)
                .matcher(text)
                .results()
                .map((MatchResult match) -> match.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private double value(String line) {
        return get("/metrics")
                .lines()
                .filter(each -> each.startsWith(line + " "))
                .findFirst()
                .map(each -> Double.parseDouble(each.substring(line.length() + 1)))
                .orElseThrow(() -> new AssertionError("no " + line));
    }

    @Test
    void metricsAreThoseOfTheDocument() throws IOException {
        String page = get("/metrics");
        assertThat(page).startsWith("HTTP/1.1 200 OK").contains("content-type: text/plain; version=0.0.4");
        String document = Files.readString(Project.ROOT.resolve("docs/metrics.md"));
        assertThat(found("^# TYPE (\\S+) ", page)).isEqualTo(found("^\\| `(berth_\\w+)` \\|", document));
        assertThat(found("^# HELP (\\S+) \\S", page)).isEqualTo(found("^# TYPE (\\S+) ", page));
        assertThat(found("kind=\"([^\"]+)\"", page))
                .isEqualTo(found("`([a-z-]+)`", document.substring(document.indexOf("Kinds of leftovers"))));
        assertThat(get("/")).startsWith("HTTP/1.1 404");
    }

    @Test
    void metricsSayWhatIsThere() throws Exception {
        double before = value("berth_containers{state=\"exited\"}");
        String pod = pods.run("counted");
        pods.start(pod, "counted", pods.containerFile("counted", "true"));
        Berth.until("it has ended", Berth.LIMIT, () -> value("berth_containers{state=\"exited\"}") == before + 1);
        assertThat(value("berth_pods{state=\"ready\"}")).isGreaterThanOrEqualTo(1);
        for (String series : List.of("count{code=\"OK\",", "bucket{code=\"OK\",le=\"+Inf\",")) { // after the answer
            String line = "berth_rpc_duration_seconds_" + series + "method=\"StartContainer\"} ";
            Berth.until(
                    "the call is counted", Berth.LIMIT, () -> get("/metrics").contains(line));
            assertThat(value(line.strip())).isGreaterThanOrEqualTo(1);
        }
        assertThat(value("berth_image_pull_duration_seconds_count{code=\"OK\"}"))
                .isGreaterThanOrEqualTo(1);
        assertThat(value("berth_image_pulled_bytes_total")).isGreaterThan(1000);
        assertThat(value("berth_images")).isGreaterThanOrEqualTo(1);
        assertThat(value("berth_images_bytes")).isGreaterThan(1000);
        assertThat(value("berth_events_total")).isGreaterThanOrEqualTo(1);
        assertThat(value("berth_resident_memory_bytes")).isGreaterThan(10e6);
        assertThat(value("berth_leftovers{kind=\"pod-stop\"}")).isZero();
        berth.crictl("rmp", "-f", pod).text();
    }

    @Test
    void linesCarryIdsAndNamesCannotForgeThem() throws Exception {
        String pod = pods.run("said");
        String container = pods.create(pod, "said", pods.containerFile("said", "true"));
        berth.crictl("exec", "-s", container, "true"); // refused: it does not run yet
        String said = "\\S+ INFO \\[ExecSync] .* pod=" + pod + " container=" + container + " name=default/said/said";
        Berth.until(
                "the call is in the log",
                Berth.LIMIT,
                () -> Berth.read(berth.log()).lines().anyMatch(line -> line.matches(said)));
        Path hostile = Files.writeString(berth.folder().resolve("hostile.json"), """
                {"metadata": {"name": "x\\n2026-01-01T00:00:00 ERROR [forged] line", "namespace": "default", "uid": "u"},
                 "linux": {"sysctls": {"no.such": "1"}}}""");
        assertThat(berth.crictl("runp", hostile.toString()).exit()).isNotZero();
        Berth.until(
                "the refusal is in the log",
                Berth.LIMIT,
                () -> Berth.read(berth.log()).contains("[forged] line"));
        assertThat(Berth.read(berth.log()).lines())
                .noneMatch(line -> line.startsWith("2026-01-01T00:00:00 "))
                .anyMatch(line -> line.contains("[RunPodSandbox]") && line.contains("name=\"default/x\\n2026"));
        berth.crictl("rmp", "-f", pod).text();
    }

    @Test
    void levelAndFormOfTheLogAreTheConfigs() throws Exception {
        assertThat(Berth.read(berth.log())).doesNotContain(" DEBUG [").contains(" INFO [Daemon] berth ");
        try (Berth other = Berth.start("log_format = \"json\"\nlog_level = \"debug\"\n", BUILTIN)) {
            assertThat(Berth.read(other.log()).lines()).allMatch(line -> line.startsWith("{\"time\":\"20"));
            other.crictl("rmp", "-f", new PodFixture(other).run("debugged")).text();
            Berth.until(
                    "there is more", Berth.LIMIT, () -> Berth.read(other.log()).contains("\"level\":\"DEBUG\""));
            assertThat(Berth.read(other.log())).contains("\"logger\":\"dev.berth.daemon.Daemon\"");
        }
    }

    @Test
    void checkSaysWhatTheNodeCanDo() throws Exception {
        Path folder = Files.createDirectories(berth.folder().resolve("checked"));
        Path conf = Files.createDirectories(folder.resolve("net.d"));
        Path config = Files.writeString(folder.resolve("berth.toml"), """
                root = "%1$s/root"
                state = "%1$s/state"
                [network]
                conf_dir = "%1$s/net.d"
                """.formatted(folder));
        List<String> command =
                List.of(Project.ROOT.resolve("berth").toString(), "check", "--config", config.toString());
        Berth.Result none = Berth.run(command);
        assertThat(none.exit()).isEqualTo(1);
        assertThat(none.out())
                .containsPattern("missing +network \\(CNI\\) +\\S")
                .contains("this node cannot run pods");
        Files.writeString(
                conf.resolve("10-lo.conflist"),
                "{\"cniVersion\":\"1.0.0\",\"name\":\"x\",\"plugins\":[{\"type\":\"loopback\"}]}");
        Berth.Result all = Berth.run(command);
        assertThat(all.exit()).as(all.out() + all.err()).isZero();
        assertThat(all.out())
                .containsPattern("ok +kernel +6\\.")
                .containsPattern("ok +cgroups ")
                .containsPattern("ok +OCI runtime crun +/\\S+ \\d")
                .containsPattern("ok +network \\(CNI\\) ")
                .contains("this node can run pods", "is consistent");
        for (String feature : List.of(
                "overlayfs",
                "idmapped mounts",
                "pidfd exit info",
                "nftables",
                "seccomp",
                "user namespaces",
                "pressure (PSI)",
                "fsopen")) {
            assertThat(all.out()).contains(" " + feature + " ");
        }
    }

    @Test
    void onlyAnotherSupervisorIsReplaced() throws Exception {
        try (Berth other = Berth.start(BUILTIN)) {
            Berth.until(
                    "there is a supervisor",
                    Berth.LIMIT,
                    () -> other.supervisor().isPresent());
            long first = other.supervisor().orElseThrow().pid();
            String build = Files.readString(Project.program().resolve("shim/shim.version"))
                    .strip();
            assertThat(Berth.read(Path.of("/proc/" + first + "/cmdline"))).contains("--version\0000.1.0+" + build);
            other.kill();
            other.launch();
            String pod = new PodFixture(other).run("kept");
            assertThat(other.supervisor().orElseThrow().pid()).isEqualTo(first);
            other.kill();
            Files.writeString(
                    other.config(), Files.readString(other.config()) + "[runtime]\nwithout = [\"own-start\"]\n");
            other.launch();
            Berth.until(
                    "it is replaced",
                    Berth.LIMIT,
                    () -> other.supervisor().filter(now -> now.pid() != first).isPresent());
            assertThat(other.crictl("pods", "-q", "--state", "Ready").text()).isEqualTo(pod);
        }
    }

    /** A kubelet holds the stream of events as long as there is a daemon, and must not hold up its end. */
    @Test
    void whoWaitsForEventsIsToldOfTheEnd() throws Exception {
        try (Berth other = Berth.start(BUILTIN);
                var client = CriClient.open(other.state().resolve("berth.sock"))) {
            var events = client.runtime(Berth.LIMIT).getContainerEvents(GetEventsRequest.getDefaultInstance());
            other.crictl("pull", other.image("busybox")).text();
            var own = new PodFixture(other);
            String pod = own.run("told");
            own.start(pod, "told", own.containerFile("told", "true"));
            assertThat(events.hasNext()).isTrue();
            other.crictl("rmp", "-f", pod).text();
            other.daemon().destroy();
            assertThatThrownBy(() -> events.forEachRemaining(_ -> {}))
                    .hasMessageContaining("UNAVAILABLE")
                    .hasMessageContaining("the daemon is ending");
            assertThat(other.daemon().waitFor()).isNotNegative();
        }
    }

    @Test
    void theSupervisorLivesBesideTheDaemon() throws Exception {
        Berth.until(
                "there is a supervisor", Berth.LIMIT, () -> berth.supervisor().isPresent());
        long pid = berth.supervisor().orElseThrow().pid();
        Berth.until(
                "it has moved",
                Berth.LIMIT,
                () -> Berth.read(Path.of("/proc/" + pid + "/cgroup"))
                        .lines()
                        .allMatch(line -> line.contains(":/berth-supervisor-")));
        assertThat(Berth.read(Path.of("/proc/" + berth.daemon().pid() + "/cgroup")))
                .doesNotContain("berth-supervisor");
    }
}
