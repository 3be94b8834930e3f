package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class FdTest {
    @TempDir
    Path folder;

    @Test
    void writesAndReadsBack() throws IOException {
        Path file = folder.resolve("file");
        try (Fd fd = Fd.open(file, Fd.O_RDWR | Fd.O_CREAT | Fd.O_EXCL, 0640)) {
            assertThat(fd.write("hello".getBytes(StandardCharsets.UTF_8))).isEqualTo(5);
        }
        try (Fd fd = Fd.open(file, Fd.O_RDONLY)) {
            ByteBuffer direct = ByteBuffer.allocateDirect(3);
            assertThat(fd.read(direct)).isEqualTo(3);
            byte[] rest = new byte[10];
            assertThat(fd.read(rest)).isEqualTo(2);
            assertThat(rest).startsWith('l', 'o');
            assertThat(fd.read(rest)).isEqualTo(-1);
        }
    }

    @Test
    void namesTheErrno() {
        assertThatThrownBy(() -> Fd.open(folder.resolve("absent"), Fd.O_RDONLY))
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT))
                .hasMessageContaining("absent")
                .hasMessageContaining("No such file");
    }

    @Test
    void isCloseOnExec() throws IOException {
        try (Fd fd = Fd.open(folder, Fd.O_RDONLY)) {
            String info = Files.readString(Path.of("/proc/self/fdinfo/" + fd.number()));
            assertThat(info).containsPattern("flags:\\s+02\\d{6}"); // 02000000 is O_CLOEXEC
        }
    }

    @Test
    void failsAfterClosing() throws IOException {
        Fd fd = Fd.open(Path.of("/dev/zero"), Fd.O_RDONLY);
        fd.close();
        fd.close();
        assertThatThrownBy(() -> fd.read(new byte[1]))
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EBADF));
        assertThatThrownBy(() -> Poller.awaitReadable(fd, Poller.FOREVER)).isInstanceOf(LinuxException.class);
        assertThatThrownBy(() -> Fd.adopt(123_456)).isInstanceOf(LinuxException.class);
    }

    @Test
    void keepsItsNumberUntilTheLastUserHasReturned() throws Exception {
        Path fifo = folder.resolve("fifo");
        Fifo.create(fifo, 0600);
        Fd fd = Fifo.openBoth(fifo);
        fd.use();
        fd.close();
        assertThat(Files.exists(Path.of("/proc/self/fd/" + fd.number()))).isTrue();
        fd.done();
        assertThat(Files.exists(Path.of("/proc/self/fd/" + fd.number()))).isFalse();
    }

    @Test
    void leaksNothing() throws Exception {
        Path fifo = folder.resolve("fifo");
        Fifo.create(fifo, 0600);
        Poller.awaitReadable(Fd.open(folder, Fd.O_RDONLY), Duration.ZERO); // the poller's own descriptor
        long before = OpenDescriptors.count();
        for (int i = 0; i < 50; i++) {
            try (Fd fd = Fifo.openBoth(fifo);
                    Fd copy = fd.dup()) {
                assertThat(Poller.awaitReadable(copy, Duration.ofMillis(1))).isFalse();
                fd.write(new byte[] {1});
                assertThat(Poller.awaitReadable(copy, Poller.FOREVER)).isTrue();
            }
        }
        assertThat(OpenDescriptors.count()).isEqualTo(before);
    }
}
