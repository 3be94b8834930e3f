package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What is left when the daemon, the supervisor or both are killed without warning. */
@ExtendWith(Leaks.class)
class KillTest {
    private static final String COUNT = "i=0; while true; do echo tick $i; i=$((i+1)); sleep 0.1; done";

    private Berth berth;
    private PodFixture pods;
    private String pod;
    private String counter;
    private String ip;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
        pods = new PodFixture(berth);
        berth.crictl("pull", berth.image("busybox")).text();
        pod = pods.run("kept");
        counter = pods.start(pod, "kept", pods.containerFile("counter", COUNT));
        ip = ipOf(pod);
        Berth.until("it counts", Berth.LIMIT, () -> pods.log("counter").contains("tick 5"));
    }

    @AfterEach
    void stop() throws IOException {
        if (berth != null) {
            berth.close();
        }
    }

    @Test
    void theDaemonIsKilled() throws IOException, InterruptedException {
        String ending = pods.start(pod, "kept", pods.containerFile("ending", "sleep 1; exit 9"));
        berth.kill();
        Berth.until("some time has gone by", Berth.LIMIT, () -> ticks().size() > 30);
        berth.launch();
        everythingIsAsBefore();
        Berth.until(
                "its end is known",
                Berth.LIMIT,
                () -> berth.crictl("inspect", ending).out().contains("\"exitCode\": 9"));
    }

    @Test
    void theSupervisorIsKilled() throws InterruptedException {
        long old = berth.supervisor().orElseThrow().pid();
        berth.killSupervisor();
        Berth.until(
                "another has taken over",
                Berth.LIMIT,
                () -> berth.supervisor().filter(now -> now.pid() != old).isPresent());
        everythingIsAsBefore();
    }

    @Test
    void bothAreKilled() throws IOException, InterruptedException {
        berth.killSupervisor();
        berth.kill();
        berth.launch();
        everythingIsAsBefore();
    }

    @Test
    void aContainerWithATerminalLivesOn() throws IOException, InterruptedException {
        String id = pods.start(
                pod,
                "kept",
                pods.containerFile(
                        "tty", berth.image("busybox"), "\"sleep\", \"1000\"", ", \"tty\": true, \"stdin\": true"));
        berth.killSupervisor();
        berth.kill();
        berth.launch();
        everythingIsAsBefore();
        assertThat(berth.crictl("exec", "-s", id, "echo", "alive").text()).isEqualTo("alive");
    }

    @Test
    void theMachineIsRestarted() throws IOException, InterruptedException {
        berth.reboot(List.of(counter, pod));
        berth.launch();

        Berth.until(
                "the pod is not ready",
                Berth.LIMIT,
                () -> berth.crictl("pods", "--id", pod).out().contains("NotReady"));
        Berth.until(
                "the container has ended",
                Berth.LIMIT,
                () -> berth.crictl("inspect", counter).out().contains("CONTAINER_EXITED"));
        assertThat(berth.crictl("inspect", counter).text()).contains("\"exitCode\": 255", "\"reason\": \"Unknown\"");
        assertThat(berth.crictl("images", "-q").text()).isNotEmpty();
        berth.crictl("rmp", pod).text();
        String again = pods.run("again");
        pods.start(again, "again", pods.containerFile("again", "echo back; exec sleep 1000"));
        Berth.until("a new pod runs", Berth.LIMIT, () -> pods.log("again").contains("back"));
    }

    /** Same pod, same address, same container, and a log without a gap that goes on. */
    private void everythingIsAsBefore() throws InterruptedException {
        Berth.until(
                "the container can be reached",
                Berth.LIMIT,
                () -> berth.crictl("exec", "-s", counter, "echo", "alive").out().contains("alive"));
        assertThat(berth.crictl("ps", "-q", "--no-trunc").text()).contains(counter);
        assertThat(ipOf(pod)).isEqualTo(ip);
        int seen = ticks().size();
        Berth.until("the log goes on", Berth.LIMIT, () -> ticks().size() > seen + 5);
        List<Integer> ticks = ticks();
        assertThat(ticks).isEqualTo(IntStream.range(0, ticks.size()).boxed().toList());
    }

    private List<Integer> ticks() {
        String log = pods.log("counter");
        return log.substring(0, log.lastIndexOf('\n') + 1) // it may be read in the middle of a line's writing
                .lines()
                .filter(line -> line.contains(" stdout F tick "))
                .map(line -> Integer.valueOf(line.substring(line.lastIndexOf(' ') + 1)))
                .toList();
    }

    private String ipOf(String id) {
        return berth.crictl("inspectp", "-o", "go-template", "--template", "{{.status.network.ip}}", id)
                .text();
    }
}
