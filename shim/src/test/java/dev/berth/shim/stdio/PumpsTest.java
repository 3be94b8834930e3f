package dev.berth.shim.stdio;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.Poller;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(300)
class PumpsTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    @TempDir
    Path folder;

    private Pumps pumps;
    private Path stdout;
    private Path stderr;
    private Path log;

    @BeforeEach
    void open() throws Exception {
        stdout = folder.resolve("stdout");
        stderr = folder.resolve("stderr");
        log = Files.createDirectory(folder.resolve("logs")).resolve("0.log");
        Fifo.create(stdout, 0600);
        Fifo.create(stderr, 0600);
        pumps = openPumps();
    }

    @AfterEach
    void close() {
        pumps.close();
    }

    private Pumps openPumps() throws Exception {
        return Pumps.open(folder.resolve("pumps"), InstantSource.system(), Ticker.system());
    }

    private void start() throws Exception {
        pumps.start("k8s.io/a/", stdout.toString(), stderr.toString(), log.toString());
    }

    /** As the next supervisor does. */
    private void resume() throws Exception {
        pumps = openPumps();
        pumps.resume("k8s.io/a/", stdout.toString(), stderr.toString(), log.toString());
    }

    static void write(Fd fd, byte[] bytes) throws IOException, InterruptedException {
        ByteBuffer all = ByteBuffer.wrap(bytes);
        while (all.hasRemaining()) {
            if (fd.write(all) == 0) {
                Poller.awaitWritable(fd, LIMIT);
            }
        }
    }

    private static void write(Fd fd, String text) throws IOException, InterruptedException {
        write(fd, text.getBytes(ISO_8859_1));
    }

    private String logged() throws IOException {
        return Files.readString(log, ISO_8859_1);
    }

    private String of(String stream) throws IOException {
        return new String(Logged.bytes(logged(), stream), ISO_8859_1);
    }

    private static void until(BooleanSupplier condition) throws InterruptedException {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (!condition.getAsBoolean()) {
            assertThat(ticker.since(start)).isLessThan(LIMIT);
            ticker.sleep(Duration.ofMillis(2));
        }
    }

    @Test
    void bothStreamsGetIntoTheLogAndDrainWaitsForTheEnd() throws Exception {
        start();
        try (Fd out = Fifo.openBoth(stdout);
                Fd err = Fifo.openBoth(stderr)) {
            write(out, "one\ntwo\nhalf ");
            write(err, "error\n");
            until(() -> size() > 3 * 40);
            assertThat(pumps.drain("k8s.io/a/", Duration.ofMillis(50))).isFalse();
            write(out, "line\nopen");
        }
        assertThat(pumps.drain("k8s.io/a/", LIMIT)).isTrue();
        assertThat(of("stdout")).isEqualTo("one\ntwo\nhalf line\nopen");
        assertThat(of("stderr")).isEqualTo("error\n");
        assertThat(logged()).contains(" stdout F half line\n", " stdout P open\n");
        pumps.stop("k8s.io/a/");
        pumps.stop("k8s.io/a/");
        assertThat(folder.resolve("pumps")).isEmptyDirectory();
    }

    /** As containerd, which opens logs to append: nobody writes over the other's lines. */
    @Test
    void containersWithTheSameLogTakeTurns() throws Exception {
        int lines = 3000;
        pumps.start("k8s.io/a/", stdout.toString(), "", log.toString());
        pumps.start("k8s.io/b/", stderr.toString(), "", log.toString());
        try (Fd one = Fifo.openBoth(stdout);
                Fd other = Fifo.openBoth(stderr);
                ExecutorService writers = Executors.newFixedThreadPool(2)) {
            var done = new ArrayList<Future<?>>();
            for (Fd pipe : List.of(one, other)) {
                done.add(writers.submit(() -> {
                    for (int i = 0; i < lines; i++) {
                        write(pipe, (pipe == one ? "one " : "other ") + i + "\n");
                    }
                    return null;
                }));
            }
            for (Future<?> each : done) {
                each.get();
            }
        }
        assertThat(pumps.drain("k8s.io/a/", LIMIT)).isTrue();
        assertThat(pumps.drain("k8s.io/b/", LIMIT)).isTrue();
        List<String> words = of("stdout").lines().toList();
        assertThat(words).hasSize(2 * lines);
        for (String who : List.of("one ", "other ")) {
            assertThat(words.stream().filter(word -> word.startsWith(who)).toList())
                    .isEqualTo(IntStream.range(0, lines).mapToObj(i -> who + i).toList());
        }
    }

    private long size() {
        try {
            return Files.size(log);
        } catch (IOException e) {
            return 0;
        }
    }

    @Test
    void aWriterMayComeAfterAnother() throws Exception {
        start();
        for (int i = 0; i < 5; i++) {
            long before = size();
            try (Fd out = Fifo.openBoth(stdout)) {
                write(out, i + "\n");
            }
            until(() -> size() > before);
        }
        assertThat(pumps.drain("k8s.io/a/", LIMIT)).isTrue();
        assertThat(of("stdout")).isEqualTo("0\n1\n2\n3\n4\n");
    }

    @Test
    void startIsIdempotentAndRefusesAnotherMeaning() throws Exception {
        start();
        start();
        assertThatThrownBy(() -> pumps.start("k8s.io/a/", stderr.toString(), "", log.toString()))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.ALREADY_EXISTS));
        assertThatThrownBy(() -> pumps.start("../x", stdout.toString(), "", ""))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void whatIsMissingIsNamedAndNothingIsLeft() throws Exception {
        long before = descriptors();
        Path nowhere = folder.resolve("absent/0.log");
        assertThatThrownBy(() -> pumps.start("a", stdout.toString(), stderr.toString(), nowhere.toString()))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.NOT_FOUND))
                .hasMessageContaining("its directory does not exist");
        assertThatThrownBy(() -> pumps.start("a", folder.resolve("x").toString(), "", log.toString()))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.NOT_FOUND));
        Path file = Files.createFile(folder.resolve("file"));
        assertThatThrownBy(() -> pumps.start("a", stdout.toString(), file.toString(), log.toString()))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        assertThatThrownBy(() -> pumps.start("a", stdout.toString(), "", folder.toString()))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        assertThatThrownBy(() -> pumps.reopen("a"))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.NOT_FOUND));
        assertThat(pumps.drain("a", Duration.ZERO)).isTrue();
        assertThat(descriptors()).isEqualTo(before);
        assertThat(folder.resolve("pumps")).isEmptyDirectory();
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.count();
        }
    }

    @Test
    void rotationLosesNoLineAndTearsNone() throws Exception {
        start();
        int lines = 20_000;
        List<Path> rotated = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<?> writer = threads.submit(() -> {
                try (Fd out = Fifo.openBoth(stdout)) {
                    for (int i = 0; i < lines; i++) {
                        write(out, "line " + i + "\n");
                    }
                }
                return null;
            });
            while (!writer.isDone()) {
                Path old = log.resolveSibling("0.log." + rotated.size());
                Files.move(log, old);
                rotated.add(old);
                pumps.reopen("k8s.io/a/");
                Ticker.system().sleep(Duration.ofMillis(3));
            }
            writer.get();
        }
        assertThat(pumps.drain("k8s.io/a/", LIMIT)).isTrue();
        StringBuilder all = new StringBuilder();
        for (Path each : rotated) {
            String part = Files.readString(each, ISO_8859_1);
            assertThat(part.isEmpty() || part.endsWith("\n")).isTrue();
            all.append(part);
        }
        all.append(logged());
        StringBuilder expected = new StringBuilder();
        for (int i = 0; i < lines; i++) {
            expected.append("line ").append(i).append('\n');
        }
        assertThat(new String(Logged.bytes(all.toString(), "stdout"), ISO_8859_1))
                .isEqualTo(expected.toString());
        assertThat(all).doesNotContain(" P ");
    }

    @Test
    void aLogThatCannotBeOpenedAnewStaysAsItWas() throws Exception {
        start();
        Path directory = log.getParent();
        Path moved = folder.resolve("moved");
        Files.move(directory, moved);
        assertThatThrownBy(() -> pumps.reopen("k8s.io/a/"))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.NOT_FOUND));
        assertThat(Files.exists(directory)).isFalse();
        try (Fd out = Fifo.openBoth(stdout)) {
            write(out, "still\n");
        }
        assertThat(pumps.drain("k8s.io/a/", LIMIT)).isTrue();
        assertThat(moved.resolve("0.log")).content().endsWith("stdout F still\n");
    }

    @Test
    void aCutLogGoesOnAtItsNewEnd() throws Exception {
        start();
        try (Fd out = Fifo.openBoth(stdout)) {
            write(out, "first\n");
            until(() -> size() > 0);
            try (Fd file = Fd.open(log, Fd.O_WRONLY)) {
                file.truncate(0);
            }
            write(out, "second\n");
        }
        assertThat(pumps.drain("k8s.io/a/", LIMIT)).isTrue();
        assertThat(of("stdout")).isEqualTo("second\n");
    }

    @Test
    void withoutALogEverythingIsThrownAway() throws Exception {
        pumps.start("a", stdout.toString(), "", "");
        try (Fd out = Fifo.openBoth(stdout)) {
            write(out, new byte[1 << 20]);
        }
        assertThat(pumps.drain("a", LIMIT)).isTrue();
        pumps.reopen("a");
    }

    @Test
    void theNextSupervisorGoesOnInTheMiddleOfALine() throws Exception {
        start();
        try (Fd out = Fifo.openBoth(stdout)) {
            write(out, "first\nbegin");
            until(() -> size() > 0);
            pumps.close();
            write(out, "-end\nunread");
            resume();
            until(() -> size() > 90);
            assertThat(of("stdout")).isEqualTo("first\nbegin-end\n");
        }
        assertThat(pumps.drain("k8s.io/a/", LIMIT)).isTrue();
        assertThat(of("stdout")).isEqualTo("first\nbegin-end\nunread");
    }

    @Test
    void theNextSupervisorDoesNotFailOverALogThatIsGone() throws Exception {
        start();
        pumps.close();
        Files.delete(log);
        Path directory = log.getParent();
        Files.delete(directory);
        resume();
        try (Fd out = Fifo.openBoth(stdout)) {
            write(out, new byte[300_000]); // nobody is held up
            Files.createDirectory(directory);
            pumps.reopen("k8s.io/a/");
            until(() -> {
                try {
                    write(out, "\nback\n");
                } catch (IOException | InterruptedException e) {
                    return true;
                }
                return size() > 0;
            });
        }
        assertThat(pumps.drain("k8s.io/a/", LIMIT)).isTrue();
        assertThat(of("stdout")).endsWith("back\n");
    }

    @Test
    void afterATaskIsGoneNothingIsLeftForTheNext() throws Exception {
        start();
        try (Fd out = Fifo.openBoth(stdout)) {
            write(out, "begin");
            pumps.close();
        }
        Files.delete(stdout);
        Files.delete(stderr);
        assertThatThrownBy(this::resume)
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.NOT_FOUND));
        pumps.stop("k8s.io/a/");
        assertThat(folder.resolve("pumps")).isEmptyDirectory();
    }

    @Test
    void afterClosingNoDescriptorIsLeft() throws Exception {
        pumps.close();
        long before = descriptors();
        pumps = openPumps();
        start();
        pumps.close();
        assertThat(descriptors()).isEqualTo(before);
        pumps = openPumps();
    }
}
