package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Kubernetes' own test suite for container runtimes, unmodified but for the one reference that only the Internet has. */
@ExtendWith(Leaks.class)
class CritestTest {
    /** What may be skipped, by name: it needs a kernel with AppArmor. docs/critest.md lists the same. */
    private static final Set<String> SKIPPED = Set.of(
            "AppArmor runtime should prefer new apparmor field should enforce a apparmor_profile blocking writes",
            "AppArmor runtime should prefer new apparmor field should fail with an unloaded apparmor_profile",
            "AppArmor runtime should prefer new apparmor field should work with apparmor profile",
            "AppArmor runtime should support apparmor field should enforce a apparmor_profile blocking writes",
            "AppArmor runtime should support apparmor field should enforce a permissive deprecated profile",
            "AppArmor runtime should support apparmor field should fail with an unloaded apparmor_profile",
            "AppArmor runtime should support deprecated apparmor_profile field should enforce a apparmor_profile blocking writes",
            "AppArmor runtime should support deprecated apparmor_profile field should enforce a permissive deprecated profile",
            "AppArmor runtime should support deprecated apparmor_profile field should fail with an unloaded apparmor_profile");

    private static final int SPECS = 117;
    private static final int STREAMING_SPECS = 5;
    private static final String[] OVER_WEBSOCKET = {
        "-websocket-exec", "-websocket-attach", "-websocket-portforward", "-ginkgo.focus=Streaming"
    };

    /** What a second suite on the same node would disturb: the serial specs, which are those of images, and ports of the host. */
    private static final String ALONE =
            "benchmark|Image Manager|Image Consistency|Image Identifier Consistency|host port|"
                    + "host network|HostNetwork is true";

    private static final int SPECS_ALONE = 18;

    private static final int MINUTES = 30;

    private Path critest;
    private Berth berth;
    private String digest;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        critest = Peers.need("critest");
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/sbin/nginx")), "nginx is not installed");
        Assumptions.assumeTrue(System.getProperty("os.arch").equals("amd64"), "the images are for x86-64");
        berth = Berth.withNewRunc();
        digest = CritestImages.serve(berth.registry(), berth.folder().resolve("certs.d"));
    }

    @AfterEach
    void stop() throws IOException, InterruptedException {
        if (berth != null) {
            berth.close();
        }
    }

    /** One spec and how it ended: {@code passed}, {@code skipped} or what went wrong. */
    record Outcome(String state, String message) {}

    /** The specs of streaming pass over WebSocket too, and not only over SPDY as in the whole suite. */
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc", "runc-new"})
    void streamingPassesOverWebSocket(String handler) throws Exception {
        Map<String, Outcome> outcomes =
                begin(handler, "websocket-" + handler, OVER_WEBSOCKET).outcomes();
        assertThat(failures(outcomes)).isEmpty();
        assertThat(outcomes)
                .hasSize(STREAMING_SPECS)
                .allSatisfy((_, outcome) -> assertThat(outcome.state()).isEqualTo("passed"));
    }

    /** How each spec ended is then in target/critest-HANDLER.txt. */
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc", "runc-new"})
    void theSuitePasses(String handler) throws Exception {
        Map<String, Outcome> outcomes =
                begin(handler, handler, "-ginkgo.skip=benchmark").outcomes();
        Files.write(
                Path.of("target/critest-" + handler + ".txt"),
                outcomes.entrySet().stream()
                        .map(it -> it.getValue().state() + " | " + it.getKey() + " | "
                                + it.getValue().message())
                        .toList());
        assertThat(outcomes).hasSizeGreaterThanOrEqualTo(SPECS);
        assertThat(failures(outcomes)).isEmpty();
        assertThat(skipped(outcomes)).isEqualTo(appArmor() ? Set.of() : SKIPPED);
    }

    /**
     * With a runtime each, so that all that pods share is shared by both. Only one forwards ports: critest itself listens on the
     * same port of the node in every run.
     */
    @Test
    void twoSuitesPassAtOnce() throws Exception {
        try (Suite one = begin("crun", "first", "-ginkgo.skip=" + ALONE);
                Suite other = begin("runc-new", "second", "-ginkgo.skip=" + ALONE + "|portforward")) {
            passes(one, SPECS - SPECS_ALONE);
            passes(other, SPECS - SPECS_ALONE - 1);
        }
    }

    private static void passes(Suite suite, int specs) throws Exception {
        Map<String, Outcome> outcomes = suite.outcomes();
        assertThat(failures(outcomes)).isEmpty();
        assertThat(skipped(outcomes)).isEqualTo(appArmor() ? Set.of() : SKIPPED);
        assertThat(outcomes).hasSizeGreaterThanOrEqualTo(specs);
    }

    private static boolean appArmor() {
        return Berth.read(Path.of("/sys/module/apparmor/parameters/enabled")).startsWith("Y");
    }

    private static Set<String> skipped(Map<String, Outcome> outcomes) {
        return outcomes.entrySet().stream()
                .filter(it -> it.getValue().state().equals("skipped"))
                .map(Map.Entry::getKey)
                .collect(Collectors.toSet());
    }

    private static List<String> failures(Map<String, Outcome> outcomes) {
        return outcomes.entrySet().stream()
                .filter(it ->
                        !List.of("passed", "skipped").contains(it.getValue().state()))
                .map(it -> it.getKey() + ": " + it.getValue().message())
                .toList();
    }

    /** One run of the program; it is ended if its outcomes are not waited for. */
    private record Suite(Process process, Path report, Path output) implements AutoCloseable {
        Map<String, Outcome> outcomes() throws Exception {
            try (this) {
                assertThat(process.waitFor(MINUTES, TimeUnit.MINUTES))
                        .as(() -> Berth.read(output))
                        .isTrue();
            }
            assertThat(report).as(() -> Berth.read(output)).exists();
            return CritestTest.outcomes(report);
        }

        @Override
        public void close() {
            process.destroyForcibly().onExit().join();
        }
    }

    private Suite begin(String handler, String name, String... selection) throws IOException {
        String endpoint = "unix://" + berth.state().resolve("berth.sock");
        Path report = berth.folder().resolve("critest-" + name + ".xml");
        Path output = berth.folder().resolve("critest-" + name + ".out");
        var command = new ArrayList<>(List.of(
                critest.toString(),
                "-runtime-endpoint=" + endpoint,
                "-runtime-handler=" + handler,
                "-image-endpoint=" + endpoint,
                "-digest-image=" + digest,
                "-ginkgo.no-color",
                "-ginkgo.timeout=" + (MINUTES - 1) + "m",
                "-ginkgo.junit-report=" + report));
        command.addAll(List.of(selection));
        Process process = new ProcessBuilder(command)
                .directory(Files.createDirectories(berth.folder().resolve(name)).toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        return new Suite(process, report, output);
    }

    private static Map<String, Outcome> outcomes(Path report) throws Exception {
        NodeList cases = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(report.toFile())
                .getElementsByTagName("testcase");
        var outcomes = new TreeMap<String, Outcome>();
        IntStream.range(0, cases.getLength())
                .mapToObj(index -> (Element) cases.item(index))
                .filter(it -> it.getAttribute("name").startsWith("[It]"))
                .filter(it -> !unselected(it))
                .forEach(it -> outcomes.put(
                        it.getAttribute("name").replace("[It] [k8s.io] ", ""),
                        new Outcome(it.getAttribute("status"), message(it))));
        return outcomes;
    }

    /** A spec outside of the focus is listed as skipped without a message. */
    private static boolean unselected(Element spec) {
        return spec.getAttribute("status").equals("skipped")
                && message(spec).replace("skipped", "").isBlank();
    }

    private static String message(Element spec) {
        for (String kind : List.of("failure", "error", "skipped")) {
            if (spec.getElementsByTagName(kind).item(0) instanceof Element found) {
                return found.getAttribute("message").replaceAll("\\s+", " ");
            }
        }
        return "";
    }
}
