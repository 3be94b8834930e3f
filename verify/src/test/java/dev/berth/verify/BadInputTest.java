package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** What cannot work is refused with the right code and a message that says what to do, and leaves nothing behind. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class BadInputTest {
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

    private void refused(Berth.Result result, String code, String... words) {
        assertThat(result.exit()).isNotZero();
        assertThat(result.err()).contains("code = " + code).contains(words);
    }

    @Test
    void images() {
        refused(berth.crictl("pull", berth.registry().authority() + "/nothing:here"), "NotFound", "nothing");
        refused(berth.crictl("pull", "bad::reference"), "InvalidArgument", "bad::reference");
        refused(berth.crictl("pull", "no.such.host.invalid/x:1"), "Unavailable", "no.such.host.invalid");
        refused(
                berth.crictl("pull", berth.registry().authority() + "/busybox@sha256:" + "0".repeat(64)),
                "NotFound",
                "busybox");
        refused(berth.crictl("pull", "127.0.0.1:1/busybox:latest"), "Unavailable", "127.0.0.1:1");
    }

    @Test
    void unknownIds() {
        refused(berth.crictl("inspectp", "0123456789ab"), "NotFound", "0123456789ab");
        refused(berth.crictl("inspect", "0123456789ab"), "NotFound", "0123456789ab");
        refused(berth.crictl("start", "0123456789ab"), "NotFound", "0123456789ab");
        refused(berth.crictl("exec", "-s", "0123456789ab", "true"), "NotFound", "0123456789ab");
    }

    @Test
    void aNameThatIsTaken() throws IOException {
        String pod = pods.run("twice");
        refused(berth.crictl("runp", pods.podFile("twice")), "AlreadyExists", "twice");
        String file = pods.containerFile("twice", "sleep 1000");
        pods.create(pod, "twice", file);
        refused(berth.crictl("create", pod, file, pods.podFile("twice")), "AlreadyExists", "twice");
        berth.crictl("rmp", "-f", pod).text();
    }

    @Test
    void anUnknownHandler() throws IOException {
        refused(berth.crictl("runp", "-r", "nothere", pods.podFile("handler")), "InvalidArgument", "nothere");
        assertThat(berth.crictl("pods", "-q", "--name", "handler").text()).isEmpty();
    }

    @Test
    void aCgroupParentBelowWhichNothingCanBe() throws IOException {
        String file = pods.podFile("parent", "{\"cgroup_parent\": \"kubepods-pod1.slice\"}");
        refused(berth.crictl("runp", file), "InvalidArgument", "kubepods-pod1.slice", "same cgroup driver");
        refused(
                berth.crictl("runp", pods.podFile("parent", "{\"cgroup_parent\": \"/../x\"}")),
                "InvalidArgument",
                "/../x");
        assertThat(berth.crictl("pods", "-q", "--name", "parent").text()).isEmpty();
        berth.crictl("statsp").text();
    }

    @Test
    void aContainerThatCannotBeMade() throws IOException {
        String pod = pods.run("bad");
        refused(
                berth.crictl(
                        "create",
                        pod,
                        pods.containerFile("image", "nowhere.example/none:1", "\"true\"", ""),
                        pods.podFile("bad")),
                "NotFound",
                "Pull it first");
        berth.crictl("rmp", "-f", pod).text();
    }

    @Test
    void aCommandThatIsNotThere() throws IOException {
        String pod = pods.run("command");
        String id = pods.create(
                pod, "command", pods.containerFile("command", berth.image("busybox"), "\"/no/such/thing\"", ""));
        refused(berth.crictl("start", id), "InvalidArgument", "/no/such/thing");
        assertThat(berth.crictl("inspect", id).text()).contains("StartError", "CONTAINER_EXITED");
        String good = pods.start(pod, "command", pods.containerFile("good", "exec sleep 1000"));
        refused(berth.crictl("exec", "-s", good, "nosuchcommand"), "InvalidArgument", "nosuchcommand");
        refused(berth.crictl("exec", "-s", "--timeout", "1", good, "sleep", "100"), "DeadlineExceeded", "sleep");
        berth.crictl("rmp", "-f", pod).text();
    }

    @Test
    void aMissingLogDirectory() throws IOException {
        String pod = pods.run("nolog");
        String file = pods.containerFile("deep", berth.image("busybox"), "\"true\"", ", \"annotations\": {}");
        Files.writeString(Path.of(file), Files.readString(Path.of(file)).replace("deep.log", "none/deep.log"));
        refused(berth.crictl("create", pod, file, pods.podFile("nolog")), "FailedPrecondition", "does not exist");
        berth.crictl("rmp", "-f", pod).text();
    }

    @Test
    void aSecondDaemonOnTheSameState() throws IOException, InterruptedException {
        Process second = Berth.berth("daemon", "--config", berth.config().toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(second.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assertThat(Berth.ended(second)).isTrue();
        assertThat(second.exitValue()).isEqualTo(1);
        assertThat(said)
                .contains(
                        "use the state directory", String.valueOf(berth.daemon().pid()), "Stop that daemon");
    }
}
