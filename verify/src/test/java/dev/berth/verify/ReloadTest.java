package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.Signals;
import dev.berth.wire.cri.StatusRequest;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;

/** SIGHUP: the config is read anew while pods run, and followed, refused, or put off to the next start. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@ExtendWith(Leaks.class)
class ReloadTest {
    private static final String ANSWERED = "was read anew|the config was not taken";

    private Berth berth;
    private GrpcPods pods;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
        pods = new GrpcPods(berth);
        pods.pull(berth.image("busybox"));
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            pods.removeAll();
            pods.close();
            berth.close();
        }
    }

    /** What is said from the signal to the answer. */
    private String reload(String config) throws IOException, InterruptedException {
        Files.writeString(berth.config(), config);
        int before = Berth.read(berth.log()).length();
        assertThat(Signals.send(Math.toIntExact(berth.daemon().pid()), Signals.HUP))
                .isTrue();
        var answered = Pattern.compile(ANSWERED);
        Berth.until(
                "the daemon has read its config",
                Berth.LIMIT,
                () -> answered.matcher(Berth.read(berth.log()).substring(before))
                        .find());
        return Berth.read(berth.log()).substring(before);
    }

    private String config() {
        return Berth.read(berth.config());
    }

    @Test
    @Order(1)
    void whatCanBeFollowedIsFollowedAndPodsRunOn() throws IOException, InterruptedException {
        String pod = pods.run("before");
        String container =
                pods.create(pod, pods.container("main", "sleep", "1000").build());
        pods.start(container);
        long pid = berth.daemon().pid();
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT, () -> pods.run(pods.pod("late").build(), "late"), "[runtime.late]");
        String elsewhere = "127.0.0.1:1/busybox:latest";
        assertThat(berth.crictl("pull", elsewhere).exit()).isNotZero();
        Path hosts = Files.createDirectories(berth.folder().resolve("certs2.d/127.0.0.1:1"));
        Files.writeString(
                hosts.resolve("hosts.toml"),
                "server = \"http://" + berth.registry().authority() + "\"\n");
        assertThat(Berth.read(berth.log())).doesNotContain(" DEBUG ");

        String said = reload("log_level = \"debug\"\n" + config().replace("certs.d", "certs2.d")
                + """
                [runtime.late]
                path = "%s"
                pod_annotations = ["example.org/*"]
                [streaming]
                idle_minutes = 7
                """.formatted(Files.copy(
                        Path.of("/usr/bin/crun"), berth.folder().resolve("late"))));
        assertThat(said)
                .contains("now in force: log_level, registry.config_path, runtime.late.")
                .contains("runtime.late.path", "runtime.late.pod_annotations", "streaming.idle_minutes")
                .doesNotContain("restart");
        assertThat(berth.crictl("pull", elsewhere).text()).isNotEmpty();
        assertThat(pods.runtime().status(StatusRequest.getDefaultInstance()).getRuntimeHandlersList())
                .filteredOn(handler -> handler.getName().equals("late"))
                .as("its features are known before a pod asks for it")
                .singleElement()
                .matches(handler -> handler.getFeatures().getRecursiveReadOnlyMounts());
        String late = pods.run(pods.pod("late").build(), "late");
        pods.start(pods.create(late, pods.container("late", "sleep", "1000").build()));
        pods.remove(late);
        Berth.until(
                "it is more talkative",
                Berth.LIMIT,
                () -> Berth.read(berth.log()).contains(" DEBUG "));
        assertThat(berth.crictl("exec", "-s", container, "echo", "alive").text())
                .isEqualTo("alive");
        assertThat(berth.daemon().pid()).isEqualTo(pid);
        assertThat(berth.daemon().isAlive()).isTrue();
        assertThat(berth.crictl("info").text()).contains("\"late\"");
    }

    @Test
    @Order(2)
    void aBrokenFileIsRefusedWithItsLineAndChangesNothing() throws IOException, InterruptedException {
        String good = config();
        long lines = good.lines().count();
        assertThat(reload(good + "[registry.login.x]\nusername = 7\n"))
                .contains("the old one stays in force: config " + berth.config() + ", line " + (lines + 2)
                        + ", setting registry.login.x.username: 7 is not a text");
        assertThat(reload(good + "\n\nlevel = \n[cri]\n")).contains(", line " + (lines + 3) + ": it is not TOML");
        assertThat(reload(good + "[streaming2]\nport = 1\n")).contains("Did you mean streaming?");
        String spec = good.replace("pod_annotations", "base_spec = \"" + berth.config() + "\"\npod_annotations");
        assertThat(reload(spec)).contains("setting runtime.late.base_spec", "no OCI spec that can be read");
        assertThat(reload(good + "tls_certificate = \"/no/such\"\ntls_key = \"/no/such\"\n"))
                .contains("the old one stays in force", "streaming.tls_certificate");
        assertThat(pods.run(pods.pod("still").build(), "late")).isNotEmpty();
        assertThat(reload(good)).contains("no setting that is followed at once has changed");
    }

    @Test
    @Order(3)
    void whatTakesARestartIsNamed() throws IOException, InterruptedException {
        String good = config();
        String said = reload(good.replace("[network]\n", "[network]\nspare_namespaces = 1\n")
                .replace("idle_minutes = 7", "idle_minutes = 8\nport = 1234"));
        assertThat(said)
                .contains("now in force: streaming.idle_minutes")
                .contains("take a restart of the daemon to be followed: network.spare_namespaces, streaming.port");
        assertThat(pods.run("spared")).isNotEmpty();
        assertThat(reload(good))
                .contains("now in force: streaming.idle_minutes")
                .doesNotContain("restart");
    }
}
