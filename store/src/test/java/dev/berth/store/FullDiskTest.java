package dev.berth.store;

import static dev.berth.store.BlobsTest.has;
import static dev.berth.store.StoreRoot.K8S;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk of 24 MiB is filled to the brim: a clear refusal, nothing listed suffers, and with room everything goes on. */
final class FullDiskTest {
    @TempDir
    Path directory;

    private Path disk;
    private Path root;

    @BeforeEach
    void mount() throws Exception {
        Path image = directory.resolve("image");
        disk = Files.createDirectory(directory.resolve("disk"));
        try (var file = new java.io.RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(24 << 20);
        }
        format(image, 4096);
        assumeTrue(run("mount", "-o", "loop", image.toString(), disk.toString()), "no loop mounts here");
        root = disk.resolve("root");
    }

    private static void format(Path image, int blockBytes) throws Exception {
        String block = Integer.toString(blockBytes);
        assumeTrue(run("mkfs.ext4", "-q", "-F", "-b", block, "-m", "0", image.toString()), "no mkfs.ext4 here");
    }

    @AfterEach
    void unmount() throws Exception {
        run("umount", disk.toString());
    }

    @Test
    void recordsAreRefusedThenTakenAgain() throws IOException {
        try (Store store = StoreRoot.open(root)) {
            create(store, "first");
            Path filler = fill();
            AtomicInteger number = new AtomicInteger();
            assertThatThrownBy(() -> {
                        while (number.get() < 10_000) {
                            create(store, "c" + number.getAndIncrement());
                        }
                    })
                    .satisfies(has(Fault.Code.RESOURCE_EXHAUSTED));
            int taken = number.get() - 1;
            assertThat(ids(store)).hasSize(taken + 1).contains("first");

            Files.delete(filler);
            create(store, "last");
            assertThat(ids(store)).hasSize(taken + 2).contains("first", "last");
        }
        try (Store store = StoreRoot.open(root)) {
            assertThat(ids(store)).contains("first", "last");
        }
    }

    /** Nobody can make room on a disk on which no removal can be noted. */
    @Test
    void whatIsThereCanBeRemovedOnADiskWithoutAFreeBlock() throws IOException {
        try (Store store = StoreRoot.open(root)) {
            for (int i = 0; i < 50; i++) {
                create(store, "c" + i);
            }
            append(disk.resolve("last"));
            assertThat(Files.getFileStore(disk).getUsableSpace()).isZero();
            create(store, "also"); // into the room of the log
            for (int i = 0; i < 50; i++) {
                String id = "c" + i;
                store.metadata().apply(Durability.POWER, r -> r.containers().delete(K8S, id));
            }
            assertThat(ids(store)).containsExactly("also");
        }
        append(disk.resolve("last2")); // takes what the end of the store gave back
        try (Store store = StoreRoot.open(root)) {
            assertThat(ids(store)).containsExactly("also");
        }
    }

    @Test
    void blobsAreRefusedThenTakenAgain() throws IOException {
        byte[] small = new byte[100_000];
        byte[] large = new byte[2_000_000];
        try (Store store = StoreRoot.open(root)) {
            store.blobs().put(small);
            store.flush();
            Path filler = fill();
            assertThatThrownBy(() -> store.blobs().put(large)).satisfies(has(Fault.Code.RESOURCE_EXHAUSTED));
            assertThat(store.blobs().read(Digest.of(small), 100_000)).isEqualTo(small);

            store.blobs().abort("put " + Digest.of(large));
            Files.delete(filler);
            store.blobs().put(large);
            store.flush();
            assertThat(store.blobs().list()).hasSize(2);
        }
    }

    /** SQLite maps its index of the log; a page of it without a block on the disk would end the process. */
    @Test
    void smallBlocksAndNoneOfThemFree() throws Exception {
        Path image = directory.resolve("image");
        unmount();
        format(image, 1024);
        assumeTrue(run("mount", "-o", "loop", image.toString(), disk.toString()), "no loop mounts here");
        try (Store store = StoreRoot.open(root)) {
            create(store, "first");
        }
        Process child = RecordWriter.command(root) // a start that changes nothing touches little of the map
                .directory(directory.toFile()) // of what a crash leaves
                .start();
        try (var said = child.inputReader();
                var go = child.outputWriter()) {
            assertThat(said.readLine()).isEqualTo("open");
            append(disk.resolve("last"));
            assertThat(Files.getFileStore(disk).getUsableSpace()).isZero();
            go.write('\n');
            go.flush();
            assertThat(said.readLine()).isEqualTo("done");
            assertThat(child.waitFor()).isZero();
        } finally {
            child.destroyForcibly().waitFor();
        }
        append(disk.resolve("last2")); // takes what the end of the store gave back
        try (Store store = StoreRoot.open(root)) {
            assertThat(ids(store)).contains("first");
        }
    }

    /** Until there is not a block left. */
    private static void append(Path filler) {
        assertThatThrownBy(() -> {
                    try (var file = Files.newOutputStream(filler)) {
                        while (true) {
                            file.write(new byte[1024]);
                        }
                    }
                })
                .hasMessageContaining("No space left");
    }

    private static void create(Store store, String id) {
        store.metadata()
                .write(
                        Durability.POWER,
                        r -> r.containers()
                                .create(ContainerRecord.of(K8S, id)
                                        .spec(Payload.of(new byte[10_000]))
                                        .build()));
    }

    private static List<String> ids(Store store) {
        return store.metadata().<List<ContainerRecord>>read(r -> r.containers().list(K8S)).stream()
                .map(ContainerRecord::id)
                .toList();
    }

    /** Leaves about half a MiB. */
    private Path fill() throws IOException {
        Path filler = disk.resolve("filler");
        long room = Files.getFileStore(disk).getUsableSpace();
        Files.write(filler, new byte[(int) Math.max(0, room - (512 << 10))]);
        return filler;
    }

    private static boolean run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command).inheritIO().start().waitFor() == 0;
    }
}
