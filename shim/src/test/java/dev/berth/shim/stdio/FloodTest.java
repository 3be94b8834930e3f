package dev.berth.shim.stdio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Child;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A container that writes as fast as it can, and others beside it. */
@Timeout(300)
class FloodTest {
    private static final long MEBIBYTES = Integer.getInteger("berth.test.flood", 48);
    private static final Duration LIMIT = Duration.ofSeconds(250);

    @TempDir
    Path folder;

    private Fd fifo(String name) throws Exception {
        Path path = folder.resolve(name);
        Fifo.create(path, 0600);
        return Fifo.openWriterForChild(path);
    }

    private void start(Pumps pumps, String name) throws Exception {
        pumps.start(
                name,
                folder.resolve(name).toString(),
                "",
                folder.resolve(name + ".log").toString());
    }

    private long directMemory() {
        return ManagementFactory.getPlatformMXBeans(java.lang.management.BufferPoolMXBean.class).stream()
                .filter(pool -> pool.getName().equals("direct"))
                .mapToLong(java.lang.management.BufferPoolMXBean::getMemoryUsed)
                .sum();
    }

    /** A line from a quiet container comes into its log. */
    private void lineOf(Fd quiet, Path log) throws Exception {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        long before = Files.size(log);
        quiet.write("hello\n".getBytes(StandardCharsets.US_ASCII));
        while (Files.size(log) == before) {
            assertThat(ticker.since(start)).isLessThan(LIMIT);
            ticker.sleep(Duration.ofMillis(1));
        }
    }

    @Test
    void memoryStaysFlatAndNobodyStarves() throws Exception {
        long lines = MEBIBYTES * 1024 * 1024 / 64;
        try (Pumps pumps = Pumps.open(folder.resolve("pumps"), InstantSource.system(), Ticker.system());
                Fd quiet = fifo("quiet")) {
            start(pumps, "quiet");
            long memory = directMemory();
            try (Fd one = fifo("one");
                    Fd two = fifo("two");
                    Child floodOne = flood(one, lines);
                    Child floodTwo = flood(two, lines)) {
                start(pumps, "one");
                start(pumps, "two");
                for (int i = 0; i < 50; i++) {
                    lineOf(quiet, folder.resolve("quiet.log"));
                }
                assertThat(floodOne.await(LIMIT)).contains(new ExitStatus(0, 0));
                assertThat(floodTwo.await(LIMIT)).contains(new ExitStatus(0, 0));
            }
            assertThat(pumps.drain("one", LIMIT)).isTrue();
            assertThat(pumps.drain("two", LIMIT)).isTrue();
            assertThat(directMemory() - memory).isLessThan(2 << 20);
        }
        for (String name : List.of("one", "two")) {
            try (var all = Files.lines(folder.resolve(name + ".log"))) {
                assertThat(all.filter(line -> line.endsWith(" stdout F " + "y".repeat(63)))
                                .count())
                        .isEqualTo(lines);
            }
        }
    }

    private static Child flood(Fd to, long lines) throws Exception {
        return Child.command("/bin/sh", "-c", "/usr/bin/yes " + "y".repeat(63) + " | /usr/bin/head -n " + lines)
                .stdio(null, to, null)
                .spawn();
    }
}
