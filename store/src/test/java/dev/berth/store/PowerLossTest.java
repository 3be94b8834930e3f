package dev.berth.store;

import static dev.berth.store.StoreRoot.K8S;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.oci.Digest;
import dev.berth.store.Store.Finding;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The kernel itself pulls the plug: ext4 on a loop device is shut down in mid-write without flushing its journal, so that all that
 * was not synced is really lost, and mounted again.
 */
final class PowerLossTest {
    private static final int ROUNDS = 4;

    /** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH. */
    private static final String SHUT_DOWN = """
            import fcntl, os, struct, sys
            fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))
            """;

    @TempDir
    Path directory;

    private Path image;
    private Path disk;

    @BeforeEach
    void makeDisk() throws Exception {
        image = directory.resolve("image");
        disk = Files.createDirectory(directory.resolve("disk"));
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(64 << 20);
        }
        assumeTrue(run("mkfs.ext4", "-q", image.toString()), "no mkfs.ext4 here");
        assumeTrue(mount(), "no loop mounts here");
    }

    @AfterEach
    void unmount() throws Exception {
        run("umount", disk.toString());
    }

    @Test
    void whatWasConfirmedForPowerIsThereAndNothingIsTorn() throws Exception {
        int next = 0;
        for (int round = 1; round <= ROUNDS; round++) {
            int confirmed = writeUntilThePlugIsPulled(next, 15 * round);
            assertThat(run("umount", disk.toString())).isTrue();
            // A copy of the mount table somewhere may hold the old file system, shut down as it is: go on with a copy
            // of it.
            image = Files.copy(image, directory.resolve("image" + round));
            assertThat(mount()).isTrue();
            check(next, confirmed);
            next = confirmed + 1000 * round;
        }
    }

    /** Returns the last number that was confirmed with POWER before the plug was pulled. */
    private int writeUntilThePlugIsPulled(int first, int lines) throws Exception {
        Process child = EndlessWriter.command(disk.resolve("root"), first).start();
        try (BufferedReader output = child.inputReader()) {
            int confirmed = first - 1;
            for (int seen = 1; ; seen++) {
                String line = output.readLine();
                if (line == null) {
                    return confirmed;
                }
                String[] words = line.split(" ", -1);
                if (words[0].equals("POWER")
                        && seen <= lines) { // what a flush that races with the plug says does not count
                    confirmed = Integer.parseInt(words[1]);
                }
                if (seen == lines) {
                    assertThat(run("python3", "-c", SHUT_DOWN, disk.toString())).isTrue();
                }
            }
        } finally {
            child.destroyForcibly().waitFor();
        }
    }

    private void check(int first, int confirmed) {
        try (Store store = StoreRoot.open(disk.resolve("root"))) {
            assertThat(confirmed).isGreaterThan(first);
            for (int i = first; i <= confirmed; i++) {
                String id = "c" + i;
                assertThat(store.metadata()
                                .<Boolean>read(r -> r.containers().find(K8S, id).isPresent()))
                        .as(id)
                        .isTrue();
            }
            List<ImageRecord> images = store.metadata().read(r -> r.images().list(K8S));
            assertThat(images).extracting(ImageRecord::name).contains("image " + confirmed);
            for (Digest digest : store.metadata().read(r -> r.contents().digests())) {
                store.blobs().read(digest, 100);
            }
            store.blobs().list().forEach(blob -> store.blobs().read(blob.digest(), 100));
            assertThat(store.check(true)).extracting(Finding::kind).doesNotContain("database", "record", "blob");
        }
    }

    private boolean mount() throws IOException, InterruptedException {
        return run("mount", "-o", "loop", image.toString(), disk.toString());
    }

    private static boolean run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command).inheritIO().start().waitFor() == 0;
    }
}
