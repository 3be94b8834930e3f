package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.linux.cgroup.Cgroups;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a supervisor that was killed has left of the trials of its runtimes. */
@Timeout(60)
class RuntimeTrialTest {
    private final String id = "bt" + Ids.random().substring(0, 8);
    private final Cgroups cgroups = Cgroups.detect(Ticker.system());
    private final Cgroup cgroup = cgroups.cgroup("/" + id);

    RuntimeTrialTest() throws IOException {}

    @AfterEach
    void tidy() throws IOException, InterruptedException {
        cgroup.kill(Duration.ofSeconds(5));
        cgroup.remove(Duration.ofSeconds(5));
    }

    @Test
    void itsContainerItsCgroupAndItsFilesAreTakenAway(@TempDir Path scratch) throws IOException, InterruptedException {
        Process left = new ProcessBuilder("sleep", "600").start();
        cgroup.create();
        cgroup.attach((int) left.pid());
        Path trial = Files.createDirectories(scratch.resolve("trial1"));
        Files.createDirectory(trial.resolve("oci"));
        Files.writeString(
                trial.resolve("config.json"),
                "{\"ociVersion\":\"1.0.0\",\"linux\":{\"cgroupsPath\":\"/%s\",\"namespaces\":[]}}".formatted(id));
        Path torn = Files.createDirectories(scratch.resolve("trial2"));
        Files.writeString(torn.resolve("config.json"), "{\"ociVersion\"");
        Path early = Files.createDirectories(scratch.resolve("trial3"));
        Files.createDirectory(early.resolve("rootfs"));
        Path answer = Files.writeString(scratch.resolve("output1"), "");

        RuntimeTrial.tidy(scratch, cgroups);

        assertThat(left.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(cgroup.exists()).isFalse();
        assertThat(trial).doesNotExist();
        assertThat(torn).doesNotExist();
        assertThat(early).doesNotExist();
        assertThat(answer).doesNotExist();
    }
}
