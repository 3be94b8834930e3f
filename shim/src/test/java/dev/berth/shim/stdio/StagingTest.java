package dev.berth.shim.stdio;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Ends a pump at each step between the pipe and the log, and lets the next one go on. */
@Timeout(300)
@SuppressWarnings("try") // closes early on purpose
class StagingTest {
    private static final Instant TIME = Instant.parse("2016-10-06T00:17:09.000000000Z");
    private static final String LINE = "2016-10-06T00:17:09.000000000Z stdout F first and on\n";

    /** How far the pump came with the bytes "and on\nrest". */
    enum Step {
        NOTHING,
        TAKEN,
        INTENDED,
        HALF_WRITTEN,
        WRITTEN,
        FINISHED
    }

    @TempDir
    Path folder;

    private Path fifo;
    private Path log;
    private Path home;

    @BeforeEach
    void make() throws IOException {
        fifo = folder.resolve("fifo");
        log = folder.resolve("log");
        home = Files.createDirectories(folder.resolve("pumps/a"));
        Fifo.create(fifo, 0600);
    }

    private void write(Fd pipe, String text) throws IOException {
        assertThat(pipe.write(text.getBytes(ISO_8859_1))).isEqualTo(text.length());
    }

    /** Does by hand what a pump does, so far. */
    private void pumpUntil(Step end, Fd pipe) throws Exception {
        Buffers buffers = new Buffers();
        try (Staging staging = Staging.open(home.resolve("stdout"));
                Fd reader = Fifo.openReader(fifo);
                LogFile file = LogFile.open(log)) {
            write(pipe, "first ");
            int length = staging.take(reader, buffers);
            staging.begin(new Staging.Intent(file.stamp(), TIME, false), "first ".getBytes(ISO_8859_1));
            staging.finish("first ".getBytes(ISO_8859_1));
            assertThat(length).isEqualTo(6);
            write(pipe, "and on\nrest");
            if (end == Step.NOTHING) {
                return;
            }
            length = staging.take(reader, buffers);
            assertThat(new String(buffers.bytes, 0, length, ISO_8859_1)).isEqualTo("first and on\nrest");
            Staging.Intent intent = new Staging.Intent(file.stamp(), TIME, false);
            if (end == Step.TAKEN) {
                return;
            }
            staging.begin(intent, "rest".getBytes(ISO_8859_1));
            if (end == Step.INTENDED) {
                return;
            }
            Files.writeString(log, end == Step.HALF_WRITTEN ? LINE.substring(0, 20) : LINE);
            if (end == Step.FINISHED) {
                staging.finish("rest".getBytes(ISO_8859_1));
            }
        }
    }

    /** The other container's pump is there again first. */
    @Test
    void aLineThatAnotherContainerHasWrittenMeanwhileStays() throws Exception {
        String other = "2016-10-06T00:17:09.000000001Z stdout F of another\n";
        try (Fd pipe = Fifo.openBoth(fifo)) {
            pumpUntil(Step.INTENDED, pipe);
            Files.writeString(log, other);
            try (Pumps pumps = Pumps.open(folder.resolve("pumps"), InstantSource.fixed(TIME), Ticker.system())) {
                pumps.resume("a", fifo.toString(), "", log.toString());
                pipe.close();
                assertThat(pumps.drain("a", Duration.ofMinutes(2))).isTrue();
            }
        }
        assertThat(Files.readString(log)).startsWith(other + LINE).hasLineCount(3);
    }

    @ParameterizedTest
    @EnumSource(Step.class)
    void theNextPumpWritesWhatIsMissingAndNoMore(Step end) throws Exception {
        try (Fd pipe = Fifo.openBoth(fifo)) {
            pumpUntil(end, pipe);
            try (Pumps pumps = Pumps.open(folder.resolve("pumps"), InstantSource.fixed(TIME), Ticker.system())) {
                pumps.resume("a", fifo.toString(), "", log.toString());
                write(pipe, " of it\n");
                assertThat(pumps.drain("a", Duration.ZERO)).isFalse();
                pipe.close();
                assertThat(pumps.drain("a", Duration.ofMinutes(2))).isTrue();
            }
        }
        assertThat(Files.readString(log)).startsWith(LINE).hasLineCount(2);
        assertThat(new String(Logged.bytes(Files.readString(log), "stdout"), ISO_8859_1))
                .isEqualTo("first and on\nrest of it\n");
    }
}
