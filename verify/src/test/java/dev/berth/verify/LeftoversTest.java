package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** Clean-up that fails is not forgotten: it is tried again until it is done, with nobody asking. */
@ExtendWith(Leaks.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LeftoversTest {

    private Berth berth;
    private PodFixture pods;
    private Path broken;
    private Path calls;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start(
                "[network]\nconf_dir = \"/var/lib/%1$s/net.d\"\nbin_dirs = [\"/var/lib/%1$s/plugins\"]\n[images]\nsnapshotter = \"overlay\"\n");
        pods = new PodFixture(berth);
        broken = berth.folder().resolve("broken");
        calls = Files.createFile(berth.folder().resolve("calls"));
        Path plugin = Files.createDirectories(berth.folder().resolve("plugins")).resolve("standin");
        Files.writeString(plugin, """
                #!/bin/sh
                case "$CNI_COMMAND" in
                  VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}' ;;
                  ADD) echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"'"$CNI_NETNS"'"}],"ips":[{"address":"10.99.0.5/24","interface":0}]}' ;;
                  DEL)
                    [ -e FOLDER/broken ] && { echo '{"cniVersion":"1.0.0","code":11,"msg":"not today"}'; exit 1; }
                    echo "$CNI_CONTAINERID" >>FOLDER/calls ;;
                esac
                """.replace("FOLDER", berth.folder().toString()));
        Files.setPosixFilePermissions(plugin, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path conf = Files.createDirectories(berth.folder().resolve("net.d"));
        Files.writeString(
                conf.resolve("10-standin.conflist"),
                "{\"cniVersion\":\"1.0.0\",\"name\":\"standin\",\"plugins\":[{\"type\":\"standin\"}]}");
        berth.crictl("pull", berth.image("busybox")).text();
        Berth.until(
                "the network is ready",
                Berth.LIMIT,
                () -> berth.crictl("info").out().contains("\"NetworkReady\"")
                        && !berth.crictl("runp", podFile("probe")).text().isEmpty());
        berth.crictl("rmp", "-f", berth.crictl("pods", "-q", "--name", "probe").text())
                .text();
    }

    /** What is needed for the second attempt stays. */
    @Test
    void aResetThatCannotDisconnectAPodSaysSoAndCanBeRepeated() throws Exception {
        String pod = berth.crictl("runp", podFile("reset")).text();
        Files.createFile(broken);
        berth.daemon().destroy();
        assertThat(berth.daemon().waitFor()).isNotNegative();
        var elsewhere = new ArrayList<>(List.of("unshare", "--mount"));
        elsewhere.addAll(resetting());
        assertThat(Berth.run(elsewhere).err()).contains("another mount namespace", "nsenter");
        Berth.Result first = reset();
        assertThat(first.exit()).isEqualTo(1);
        assertThat(first.out()).contains("could not be disconnected", pod, "reset again");
        assertThat(berth.root()).exists();
        Files.delete(broken);
        assertThat(reset().text()).contains("nothing is left");
        assertThat(Files.readString(calls)).contains(pod);
        assertThat(berth.root()).doesNotExist();
        berth.launch();
        berth.crictl("pull", berth.image("busybox")).text();
        berth.crictl("rmp", "-f", berth.crictl("runp", podFile("again")).text()).text();
    }

    private Berth.Result reset() {
        return Berth.run(resetting());
    }

    private List<String> resetting() {
        return Berth.berth("reset", "--yes", "--config", berth.config().toString())
                .command();
    }

    private String podFile(String name) {
        try {
            return pods.podFile(name);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            Files.deleteIfExists(broken);
            berth.close();
        }
    }

    @AfterEach
    void mend() throws IOException {
        Files.deleteIfExists(broken);
    }

    private void logged(String text) throws InterruptedException {
        Berth.until(
                "the log says " + text,
                Berth.LIMIT,
                () -> Berth.read(berth.log()).contains(text));
    }

    @Test
    void aNetworkThatCouldNotBeGivenBack() throws Exception {
        String pod = pods.run("net");
        Files.createFile(broken);
        assertThat(berth.crictl("stopp", pod).err()).contains("not today");
        logged("clean-up (pod-stop) of " + pod + " failed");
        assertThat(berth.state().resolve("netns").resolve(pod)).exists();
        Files.delete(broken);
        logged("clean-up (pod-stop) of " + pod + ": done at last");
        assertThat(Berth.read(calls)).contains(pod);
        assertThat(berth.state().resolve("netns").resolve(pod)).doesNotExist();
        berth.crictl("rmp", pod).text();
    }

    @Test
    void aRemovalThatWasAskedForIsFinishedAlsoByTheNextDaemon() throws Exception {
        String pod = pods.run("gone");
        Files.createFile(broken);
        assertThat(berth.crictl("stopp", pod).exit()).isNotZero();
        assertThat(berth.crictl("rmp", pod).exit()).isNotZero();
        logged("clean-up (pod-removal) of " + pod + " failed");
        berth.kill();
        Files.delete(broken);
        berth.launch();
        Berth.until(
                "the pod is gone",
                Berth.LIMIT,
                () -> berth.crictl("pods", "-q", "--id", pod).text().isEmpty());
        assertThat(Berth.read(calls)).contains(pod);
    }

    @Test
    void aLayerThatCouldNotBeRemoved() throws Exception {
        String pod = pods.run("layer");
        Set<Path> before = layers();
        String container = pods.create(pod, "layer", pods.containerFile("layer", "true"));
        Path layer = layers().stream()
                .filter(path -> !before.contains(path))
                .findFirst()
                .orElseThrow();
        Path busy = Files.createDirectories(layer.resolve("fs/busy"));
        try (var mount = Mounts.tmpfs(Map.of("size", "4096"), Set.of())) {
            mount.moveTo(busy);
        }
        berth.crictl("rm", container);
        assertThat(layer).exists();
        Mounts.unmount(busy);
        Berth.until("the layer is gone", Berth.LIMIT, () -> !Files.exists(layer));
        assertThat(berth.crictl("ps", "-aq", "--id", container).text()).isEmpty();
        berth.crictl("rmp", "-f", pod).text();
    }

    private Set<Path> layers() throws IOException {
        try (var listing = Files.list(berth.root().resolve("snapshots"))) {
            return listing.collect(java.util.stream.Collectors.toSet());
        }
    }
}
