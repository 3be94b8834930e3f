package dev.berth.shim.stdio;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The disk of a log, or of the supervisor, is full: no container is held up and no line is torn. */
@Timeout(300)
class FullDiskTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final String NAME = "a";

    @TempDir
    Path folder;

    private Path small;
    private Path fifo;

    @BeforeEach
    void mount() throws IOException {
        small = Files.createDirectory(folder.resolve("small"));
        fifo = folder.resolve("fifo");
        Fifo.create(fifo, 0600);
        try (DetachedMount disk = Mounts.tmpfs(Map.of("size", "256k"), Set.of())) {
            disk.moveTo(small);
        }
    }

    @AfterEach
    void unmount() throws IOException {
        Mounts.unmountAll(small);
    }

    private static Path fill(Path directory) throws IOException {
        Path file = directory.resolve("ballast");
        try (Fd fd = Fd.open(file, Fd.O_WRONLY | Fd.O_CREAT, 0600)) {
            while (true) {
                fd.write(new byte[4096]);
            }
        } catch (LinuxException full) {
            assertThat(Staging.isFull(full)).isTrue();
        }
        return file;
    }

    private static void awaitText(Path log, String text) throws Exception {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (!Files.readString(log, ISO_8859_1).contains(text)) {
            assertThat(ticker.since(start)).isLessThan(LIMIT);
            ticker.sleep(Duration.ofMillis(2));
        }
    }

    @Test
    void aFullLogGoesOnWhenThereIsRoomAgain() throws Exception {
        Path log = small.resolve("log");
        try (Pumps pumps = Pumps.open(folder.resolve("pumps"), InstantSource.system(), Ticker.system())) {
            pumps.start(NAME, fifo.toString(), "", log.toString());
            try (Fd out = Fifo.openBoth(fifo)) {
                PumpsTest.write(out, "begin\n".getBytes(ISO_8859_1));
                awaitText(log, "begin\n");
                Path ballast = fill(small);
                PumpsTest.write(out, "lost line\n".repeat(50_000).getBytes(ISO_8859_1));
                Files.delete(ballast);
                Ticker ticker = Ticker.system();
                for (long start = ticker.nanos(); !Files.readString(log).contains("end"); ) {
                    assertThat(ticker.since(start)).isLessThan(LIMIT);
                    PumpsTest.write(out, "end\n".getBytes(ISO_8859_1));
                    ticker.sleep(Duration.ofMillis(10));
                }
            }
            assertThat(pumps.drain(NAME, LIMIT)).isTrue();
        }
        String logged = new String(Logged.bytes(Files.readString(log, ISO_8859_1), "stdout"), ISO_8859_1);
        assertThat(logged).startsWith("begin\n").endsWith("end\n");
        assertThat(logged.lines()).isSubsetOf("begin", "lost line", "end"); // whole lines, however many got through
    }

    @Test
    void aFullStateDirectoryDelaysNoOutput() throws Exception {
        Path log = folder.resolve("log");
        String text = "some line\n".repeat(50_000) + "open";
        try (Pumps pumps = Pumps.open(small.resolve("pumps"), InstantSource.system(), Ticker.system())) {
            pumps.start(NAME, fifo.toString(), "", log.toString());
            fill(small);
            try (Fd out = Fifo.openBoth(fifo)) {
                PumpsTest.write(out, text.getBytes(ISO_8859_1));
            }
            assertThat(pumps.drain(NAME, LIMIT)).isTrue();
        }
        assertThat(new String(Logged.bytes(Files.readString(log, ISO_8859_1), "stdout"), ISO_8859_1))
                .isEqualTo(text);
    }
}
