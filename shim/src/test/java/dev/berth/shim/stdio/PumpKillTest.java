package dev.berth.shim.stdio;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Child;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Kills the process that pumps again and again, while two streams are written: every byte gets into the log once. */
@Timeout(600)
@SuppressWarnings("try") // closes early on purpose
class PumpKillTest {
    private static final String NAME = "k8s.io/victim/";
    private static final int KILLS = Integer.getInteger("berth.test.kills", 8);
    private static final int LEAST = 60_000;
    private static final Duration LIMIT = Duration.ofMinutes(3);

    @TempDir
    Path folder;

    private final Random random = new Random(42);
    private final List<Child> victims = new ArrayList<>();

    @AfterEach
    void end() throws Exception {
        for (Child victim : victims) {
            victim.kill();
            victim.close();
        }
    }

    private Child victim(String... arguments) throws Exception {
        List<String> argv = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-Xmx64m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                PumpVictim.class.getName(),
                folder.resolve("pumps").toString(),
                NAME,
                folder.resolve("stdout").toString(),
                folder.resolve("stderr").toString(),
                folder.resolve("0.log").toString()));
        argv.addAll(List.of(arguments));
        Path output = folder.resolve("victim.out");
        try (Fd out = Fd.open(output, Fd.O_WRONLY | Fd.O_CREAT | Fd.O_APPEND, 0600)) {
            Child child = Child.command(Path.of(argv.getFirst()), argv)
                    .environment(Map.of("LC_ALL", "C.UTF-8"))
                    .stdio(null, out, out)
                    .spawn();
            victims.add(child);
            return child;
        }
    }

    /** Writes lines of all lengths in pieces of all lengths until told to stop, but not too few, and returns what was written. */
    private static byte[] flood(Fd fifo, long seed, AtomicBoolean stop) throws Exception {
        Random random = new Random(seed);
        ByteArrayOutputStream written = new ByteArrayOutputStream();
        for (int i = 0; !stop.get() || written.size() < LEAST; i++) {
            int length = random.nextInt(50) == 0 ? random.nextInt(60_000) : random.nextInt(120);
            byte[] piece = (seed + ":" + i + " " + "x".repeat(length) + (random.nextInt(4) == 0 ? "" : "\n"))
                    .getBytes(StandardCharsets.US_ASCII);
            written.writeBytes(piece);
            PumpsTest.write(fifo, piece);
        }
        return written.toByteArray();
    }

    @Test
    void nothingIsLostAndNothingRepeated() throws Exception {
        Path stdout = folder.resolve("stdout");
        Path stderr = folder.resolve("stderr");
        Path log = Files.createFile(folder.resolve("0.log"));
        Fifo.create(stdout, 0600);
        Fifo.create(stderr, 0600);
        AtomicBoolean stop = new AtomicBoolean();
        byte[] out;
        byte[] err;
        try (Fd outFd = Fifo.openBoth(stdout);
                Fd errFd = Fifo.openBoth(stderr);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<byte[]> outWriter = threads.submit(() -> flood(outFd, 1, stop));
            Future<byte[]> errWriter = threads.submit(() -> flood(errFd, 2, stop));
            for (int i = 0; i < KILLS; i++) {
                killOne(log);
            }
            stop.set(true);
            Child last = victim("drain");
            out = outWriter.get();
            err = errWriter.get();
            outFd.close();
            errFd.close();
            assertThat(last.await(LIMIT))
                    .as(Files.readString(folder.resolve("victim.out")))
                    .contains(new ExitStatus(0, 0));
        }
        String logged = Files.readString(log, ISO_8859_1);
        assertThat(Logged.bytes(logged, "stdout")).isEqualTo(out);
        assertThat(Logged.bytes(logged, "stderr")).isEqualTo(err);
    }

    private void killOne(Path log) throws Exception {
        long before = Files.size(log);
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        Child victim = victim();
        while (Files.size(log) == before) {
            assertThat(ticker.since(start))
                    .as(Files.readString(folder.resolve("victim.out")))
                    .isLessThan(LIMIT);
            ticker.sleep(Duration.ofMillis(1));
        }
        ticker.sleep(Duration.ofNanos(random.nextInt(60_000_000)));
        victim.kill();
        assertThat(victim.await(LIMIT)).contains(new ExitStatus(0, 9));
    }
}
