package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.verify.Inventory.Fact;
import dev.berth.verify.Inventory.Kind;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.PortMapping;
import dev.berth.wire.cri.RuntimeCondition;
import dev.berth.wire.cri.StatusRequest;
import io.grpc.Status;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** Pods on Debian's CNI plugins, and on plugins that fail in every way. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CniTest {
    private static final Path PLUGINS = Path.of("/usr/lib/cni");
    private static final int HOST_PORT = 18731;
    private static final int PLUGIN_SECONDS = 3;
    private Set<Fact> before = Set.of();
    private Berth berth;
    private GrpcPods pods;
    private AtRest rest;
    private Path conflist;
    private Path mood;
    private String bridge;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        Assumptions.assumeTrue(
                Files.isExecutable(PLUGINS.resolve("host-local")), "containernetworking-plugins is not installed");
        before = Inventory.take();
        berth = Berth.start("""
                [network]
                conf_dir = "/var/lib/%%1$s/net.d"
                bin_dirs = ["/var/lib/%%1$s/bin", "/usr/lib/cni"]
                plugin_seconds = %d
                """.formatted(PLUGIN_SECONDS));
        bridge = berth.folder().getFileName() + "c";
        pods = new GrpcPods(berth);
        Path bin = Files.createDirectories(berth.folder().resolve("bin"));
        mood = berth.folder().resolve("mood");
        // Does as the bridge plugin does unless a file says how to fail.
        Path standIn = Files.writeString(bin.resolve("standin"), """
            #!/bin/sh
            case "$(cat %1$s 2>/dev/null)" in
              $CNI_COMMAND-refuse) echo '{"code": 7, "msg": "the stand-in has no mind to"}'
                exit 1 ;;
              $CNI_COMMAND-later) echo '{"code": 11, "msg": "the stand-in is busy"}'
                exit 1 ;;
              $CNI_COMMAND-after) %2$s/bridge >/dev/null; echo '{"code": 100, "msg": "the stand-in regrets"}'; exit 1 ;;
              both)
                [ $CNI_COMMAND = DEL ] || %2$s/bridge >/dev/null
                echo '{"code": 100, "msg": "the stand-in regrets"}'; exit 1 ;;
              $CNI_COMMAND-hang) sleep 1000 ;;
              $CNI_COMMAND-rubbish) echo '<html>'; exit 0 ;;
              $CNI_COMMAND-die) kill -9 $$ ;;
            esac
            exec %2$s/bridge
            """.formatted(mood, PLUGINS));
        Files.setPosixFilePermissions(standIn, PosixFilePermissions.fromString("rwxr-xr-x"));
        conflist = Files.createDirectories(berth.folder().resolve("net.d")).resolve("10-test.conflist");
        configure();
        pods.pull(berth.image("busybox"));
        rest = AtRest.settled(berth);
    }

    /** A bridge that somebody may let fail, host ports, a firewall and a limit of bandwidth, as clusters have it. */
    private void configure() throws IOException {
        Files.writeString(conflist, """
                {"cniVersion": "1.0.0", "name": "%1$s", "plugins": [
                  {"type": "standin", "bridge": "%1$s", "isGateway": true, "ipMasq": true, "hairpinMode": true,
                   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.249.53.0/24"}]],
                            "routes": [{"dst": "0.0.0.0/0"}]}},
                  {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true},
                  {"type": "firewall"},
                  {"type": "bandwidth", "capabilities": {"bandwidth": true}}]}
                """.formatted(bridge));
    }

    @BeforeEach
    void goodMood() throws IOException {
        configure();
        Files.deleteIfExists(mood);
    }

    @AfterEach
    void tidy() throws IOException, InterruptedException {
        goodMood();
        pods.removeAll();
        nothingIsHeld();
    }

    private void nothingIsHeld() throws InterruptedException {
        rest.isSame(berth);
        assertThat(leases()).as("addresses that host-local still holds").isEmpty();
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            pods.close();
            Berth.run(List.of("ip", "link", "delete", bridge));
            berth.close();
            Berth.run(List.of("rm", "-rf", "/var/lib/cni/networks/" + bridge));
            forgetChains();
        }
    }

    /** The plugins make chains for everybody's use and never take them away. */
    private void forgetChains() {
        List<String[]> added = Inventory.take().stream()
                .filter(fact -> fact.kind() == Kind.IPTABLES && !before.contains(fact))
                .map(fact -> fact.text().split(" ", 3))
                .filter(parts -> parts[0].equals("iptables-save") && parts[2].contains("CNI-"))
                .toList();
        for (String[] rule : added) {
            if (rule[2].startsWith("-A")) {
                Berth.run(List.of("sh", "-c", "iptables -t " + rule[1].substring(1) + " -D" + rule[2].substring(2)));
            }
        }
        for (String[] chain : added) {
            if (chain[2].startsWith(":CNI-")) {
                String name = chain[2].substring(1).split(" ", 2)[0];
                Berth.run(List.of("iptables", "-t", chain[1].substring(1), "-X", name));
            }
        }
        for (String table : List.of("nat", "filter")) {
            boolean wasThere = before.stream().anyMatch(fact -> fact.toString().startsWith("NFT table ip " + table));
            boolean used =
                    Berth.run(List.of("iptables", "-t", table, "-S")).out().contains("-A ");
            if (!wasThere && !used) {
                Berth.run(List.of("nft", "delete", "table", "ip", table));
            }
        }
    }

    private List<String> leases() {
        Path folder = Path.of("/var/lib/cni/networks", bridge);
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.startsWith("10."))
                    .toList();
        } catch (IOException none) {
            return List.of();
        }
    }

    private String ip(String pod) {
        return pods.runtime()
                .podSandboxStatus(PodSandboxStatusRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .build())
                .getStatus()
                .getNetwork()
                .getIp();
    }

    private RuntimeCondition network() {
        return pods.runtime().status(StatusRequest.getDefaultInstance()).getStatus().getConditionsList().stream()
                .filter(condition -> condition.getType().equals("NetworkReady"))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aPodIsReachedThroughItsHostPortAndKeepsItsAddress() throws IOException, InterruptedException {
        var config = pods.pod("web")
                .addPortMappings(PortMapping.newBuilder().setContainerPort(80).setHostPort(HOST_PORT))
                .putAnnotations("kubernetes.io/ingress-bandwidth", "100M")
                .build();
        String pod = pods.run(config, "");
        String ip = ip(pod);
        assertThat(ip).startsWith("10.249.53.");
        assertThat(leases()).containsExactly(ip);
        pods.start(pods.create(
                pod,
                pods.container("web", "httpd", "-f", "-p", "80", "-h", "/var/www")
                        .build()));
        Berth.until("it serves", Berth.LIMIT, () -> page("http://" + ip + "/").contains("It works"));
        String published = "http://127.0.0.1:" + HOST_PORT + "/";
        Berth.until("its port is published", Berth.LIMIT, () -> page(published).contains("It works"));

        berth.kill();
        berth.launch();

        assertThat(ip(pod)).isEqualTo(ip);
        Berth.until(
                "its port is still published",
                Berth.LIMIT,
                () -> page(published).contains("It works"));
        Files.delete(conflist); // what was added is taken away by what is remembered of it
        pods.stop(pod);
        assertThat(leases()).isEmpty();
        assertThat(Berth.run(List.of("iptables-save")).out()).doesNotContain(":" + HOST_PORT, pod);
        pods.remove(pod);
    }

    /** Each of the dead takes the plugin's whole limit, again and again; nobody else waits for them. */
    @Test
    void podsThatDiedInAPluginThatHangsHoldUpNobodyElse() throws IOException, InterruptedException {
        int dead = 8;
        for (int i = 0; i < dead; i++) {
            pods.run("dead" + i);
        }
        Files.writeString(mood, "DEL-hang");
        berth.reboot(List.of());
        forgetChains(); // the kernel's rules do not survive one
        berth.launch();
        reconnect();
        long start = Ticker.system().nanos();
        String pod = pods.run("alive");
        assertThat(Ticker.system().since(start))
                .as("less than the dead would take, one after the other")
                .isLessThan(Duration.ofSeconds(PLUGIN_SECONDS * dead / 2));
        assertThat(leases()).as("the dead ones have theirs still").hasSize(dead + 1);
        Files.delete(mood);
        Berth.until("they have given their addresses back", Berth.LIMIT, () -> leases().size() == 1);
        assertThat(leases()).containsExactly(ip(pod));
    }

    private void reconnect() {
        pods.close();
        pods = new GrpcPods(berth);
    }

    private static String page(String address) {
        try (HttpClient client =
                HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build()) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(address))
                    .timeout(Duration.ofSeconds(3))
                    .build();
            return client.send(request, HttpResponse.BodyHandlers.ofString()).body();
        } catch (IOException notYet) {
            return "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }

    @Test
    void withoutAConfigTheNetworkIsNotReadyAndStatusSaysWhatToDo() throws IOException {
        String pod = pods.run("stays");
        assertThat(network().getStatus()).isTrue();
        Files.delete(conflist);
        assertThat(network().getStatus()).isFalse();
        assertThat(network().getReason()).isEqualTo("NoCniConfig");
        assertThat(network().getMessage()).contains("/net.d", "Install a CNI network", "network.mode = \"builtin\"");
        GrpcPods.refused(Status.Code.UNAVAILABLE, () -> pods.run("none"), "no network config", "Install a CNI network");

        Files.writeString(conflist, "{\"cniVersion\": \"1.0.0\", \"name\": \"broken\", ");
        assertThat(network().getReason()).isEqualTo("BrokenCniConfig");
        assertThat(network().getMessage()).contains(conflist.toString(), "Correct or remove the file");
        GrpcPods.refused(Status.Code.UNAVAILABLE, () -> pods.run("broken"), conflist.toString(), "Correct or remove");

        pods.stop(pod);
        pods.remove(pod);
    }

    @Test
    void aPluginThatIsMissingIsNamed() throws IOException {
        Files.writeString(conflist, Files.readString(conflist).replace("\"firewall\"", "\"nosuchplugin\""));
        assertThat(network().getReason()).isEqualTo("CniPluginMissing");
        assertThat(network().getMessage()).contains("nosuchplugin", PLUGINS.toString(), "network.bin_dirs");
        GrpcPods.refused(
                Status.Code.FAILED_PRECONDITION, () -> pods.run("missing"), "nosuchplugin", "Install the plugin");
    }

    private void refusedIn(String newMood, Status.Code code, String... words) throws IOException, InterruptedException {
        Files.writeString(mood, newMood);
        GrpcPods.refused(code, () -> pods.run("moody"), words);
        Files.delete(mood);
        nothingIsHeld();
        String pod = pods.run("moody");
        assertThat(ip(pod)).startsWith("10.249.53.");
        pods.remove(pod);
    }

    @Test
    void aPluginThatFailsToAddLeavesNothing() throws IOException, InterruptedException {
        refusedIn("ADD-refuse", Status.Code.INTERNAL, "standin ADD", "no mind to", "Look at the plugin");
        refusedIn("ADD-later", Status.Code.UNAVAILABLE, "standin ADD", "is busy", "Try again later");
        refusedIn("ADD-after", Status.Code.INTERNAL, "standin ADD", "regrets", "Look at the plugin");
        refusedIn("ADD-rubbish", Status.Code.INTERNAL, "standin ADD", "its answer is of no use", "Install a version");
        refusedIn("ADD-die", Status.Code.INTERNAL, "standin ADD", "signal 9", "Look at the plugin");
        refusedIn("ADD-hang", Status.Code.DEADLINE_EXCEEDED, "standin ADD", "did not end within 3 s", "own log");
    }

    /** The pod is stopped as soon as the plugin allows it; until then nothing is forgotten. */
    @Test
    void aPluginThatFailsToDeleteIsAskedAgain() throws IOException {
        String[] said = {"no mind to", "did not end within"};
        Status.Code[] codes = {Status.Code.INTERNAL, Status.Code.DEADLINE_EXCEEDED};
        List<String> moods = List.of("DEL-refuse", "DEL-hang");
        for (int i = 0; i < moods.size(); i++) {
            String pod = pods.run("delete" + i);
            Files.writeString(mood, moods.get(i));
            GrpcPods.refused(codes[i], () -> pods.stop(pod), "standin DEL", said[i]);
            GrpcPods.refused(codes[i], () -> pods.remove(pod), "standin DEL", said[i]);
            assertThat(leases()).hasSize(1);
            Files.delete(mood);
            pods.stop(pod);
            assertThat(leases()).isEmpty();
            pods.remove(pod);
        }
    }

    /** The call fails for its own reason; what could not be undone at that time is undone later. */
    @Test
    void aPluginThatFailsToAddAndToDeleteLeavesNothingInTheEnd() throws IOException, InterruptedException {
        Files.writeString(mood, "both");
        GrpcPods.refused(Status.Code.INTERNAL, () -> pods.run("both"), "standin ADD", "regrets");
        assertThat(leases()).hasSize(1);
        Files.delete(mood);
        String pod = pods.run("both"); // the next request of that name takes the rest away
        pods.remove(pod);
    }
}
