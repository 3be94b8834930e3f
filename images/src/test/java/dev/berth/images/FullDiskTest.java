package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.images.registry.Patience;
import dev.berth.images.registry.RegistryClient;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Digest;
import dev.berth.oci.Reference;
import dev.berth.snapshots.OverlaySnapshotter;
import dev.berth.store.Blobs;
import dev.berth.store.Store;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pulls on a file system of 24 MiB, and on one whose disk fails. Needs root. */
class FullDiskTest {
    private static final Namespace K8S = Namespace.KUBERNETES;

    private final Path disk;

    FullDiskTest(@TempDir Path directory) throws Exception {
        disk = Files.createDirectory(directory.resolve("bt-small"));
        run("mount", "-t", "tmpfs", "-o", "size=24m", "bt-small", disk.toString());
    }

    @AfterEach
    void unmount() throws Exception {
        run("umount", "-l", disk.toString());
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

    private static Images images(Path root, Store store, RegistryClient client) {
        return new Images(
                store,
                new OverlaySnapshotter(root.resolve("snapshots"), store.metadata(), new LinuxDisk()),
                client,
                ImageSettings.DEFAULT,
                InstantSource.system());
    }

    private static void isRefused(Images images, PullRequest request, Fault.Code... codes) {
        assertThatThrownBy(() -> images.pull(request))
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.code()).as(fault.getMessage()).isIn((Object[]) codes));
    }

    @Test
    void saysSoAndGivesTheRoomBack() throws IOException {
        try (var registry = ServedRegistry.start()
                        .add("small", "latest", image(1, 500_000))
                        .add("large", "latest", image(4, 4_000_000));
                var client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system());
                var store = Store.open(disk.resolve("store"), new LinuxDisk(), InstantSource.system());
                var images = images(disk, store, client)) {
            var small = PullRequest.of(K8S, Reference.parse(registry.authority() + "/small"));
            var large = PullRequest.of(K8S, Reference.parse(registry.authority() + "/large"));
            Image kept = images.pull(small);
            long before = used();
            for (int i = 0; i < 2; i++) {
                isRefused(images, large, Fault.Code.RESOURCE_EXHAUSTED);
                assertThat(used()).isLessThan(before + 300_000); // the log of the metadata grows a little
            }
            assertThat(images.list(K8S)).containsExactly(kept);
            images.remove(K8S, kept.id().toString());
            assertThat(images.pull(small)).isEqualTo(kept);
        }
    }

    @Test
    void interruptedDownloadsMakeRoom() throws IOException {
        byte[] begun = new byte[16 << 20];
        var layer = Blobs.Wanted.of(Digest.of(begun), begun.length + 1);
        try (var registry = ServedRegistry.start().add("new", "latest", image(1, 2_500_000));
                var client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system());
                var store = Store.open(disk.resolve("store"), new LinuxDisk(), InstantSource.system())) {
            String ref = "layer-" + layer.digest().orElseThrow(); // as of a pull that was killed
            try (var ingest = ((Blobs.Begin.Writing) store.blobs().begin(ref, layer)).ingest()) {
                ingest.write(ByteBuffer.wrap(begun));
            }
            try (var images = images(disk, store, client)) {
                var wanted = PullRequest.of(K8S, Reference.parse(registry.authority() + "/new"));
                isRefused(images, wanted, Fault.Code.RESOURCE_EXHAUSTED);
                assertThat(images.pull(wanted).tags()).hasSize(1);
            }
            assertThat(store.blobs().ingests()).isEmpty();
        }
    }

    /** A thin disk whose host is full takes all that is written, and loses it when it is flushed: as EIO or as ENOSPC, as it comes. */
    @Test
    void whatTheDiskLosesIsNotListed() throws Exception {
        Path thin = disk.resolve("thin");
        try (var file = new RandomAccessFile(thin.toFile(), "rw")) {
            file.setLength(256 << 20);
        }
        run("mkfs.ext4", "-q", "-F", "-J", "size=4", thin.toString());
        Path root = Files.createDirectory(disk.resolve("root"));
        assumeTrue(
                new ProcessBuilder("mount", "-o", "loop", thin.toString(), root.toString())
                                .start()
                                .waitFor()
                        == 0,
                "no loop mounts here");
        try (var registry = ServedRegistry.start()
                        .add("small", "latest", image(1, 500_000))
                        .add("large", "latest", image(4, 6_000_000));
                var client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system());
                var store = Store.open(root.resolve("store"), new LinuxDisk(), InstantSource.system());
                var images = images(root, store, client)) {
            Image kept = images.pull(PullRequest.of(K8S, Reference.parse(registry.authority() + "/small")));
            var large = PullRequest.of(K8S, Reference.parse(registry.authority() + "/large"));
            isRefused(images, large, Fault.Code.UNAVAILABLE, Fault.Code.RESOURCE_EXHAUSTED);
            assertThat(images.list(K8S)).containsExactly(kept);
        } finally {
            run("umount", "-l", root.toString()); // the kernel may still be giving up on it
        }
    }
}
