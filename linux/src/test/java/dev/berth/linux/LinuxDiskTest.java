package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Disk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class LinuxDiskTest {
    @TempDir
    Path folder;

    private final Disk disk = new LinuxDisk();

    @Test
    void replacesAtOnceAndLeavesNothingElse() throws IOException {
        Path target = folder.resolve("record");
        Files.writeString(folder.resolve(".record.new"), "left by a crash");
        disk.replace(target, "one".getBytes(StandardCharsets.UTF_8));
        disk.replace(target, "two".getBytes(StandardCharsets.UTF_8));
        assertThat(target).hasContent("two");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(target)))
                .isEqualTo("rw-------");
        assertThat(folder).isDirectoryContaining(path -> path.equals(target)).isDirectoryNotContaining("glob:**.new");
    }

    @Test
    void oneOfManyConcurrentReplacementsWinsWhole() throws Exception {
        Path target = folder.resolve("record");
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                byte[] bytes = ("" + (i % 10)).repeat(100_000).getBytes(StandardCharsets.UTF_8);
                all.add(threads.submit(() -> {
                    disk.replace(target, bytes);
                    return null;
                }));
            }
            for (Future<?> one : all) {
                one.get();
            }
        }
        String content = Files.readString(target);
        assertThat(content).hasSize(100_000).isEqualTo(content.substring(0, 1).repeat(100_000));
    }

    @Test
    void movesSyncsAndRemoves() throws IOException {
        Path from = Files.writeString(folder.resolve("from"), "x");
        Path directory = Files.createDirectory(folder.resolve("directory"));
        Path to = directory.resolve("to");
        disk.sync(from);
        disk.rename(from, to);
        disk.syncDirectory(directory);
        disk.syncFilesystem(directory);
        assertThat(to).hasContent("x");
        assertThatThrownBy(() -> disk.remove(directory))
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOTEMPTY));
        disk.remove(to);
        disk.remove(directory);
        disk.remove(directory);
        assertThat(folder).isEmptyDirectory();
        assertThatThrownBy(() -> disk.sync(from)).isInstanceOf(LinuxException.class);
    }
}
