package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
@SuppressWarnings("try") // closes early on purpose
class TeeTest {
    private static final byte[] HELLO = "hello".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path folder;

    @Test
    void copiesWithoutTaking() throws Exception {
        try (Pipe from = Pipe.open();
                Pipe to = Pipe.open()) {
            assertThat(Tee.tee(from.reader(), to.writer(), 100)).isZero();
            from.writer().write(HELLO);
            assertThat(Tee.tee(from.reader(), to.writer(), 100)).isEqualTo(5);
            assertThat(Tee.waiting(from.reader())).isEqualTo(5);
            assertThat(Tee.waiting(to.reader())).isEqualTo(5);
        }
    }

    @Test
    void movesBetweenPipesAndTellsTheEnd() throws Exception {
        try (Pipe from = Pipe.open();
                Pipe to = Pipe.open()) {
            from.writer().write(HELLO);
            assertThat(Tee.splice(from.reader(), to.writer(), 3)).isEqualTo(3);
            assertThat(Tee.waiting(from.reader())).isEqualTo(2);
            assertThat(Tee.splice(from.reader(), to.writer(), 100)).isEqualTo(2);
            assertThat(Tee.splice(from.reader(), to.writer(), 100)).isZero();
            from.writer().close();
            assertThat(Tee.splice(from.reader(), to.writer(), 100)).isEqualTo(-1);
        }
    }

    @Test
    void movesIntoAFileWhoseLengthTellsHowMuch() throws Exception {
        Path file = folder.resolve("file");
        try (Pipe from = Pipe.open();
                Fd fd = Fd.open(file, Fd.O_RDWR | Fd.O_CREAT, 0600)) {
            fd.truncate(10);
            from.writer().write(HELLO);
            assertThat(Tee.spliceAt(from.reader(), fd, 10, 1 << 20)).isEqualTo(5);
            assertThat(fd.stamp().size()).isEqualTo(15);
            assertThat(Tee.spliceAt(from.reader(), fd, 15, 1 << 20)).isZero();
            ByteBuffer back = ByteBuffer.allocateDirect(100);
            assertThat(fd.readAt(back, 10)).isEqualTo(5);
            assertThat(fd.readAt(back, 15)).isEqualTo(-1);
            fd.writeAt(back.flip(), 12);
            fd.truncate(16);
            assertThat(Files.readString(file)).isEqualTo("\0".repeat(10) + "hehell");
            assertThat(fd.stamp().sameFile(fd.dup().stamp())).isTrue();
        }
    }
}
