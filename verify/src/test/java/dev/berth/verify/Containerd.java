package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.daemon.cli.CriClient;
import dev.berth.wire.cri.VersionRequest;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** The other side of comparisons: containerd 2.4.2 with runc 1.5.1, in folders of its own. */
final class Containerd implements AutoCloseable {
    private final Path folder;
    private final Process process;

    private Containerd(Path folder, Process process) {
        this.folder = folder;
        this.process = process;
    }

    /**
     * Starts it and waits until it answers.
     *
     * @param certs a tree of hosts.toml
     * @param pause reference of its sandbox image
     * @param cni directory of the CNI config that both sides use
     */
    static Containerd start(Path folder, Path certs, String pause, Path cni) throws IOException, InterruptedException {
        return start(folder, certs, pause, cni, "", "");
    }

    /**
     * Starts it with more settings.
     *
     * @param images lines for the table of CRI's images
     * @param more lines below the others
     */
    static Containerd start(Path folder, Path certs, String pause, Path cni, String images, String more)
            throws IOException, InterruptedException {
        Files.createDirectories(folder);
        Path config = Files.writeString(folder.resolve("config.toml"), """
                version = 3
                root = "%1$s/root"
                state = "%1$s/state"
                [grpc]
                  address = "%1$s/containerd.sock"
                [ttrpc]
                  address = "%1$s/containerd.sock.ttrpc"
                [plugins.'io.containerd.cri.v1.images']
                %6$s
                  [plugins.'io.containerd.cri.v1.images'.pinned_images]
                    sandbox = "%3$s"
                  [plugins.'io.containerd.cri.v1.images'.registry]
                    config_path = "%2$s"
                [plugins.'io.containerd.cri.v1.runtime']
                  restrict_oom_score_adj = true
                  [plugins.'io.containerd.cri.v1.runtime'.cni]
                    bin_dirs = ["/usr/lib/cni"]
                    conf_dir = "%4$s"
                  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
                    runtime_type = "io.containerd.runc.v2"
                    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
                      BinaryName = "%5$s"
                %7$s
                """.formatted(
                        folder, certs, pause, cni, Peers.need("runc"), images, more));
        Path bin = Peers.need("containerd").getParent();
        var builder = new ProcessBuilder(
                        Peers.need("containerd").toString(), "--config", config.toString(), "--log-level", "warn")
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile());
        builder.environment().put("PATH", bin + ":" + System.getenv("PATH"));
        var started = new Containerd(folder, builder.start());
        Berth.until("containerd answers", Berth.LIMIT, started::answers);
        return started;
    }

    private boolean answers() {
        try (CriClient client = CriClient.open(socket())) {
            client.runtime(Duration.ofSeconds(2)).version(VersionRequest.getDefaultInstance());
            return true;
        } catch (StatusRuntimeException notYet) {
            assertThat(process.isAlive())
                    .as(() -> Berth.read(folder.resolve("log")))
                    .isTrue();
            return false;
        }
    }

    Path socket() {
        return folder.resolve("containerd.sock");
    }

    long pid() {
        return process.pid();
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
