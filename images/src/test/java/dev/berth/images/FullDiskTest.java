package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Patience;
import dev.berth.images.registry.RegistryClient;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Reference;
import dev.berth.snapshots.OverlaySnapshotter;
import dev.berth.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pulls on a file system of 24 MiB. Needs root. */
class FullDiskTest {
    private static final Namespace K8S = Namespace.KUBERNETES;

    private final Path disk;

    FullDiskTest(@TempDir Path directory) throws Exception {
        disk = Files.createDirectory(directory.resolve("bt-small"));
        run("mount", "-t", "tmpfs", "-o", "size=24m", "bt-small", disk.toString());
    }

    @AfterEach
    void unmount() throws Exception {
        run("umount", disk.toString());
    }

    private static void run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertThat(process.waitFor()).as(String.join(" ", command)).isZero();
    }

    private static ImageBuilder.Built image(int layers, int bytesEach) {
        var builder = new ImageBuilder();
        for (int i = 0; i < layers; i++) {
            byte[] noise = new byte[bytesEach];
            new Random(layers * 100L + i).nextBytes(noise);
            builder.layer(new LayerBuilder().file("noise" + i, 0644, noise).gzip());
        }
        return builder.build();
    }

    private long used() throws IOException {
        var store = Files.getFileStore(disk);
        return store.getTotalSpace() - store.getUnallocatedSpace();
    }

    @Test
    void saysSoAndGivesTheRoomBack() throws IOException {
        try (var registry = ServedRegistry.start()
                        .add("small", "latest", image(1, 500_000))
                        .add("large", "latest", image(4, 4_000_000));
                var client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system());
                var store = Store.open(disk.resolve("store"), new LinuxDisk(), InstantSource.system());
                var images = new Images(
                        store,
                        new OverlaySnapshotter(disk.resolve("snapshots"), store.metadata(), new LinuxDisk()),
                        client,
                        ImageSettings.DEFAULT,
                        InstantSource.system())) {
            var small = PullRequest.of(K8S, Reference.parse(registry.authority() + "/small"));
            var large = PullRequest.of(K8S, Reference.parse(registry.authority() + "/large"));
            Image kept = images.pull(small);
            long before = used();
            for (int i = 0; i < 2; i++) {
                assertThatThrownBy(() -> images.pull(large))
                        .isInstanceOfSatisfying(
                                Fault.class,
                                fault -> assertThat(fault.code())
                                        .as(fault.getMessage())
                                        .isEqualTo(Fault.Code.RESOURCE_EXHAUSTED));
                assertThat(used()).isLessThan(before + 300_000); // the log of the metadata grows a little
            }
            assertThat(images.list(K8S)).containsExactly(kept);
            images.remove(K8S, kept.id().toString());
            assertThat(images.pull(small)).isEqualTo(kept);
        }
    }
}
