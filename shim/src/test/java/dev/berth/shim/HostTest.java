package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.MountAttributes;
import dev.berth.linux.Mounts;
import dev.berth.linux.Propagation;
import dev.berth.linux.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the host sees of a running container, and who else may work in its state directory. */
class HostTest extends BusyboxNode {
    @Override
    Node open(Path busybox) throws IOException, InterruptedException {
        return Node.inside(busybox);
    }

    @AfterEach
    void unmount() throws IOException { // before the node is closed
        Mounts.unmountAll(node.directory.resolve("volume/below"));
        Mounts.unmountAll(node.directory.resolve("volume"));
    }

    private long mounts() throws IOException {
        return Mounts.list().stream()
                .filter(mount -> mount.target().contains(node.mark))
                .count();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void nothingOfAContainerIsInTheHostsMountTable(String runtime) throws Exception {
        long before = mounts();
        var container = node.container(Busybox.config("sh", "-c", "echo kept > /file; while :; do sleep 1; done"));
        node.create(container, runtime);
        node.start(container);
        assertThat(mounts()).isEqualTo(before);
        node.exec(container, "e1", Busybox.config("cat", "/file"));
        node.start(container, "e1");
        node.await(container, "e1");
        assertThat(mounts()).isEqualTo(before);
        node.kill(container, Signals.KILL);
        node.await(container, "");
        node.delete(container, "");
        assertThat(container.directory().resolve("upper/file")).hasContent("kept");
        node.assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void aMountInASharedVolumeReachesTheHost(String runtime) throws Exception {
        Path volume = Files.createDirectories(node.directory.resolve("volume"));
        try (DetachedMount memory = Mounts.tmpfs(Map.of(), Set.of())) {
            memory.moveTo(volume);
        }
        Mounts.setattr(volume, MountAttributes.nothing().with(Propagation.SHARED), false);
        Path below = Files.createDirectory(volume.resolve("below"));
        var container = node.container(
                Busybox.config("sh", "-c", "mount -t tmpfs none /tmp/volume/below && touch /tmp/volume/below/seen")
                        .mount("/tmp/volume", "bind", volume.toString(), "rbind", "rshared")
                        .linux(",\"rootfsPropagation\":\"rshared\""));
        node.create(container, runtime);
        node.start(container);
        assertThat(node.await(container, "").getExitStatus())
                .as("%s", Node.text(container.log()))
                .isZero();
        assertThat(below.resolve("seen")).exists();
        node.delete(container, "");
        Mounts.unmountAll(below);
        Mounts.unmountAll(volume);
        node.assertNothingLeft();
    }

    @Test
    void aSecondSupervisorIsRefused() throws Exception {
        Options options =
                Options.parse(List.of("--state", node.directory.resolve("state").toString()));
        assertThatThrownBy(() -> Supervisor.open(options, InstantSource.system(), Ticker.system()))
                .isInstanceOfSatisfying(
                        Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining("another supervisor works there");
        var container = node.container(Busybox.config("true"));
        node.create(container, "crun");
        node.delete(container, "");
    }

    @Test
    void aCgroupWithProcessesIsNotTaken() throws Exception {
        var one = node.container(Busybox.config("sleep", "1000"));
        node.create(one, "crun");
        var two = node.container(Busybox.config("sleep", "1000"));
        Busybox.config("true").cgroup("/" + node.mark + "/" + one.id()).write(two.bundle());
        assertThatThrownBy(() -> node.create(two, "crun")).hasMessageContaining("there are processes in its cgroup");
        node.delete(one, "");
        node.assertNothingLeft();
    }
}
