package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** The commands of the real crictl, one after the other, as an operator would type them. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CrictlTest {

    private Berth berth;
    private PodFixture pods;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
        pods = new PodFixture(berth);
        berth.crictl("pull", berth.image("busybox")).text();
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            berth.close();
        }
    }

    @Test
    void namesItselfAndItsState() {
        assertThat(berth.crictl("version").text()).contains("RuntimeName:  berth", "RuntimeApiVersion:  v1");
        assertThat(berth.crictl("info").text()).contains("RuntimeReady", "NetworkReady", "runtimeHandlers");
        assertThat(berth.crictl("runtime-config").text()).contains("CGROUPFS");
        assertThat(berth.crictl("imagefsinfo").text()).contains(berth.root().toString());
    }

    @Test
    void imagesArePulledListedAndRemoved() {
        String other = berth.image("other");
        assertThat(berth.crictl("pull", other).text()).contains("sha256:");
        assertThat(berth.crictl("images").text()).contains(berth.registry().authority() + "/other");
        assertThat(berth.crictl("inspecti", other).text()).contains("OTHER=yes");
        assertThat(berth.crictl("rmi", other).text()).contains("Deleted");
        assertThat(berth.crictl("images").text()).doesNotContain("/other");
    }

    @Test
    void aPodLivesFromRunToRemoval() throws IOException, InterruptedException {
        String pod = pods.run("life");
        assertThat(berth.crictl("pods").text()).contains("life", "Ready");
        assertThat(berth.crictl("inspectp", pod).text()).contains("SANDBOX_READY", "10.88.", "network namespace");

        String id = pods.create(pod, "life", pods.containerFile("life", "echo ready; exec sleep 1000"));
        assertThat(berth.crictl("ps", "-a").text()).contains("Created");
        berth.crictl("start", id).text();
        assertThat(berth.crictl("ps").text()).contains("Running");
        Berth.until("it has logged", Berth.LIMIT, () -> pods.log("life").contains("stdout F ready"));
        assertThat(berth.crictl("logs", id).text()).isEqualTo("ready");
        assertThat(berth.crictl("inspect", id).text()).contains("CONTAINER_RUNNING", "cgroups", "create", "start");

        assertThat(berth.crictl("exec", "-s", id, "sh", "-c", "echo out; echo err >&2")
                        .out())
                .contains("out");
        var failing = berth.crictl("exec", "-s", id, "sh", "-c", "exit 7");
        assertThat(failing.exit()).isNotZero();
        assertThat(failing.err()).contains("7");

        assertThat(berth.crictl("stats", "-o", "json", id).text()).contains("workingSetBytes");
        assertThat(berth.crictl("statsp", "-o", "json", pod).text()).contains("eth0");
        assertThat(berth.crictl("update", "--memory", "50000000", id).text()).contains(id);
        assertThat(berth.crictl("inspect", id).text()).contains("50000000");

        assertThat(berth.crictl("stop", "--timeout", "1", id).text()).contains(id);
        assertThat(berth.crictl("ps", "-a").text()).contains("Exited");
        berth.crictl("rm", id).text();
        assertThat(berth.crictl("ps", "-a", "-q", "--pod", pod).text()).isEmpty();
        berth.crictl("stopp", pod).text();
        assertThat(berth.crictl("pods", "--id", pod).text()).contains("NotReady");
        berth.crictl("rmp", pod).text();
        assertThat(berth.crictl("pods", "-q", "--id", pod).text()).isEmpty();
    }

    @Test
    void containersOfAPodShareNetworkAndMemory() throws IOException, InterruptedException {
        String pod = pods.run("shared");
        pods.start(pod, "shared", pods.containerFile("writer", "echo hello > /dev/shm/note; exec sleep 1000"));
        String reader = pods.start(pod, "shared", pods.containerFile("reader", "exec sleep 1000"));
        Berth.until(
                "the note is there",
                Berth.LIMIT,
                () -> berth.crictl("exec", "-s", reader, "cat", "/dev/shm/note")
                        .out()
                        .contains("hello"));
        assertThat(berth.crictl("exec", "-s", reader, "cat", "/etc/hosts").text())
                .contains("10.88.");
        berth.crictl("rmp", "-f", pod).text();
    }

    @Test
    void exitCodesAreExact() throws IOException, InterruptedException {
        String pod = pods.run("exits");
        String id = pods.start(pod, "exits", pods.containerFile("exits", "exit 42"));
        Berth.until(
                "it has ended",
                Berth.LIMIT,
                () -> berth.crictl("inspect", id).out().contains("CONTAINER_EXITED"));
        assertThat(berth.crictl("inspect", id).text()).contains("\"exitCode\": 42", "\"reason\": \"Error\"");
        berth.crictl("rmp", "-f", pod).text();
    }

    @Test
    void eventsAreStreamed() throws IOException, InterruptedException {
        Process events = new ProcessBuilder(
                        Peers.need("crictl").toString(),
                        "--runtime-endpoint",
                        "unix://" + berth.state().resolve("berth.sock"),
                        "events")
                .redirectOutput(berth.folder().resolve("events.out").toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            Berth.until("an event has come", Berth.LIMIT, () -> {
                try {
                    String pod = pods.run("events");
                    berth.crictl("rmp", "-f", pod).text();
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
                return Berth.read(berth.folder().resolve("events.out")).contains("CONTAINER_DELETED_EVENT");
            });
        } finally {
            events.destroy();
            events.waitFor(5, TimeUnit.SECONDS);
        }
        assertThat(Files.readString(berth.folder().resolve("events.out"))).contains("CONTAINER_CREATED_EVENT");
    }
}
