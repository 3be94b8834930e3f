package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.kernel.Disk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** On a real file system that loses what is written: its device has less room than it says. */
@Timeout(60)
class VolumeTest {
    @TempDir
    Path folder;

    private static int sh(Path in, String script) throws IOException, InterruptedException {
        return new ProcessBuilder("sh", "-c", script)
                .directory(in.toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }

    @AfterEach
    void unmount() throws Exception {
        sh(folder, "umount -l broken; umount -l small");
    }

    @Test
    void everyoneWhoWatchesHearsOfALoss() throws Exception {
        assumeTrue(sh(folder, "which mkfs.ext4") == 0, "no mkfs.ext4 here");
        assumeTrue(sh(folder, """
                        set -e; mkdir small broken; mount -t tmpfs -o size=24m berth-test small
                        truncate -s 96M small/image; mkfs.ext4 -q -F -O ^has_journal small/image; mount -o loop small/image broken
                        """) == 0, "no loop device here");
        Disk disk = new LinuxDisk();
        Path broken = folder.resolve("broken");
        try (Disk.Volume one = disk.volume(broken);
                Disk.Volume other = disk.volume(broken)) {
            one.sync();
            other.sync();
            Files.write(broken.resolve("much"), new byte[48 << 20]);
            assertThatThrownBy(one::sync)
                    .isInstanceOf(LinuxException.class)
                    .hasMessageContaining("sync the file system");
            assertThatThrownBy(other::sync).as("one who is told after another").isInstanceOf(LinuxException.class);
        }
    }
}
