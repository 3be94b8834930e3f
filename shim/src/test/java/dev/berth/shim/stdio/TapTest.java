package dev.berth.shim.stdio;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What those see who are attached to a pump. */
@Timeout(300)
class TapTest {
    private static final String NAME = "k8s.io/a/";
    private static final Duration LIMIT = Duration.ofMinutes(2);

    @TempDir
    Path folder;

    private Pumps pumps;
    private Path log;
    private Fd stdout;
    private Fd stderr;

    @BeforeEach
    void open() throws Exception {
        log = folder.resolve("0.log");
        Fifo.create(folder.resolve("stdout"), 0600);
        Fifo.create(folder.resolve("stderr"), 0600);
        stdout = Fifo.openBoth(folder.resolve("stdout"));
        stderr = Fifo.openBoth(folder.resolve("stderr"));
        pumps = Pumps.open(folder.resolve("pumps"), InstantSource.system(), Ticker.system());
    }

    @AfterEach
    void close() {
        stdout.close();
        stderr.close();
        pumps.close();
    }

    private void start(String into) throws Exception {
        pumps.start(
                NAME,
                folder.resolve("stdout").toString(),
                folder.resolve("stderr").toString(),
                into);
    }

    /** Text of one stream until it holds what is wanted. */
    private static String until(Tap tap, boolean isError, String wanted) throws InterruptedException {
        var all = new StringBuilder();
        while (all.indexOf(wanted) < 0) {
            Tap.Piece piece = tap.next();
            assertThat(piece).as("after " + all).isNotNull();
            if (piece != null && piece.isError() == isError) {
                all.append(new String(piece.bytes(), UTF_8));
            }
        }
        return all.toString();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void everyoneSeesEachStreamFromHisMomentOn(boolean logged) throws Exception {
        start(logged ? log.toString() : "");
        try (Tap first = pumps.tap(NAME)) {
            PumpsTest.write(stdout, "half a li".getBytes(UTF_8));
            assertThat(until(first, false, "li")).isEqualTo("half a li");
            try (Tap second = pumps.tap(NAME)) {
                PumpsTest.write(stdout, "ne\n".getBytes(UTF_8));
                PumpsTest.write(stderr, "bad\n".getBytes(UTF_8));
                assertThat(until(second, false, "\n")).isEqualTo("ne\n"); // not what waited in the pump for its end
                assertThat(until(second, true, "\n")).isEqualTo("bad\n");
            }
            assertThat(until(first, true, "\n")).isEqualTo("bad\n");
        }
        if (logged) {
            stdout.close();
            stderr.close();
            assertThat(pumps.drain(NAME, LIMIT)).isTrue();
            assertThat(Files.readString(log)).contains("stdout F half a line", "stderr F bad");
        }
    }

    @Test
    void whoDoesNotReadLosesAndIsToldHowMuchAndTheLogIsWhole() throws Exception {
        start(log.toString());
        byte[] line = ("x".repeat(1023) + "\n").getBytes(UTF_8);
        int lines = 4 * Tap.ROOM_BYTES / line.length;
        try (Tap stalled = pumps.tap(NAME)) {
            for (int i = 0; i < lines; i++) {
                PumpsTest.write(stdout, line);
            }
            stdout.close();
            stderr.close();
            assertThat(pumps.drain(NAME, LIMIT)).isTrue();
            assertThat(Files.readAllLines(log)).hasSize(lines);
            long seen = 0;
            long lost = 0;
            for (Tap.Piece piece = stalled.next(); piece != null; piece = stalled.next()) {
                seen += piece.bytes().length;
                lost += piece.lost();
            }
            assertThat(seen).isPositive().isLessThanOrEqualTo(Tap.ROOM_BYTES);
            assertThat(seen + lost).isEqualTo((long) lines * line.length);
        }
    }

    @Test
    void itEndsWithTheOutput() throws Exception {
        start(log.toString());
        try (Tap tap = pumps.tap(NAME)) {
            PumpsTest.write(stdout, "last words".getBytes(UTF_8));
            stdout.close();
            stderr.close();
            assertThat(pumps.drain(NAME, LIMIT)).isTrue();
            assertThat(until(tap, false, "words")).isEqualTo("last words");
            assertThat(tap.next()).isNull();
        }
        try (Tap late = pumps.tap(NAME)) {
            assertThat(late.next()).isNull();
        }
        pumps.stop(NAME);
        assertThatThrownBy(() -> pumps.tap(NAME))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.NOT_FOUND));
    }

    @Test
    void thereIsALimitAndWhoGoesMakesRoom() throws Exception {
        start(log.toString());
        List<Tap> taps = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            taps.add(pumps.tap(NAME));
        }
        assertThatThrownBy(() -> pumps.tap(NAME))
                .isInstanceOfSatisfying(
                        Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.RESOURCE_EXHAUSTED));
        taps.removeFirst().close();
        taps.add(pumps.tap(NAME));
        PumpsTest.write(stdout, "a\n".getBytes(UTF_8));
        for (Tap tap : taps) {
            assertThat(until(tap, false, "\n")).isEqualTo("a\n");
            tap.close();
            assertThat(tap.next()).isNull();
        }
    }
}
