package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.StatusRequest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.opentest4j.TestAbortedException;

/** What a node is for: the real kubelet runs pods on Berth, and each of its own does what its manifest says. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@ExtendWith(Leaks.class)
class KubeletTest {
    /** Pods that run until somebody takes them away. */
    private static final List<String> STEADY = List.of("ordered", "restricted", "served", "talking");

    private static final int LINES = 40_000;
    private static final int LARGEST_LOG = 64 << 10;
    private static final Pattern LINE = Pattern.compile("\\S+ stdout F line (\\d+) of what it has to say");
    private static final int GRACE_SECONDS = 6;

    private Berth berth;
    private GrpcPods pods;
    private Kubelet kubelet;
    private int hostPort;

    @RegisterExtension
    final TestExecutionExceptionHandler withLog = (_, failure) -> {
        if (failure instanceof TestAbortedException) {
            throw failure;
        }
        throw new AssertionError(failure + "\n" + kubelet.lastLines(), failure);
    };

    @BeforeAll
    void start() throws IOException, InterruptedException, GeneralSecurityException {
        Peers.need("crictl");
        Kubelet.need();
        berth = Berth.start();
        pods = new GrpcPods(berth);
        kubelet = Kubelet.start(berth);
        hostPort = Kubelet.freePort();
        for (String each : List.of("talking", "ordered", "restricted", "crashing", "leaving")) {
            kubelet.manifest(each);
        }
        kubelet.manifest("served", "served", hostPort);
        if (userNamespaces()) {
            kubelet.manifest("mapped");
        }
    }

    @AfterAll
    void stop() throws IOException, InterruptedException {
        Kubelet traces = kubelet;
        Berth daemon = berth;
        GrpcPods client = pods;
        try (traces; // once its pods have gone with the daemon
                daemon;
                client) {
            if (kubelet != null) {
                kubelet.stop();
            }
        }
    }

    private boolean userNamespaces() {
        return pods.runtime().status(StatusRequest.getDefaultInstance()).getRuntimeHandlersList().stream()
                .anyMatch(handler ->
                        handler.getName().isEmpty() && handler.getFeatures().getUserNamespaces());
    }

    private KubeletPod await(String what, String name, Predicate<KubeletPod> condition) throws InterruptedException {
        Berth.until(
                name + " " + what,
                Berth.LIMIT,
                () -> kubelet.pod(name).filter(condition).isPresent());
        return kubelet.pod(name).orElseThrow();
    }

    private KubeletPod awaitReady(String name) throws InterruptedException {
        return await("is ready", name, KubeletPod::ready);
    }

    /** The steady ones, with the files by which one of them is ready. */
    private Map<String, List<String>> allReady() throws IOException, InterruptedException {
        await("runs", "ordered", pod -> runs(pod, "http") && runs(pod, "exec"));
        Files.writeString(kubelet.witness("ordered", "http"), "");
        Files.writeString(kubelet.witness("ordered", "exec"), "");
        var runs = new TreeMap<String, List<String>>();
        for (String name : STEADY) {
            runs.put(name, awaitReady(name).runs());
        }
        return runs;
    }

    private static boolean runs(KubeletPod pod, String container) {
        return !pod.container(container).said("state", "running", "startedAt").isEmpty();
    }

    @Test
    void initialContainersThenASidecarThenTheOthers() throws InterruptedException {
        KubeletPod pod = await("runs", "ordered", it -> runs(it, "http") && runs(it, "exec"));
        assertThat(kubelet.shell("ordered", "exec", "cat /shared/order"))
                .as("of a disk of memory that all of them share")
                .isEqualTo("first\nsidecar\nlast\nhttp");
        assertThat(kubelet.shell("ordered", "exec", "cat /shared/begun"))
                .as("what its hook left")
                .isEqualTo(Kubelet.onNode("ordered"));
        for (String each : List.of("first", "last")) {
            assertThat(pod.container(each).said("state", "terminated", "reason"))
                    .isEqualTo("Completed");
        }
        assertThat(runs(pod, "sidecar")).isTrue();
        assertThat(kubelet.shell("ordered", "exec", "awk '$2 == \"/shared\" {print $3, $4}' /proc/mounts"))
                .startsWith("tmpfs rw")
                .contains("size=8192k");
        assertThat(kubelet.shell("ordered", "exec", "pidof httpd; cat /proc/1/comm"))
                .as("processes of the whole pod")
                .matches("\\d+\n(?!sleep).*");
    }

    @Test
    void aPodIsReadyAsLongAsItsProbesSaySo() throws IOException, InterruptedException {
        KubeletPod pod = await("runs", "ordered", it -> runs(it, "http") && runs(it, "exec"));
        for (String container : List.of("http", "exec")) {
            Files.deleteIfExists(kubelet.witness("ordered", container));
        }
        await("is not ready", "ordered", it -> !it.ready());
        for (String container : List.of("http", "exec")) {
            Path file = kubelet.witness("ordered", container);
            await("says no", "ordered", it -> !it.container(container).ready());
            Files.writeString(file, "");
            await("says yes", "ordered", it -> it.container(container).ready());
        }
        KubeletPod ready = awaitReady("ordered");
        assertThat(ready.runs()).as("no probe has ended anything").isEqualTo(pod.runs());
        Files.delete(kubelet.witness("ordered", "http"));
        await(
                "is not ready",
                "ordered",
                it -> !it.ready() && !it.container("http").ready());
        Files.writeString(kubelet.witness("ordered", "http"), "");
        awaitReady("ordered");
    }

    @Test
    void aRestrictedPodHasOnlyWhatItMayHave() throws InterruptedException {
        KubeletPod pod = awaitReady("restricted");
        assertThat(kubelet.shell("restricted", "main", "id -u; id -g; id -G")).isEqualTo("1234\n2345\n2345 3456 4567");
        assertThat(kubelet.shell(
                        "restricted",
                        "main",
                        "grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/1/status"))
                .isEqualTo("CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                        + "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2");
        assertThat(kubelet.exec("restricted", "main", "", "touch", "/new").err())
                .contains("Read-only file system");
        assertThat(kubelet.shell("restricted", "main", "echo $POD $ADDRESS $MEMORY; cat /about/labels /about/cpu"))
                .isEqualTo(
                        Kubelet.onNode("restricted") + " " + pod.address() + " " + (64 << 20) + "\nrole=\"none\"500");
        assertThat(kubelet.shell(
                        "restricted", "main", "echo here > /part/file; cat /tmp/deep/part/file; stat -c %g /tmp"))
                .as("a part of a volume, which belongs to its group")
                .isEqualTo("here\n3456");
        assertThat(kubelet.shell("restricted", "main", "test -x /image/bin/busybox; ! touch /image/new 2>&1"))
                .contains("Read-only file system");
    }

    @Test
    void aPodWithAUserNamespaceIsNobodyOnTheNode() throws IOException, InterruptedException {
        Assumptions.assumeTrue(
                userNamespaces(), "the default runtime has no pods with user namespaces on this machine");
        awaitReady("mapped");
        String[] map = kubelet.shell("mapped", "main", "cat /proc/self/uid_map").split("\\s+", -1);
        assertThat(map[0]).isEqualTo("0");
        assertThat(Long.parseLong(map[1])).isGreaterThanOrEqualTo(65_536);
        assertThat(kubelet.shell("mapped", "main", "touch /shared/mine && stat -c %u /shared/mine /"))
                .isEqualTo("0\n0");
        String id = kubelet.pod("mapped").orElseThrow().container("main").id().replaceFirst(".*://", "");
        String pid = berth.crictl("inspect", "-o", "go-template", "--template", "{{.info.pid}}", id)
                .text();
        assertThat(Berth.read(Path.of("/proc", pid, "status"))).contains("\nUid:\t" + map[1] + "\t");
    }

    @Test
    void aPortOfTheNodeIsServedByAPod() throws IOException, InterruptedException {
        awaitReady("served");
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + hostPort + "/page"))
                .build();
        try (HttpClient client = HttpClient.newHttpClient()) {
            assertThat(client.send(request, HttpResponse.BodyHandlers.ofString())
                            .body())
                    .isEqualTo("it is served\n");
        }
    }

    @Test
    void whatEndsIsStartedAgainAndItsEndIsTold() throws InterruptedException {
        for (String each : List.of("writes", "logs", "greedy")) {
            await(
                    "has " + each + " restarted",
                    "crashing",
                    pod -> pod.container(each).restarts() >= 2);
            await(
                    "waits with " + each,
                    "crashing",
                    pod -> pod.container(each)
                            .said("state", "waiting", "reason")
                            .equals("CrashLoopBackOff"));
        }
        KubeletPod pod = await(
                "has one that was ill restarted",
                "crashing",
                it -> it.container("ill").restarts() >= 1
                        && !it.container("ill")
                                .said("lastState", "terminated", "reason")
                                .isEmpty());
        ended(pod.container("writes"), 3, "Error", "it broke\n");
        ended(pod.container("logs"), 4, "Error", "last words\n");
        ended(pod.container("greedy"), 137, "OOMKilled", "");
        ended(pod.container("ill"), 137, "Error", "");
        String kept = "/containerLogs/default/" + pod.name() + "/logs?previous=true";
        Berth.until("its last words are kept", Berth.LIMIT, () -> kubelet.answers(kept, "last words\n"));
    }

    private static void ended(KubeletPod.Told container, int exit, String reason, String message) {
        assertThat(container.counted("lastState", "terminated", "exitCode"))
                .as(container.toString())
                .isEqualTo(exit);
        assertThat(container.said("lastState", "terminated", "reason")).isEqualTo(reason);
        assertThat(container.said("lastState", "terminated", "message")).isEqualTo(message);
    }

    @Test
    void logsAndCommandsGoThroughTheKubelet() throws InterruptedException {
        KubeletPod pod = awaitReady("served");
        assertThat(kubelet.get("/containerLogs/default/" + pod.name() + "/main"))
                .isEqualTo("it begins\n");
        String script = "read line; echo out $line; echo err >&2; exit 7";
        assertThat(kubelet.exec("served", "main", "some input\n", "sh", "-c", script))
                .isEqualTo(new Berth.Result(7, "out some input\n", "err\n"));
    }

    @Test
    void usageOfEveryPodComesFromTheRuntime() throws IOException, InterruptedException {
        allReady();
        for (String name : STEADY) {
            Berth.until(name + " has been measured", Berth.LIMIT, () -> measured(name));
        }
        String metrics = kubelet.get("/metrics/resource");
        String more = kubelet.get("/metrics/cadvisor");
        for (String name : STEADY) {
            assertThat(metrics)
                    .containsPattern("pod_memory_working_set_bytes\\{[^}]*\"" + Kubelet.onNode(name) + "\"} [1-9]");
            assertThat(more)
                    .containsPattern("container_memory_working_set_bytes\\{[^}]*pod=\"" + Kubelet.onNode(name) + "\"");
        }
    }

    private boolean measured(String name) {
        Map<?, ?> pod = KubeletPod.list(kubelet.tree("/stats/summary"), "pods").stream()
                .filter(it -> KubeletPod.text(it, "podRef", "name").equals(Kubelet.onNode(name)))
                .findFirst()
                .orElse(Map.of());
        List<Map<?, ?>> containers = KubeletPod.list(pod, "containers");
        return uses(pod)
                && !KubeletPod.text(pod, "network", "name").isEmpty()
                && (!name.equals("ordered") || KubeletPod.number(pod, "network", "rxBytes") > 0) // it is probed
                && !containers.isEmpty()
                && containers.stream().allMatch(KubeletTest::uses);
    }

    private static boolean uses(Map<?, ?> what) {
        return KubeletPod.number(what, "cpu", "usageCoreNanoSeconds") > 0
                && KubeletPod.number(what, "memory", "workingSetBytes") > 0;
    }

    @Test
    void rotatedLogsLackNoLine() throws InterruptedException {
        Path logs = kubelet.logs(awaitReady("talking"), "main");
        Berth.until("all is said, and what is rotated is packed", Berth.LIMIT, () -> settled(logs));
        List<Path> files = inOrder(logs);
        assertThat(files).as("rotated while it was written to").hasSizeGreaterThan(3);
        var said = new ArrayList<Integer>();
        for (Path file : files) {
            for (String line : lines(file)) {
                Matcher match = LINE.matcher(line);
                assertThat(match.matches()).as(file + ": " + line).isTrue();
                said.add(Integer.valueOf(match.group(1)));
            }
        }
        assertThat(IntStream.range(0, said.size())
                        .filter(i -> said.get(i) != i)
                        .boxed()
                        .limit(5)
                        .map(i -> i + " is " + said.get(i)))
                .as("lines that are missing or told twice, in " + files)
                .isEmpty();
        assertThat(said).hasSize(LINES);
    }

    /** The kubelet packs all but the newest that it has rotated; what is small is not rotated any more. */
    private static boolean settled(Path logs) {
        List<Path> files = inOrder(logs);
        return !files.isEmpty()
                && files.getLast().toFile().length() < LARGEST_LOG
                && files.stream().noneMatch(it -> it.toString().endsWith(".tmp"))
                && files.stream().filter(it -> !it.toString().endsWith(".gz")).count() <= 2
                && files.reversed().stream()
                        .limit(2)
                        .anyMatch(it -> Berth.read(it).contains(" line " + (LINES - 1) + " "));
    }

    /** As they were written: the current one has no time in its name. */
    private static List<Path> inOrder(Path logs) {
        try (Stream<Path> files = Files.list(logs)) {
            return files.sorted(Comparator.comparing((Path it) -> it.endsWith("0.log"))
                            .thenComparing(Path::toString))
                    .toList();
        } catch (IOException notYet) {
            return List.of();
        }
    }

    private static List<String> lines(Path file) {
        try (InputStream bytes = Files.newInputStream(file);
                var reader = new BufferedReader(new InputStreamReader(
                        file.toString().endsWith(".gz") ? new GZIPInputStream(bytes) : bytes,
                        StandardCharsets.UTF_8))) {
            return reader.lines().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = KilledNodeTest.Victims.class,
            names = {"DAEMON", "BOTH"})
    void podsDoNotNoticeThatTheDaemonIsKilled(KilledNodeTest.Victims victims) throws IOException, InterruptedException {
        Map<String, List<String>> before = allReady();
        int seen = kubelet.log().length();
        berth.kill();
        if (victims == KilledNodeTest.Victims.BOTH) {
            berth.killSupervisor();
        }
        Berth.until(
                "the kubelet misses it",
                Berth.LIMIT,
                () -> kubelet.log().substring(seen).contains("connect: "));
        berth.launch();
        pods.close();
        pods = new GrpcPods(berth);
        String late = "late-" + victims.name().toLowerCase(Locale.ROOT);
        kubelet.manifest("late", late, 0);
        awaitReady(late);
        assertThat(allReady()).isEqualTo(before);
    }

    @Test
    void aKubeletThatIsStartedAnewFindsAllOfThemRunning()
            throws IOException, InterruptedException, GeneralSecurityException {
        Map<String, List<String>> before = allReady();
        kubelet.stop();
        kubelet.launch();
        kubelet.manifest("late", "late-kubelet", 0);
        awaitReady("late-kubelet");
        assertThat(allReady()).isEqualTo(before);
    }

    @Test
    @Order(Integer.MAX_VALUE)
    void withTheirManifestsPodsEndInTheirTimeAndAreRemoved() throws IOException, InterruptedException {
        await("runs", "leaving", pod -> runs(pod, "polite") && runs(pod, "stubborn"));
        Path polite = kubelet.witness("leaving", "polite");
        Path last = kubelet.witness("leaving", "last");
        Berth.until("both listen", Berth.LIMIT, () -> Files.exists(polite) && Files.exists(last));
        kubelet.forgetAll();
        Berth.until(
                "nothing runs",
                Berth.LIMIT,
                () -> berth.crictl("ps", "-q").text().isEmpty());
        assertThat(Berth.read(polite)).isEqualTo("hook\nasked\ndone\n");
        assertThat(seconds(last) - seconds(kubelet.witness("leaving", "asked")))
                .as("what it was given after it was asked, of " + GRACE_SECONDS)
                .isGreaterThanOrEqualTo(GRACE_SECONDS - 2);
        Berth.until(
                "nothing is kept",
                Berth.LIMIT,
                () -> (berth.crictl("pods", "-q").text()
                                + berth.crictl("ps", "-aq").text())
                        .isEmpty());
        Berth.until(
                "the kubelet has tidied up",
                Berth.LIMIT,
                () -> kubelet.traces().podMounts().isEmpty()
                        && kubelet.traces().podCgroups().isEmpty());
    }

    private static long seconds(Path file) {
        return Long.parseLong(Berth.read(file).strip());
    }
}
