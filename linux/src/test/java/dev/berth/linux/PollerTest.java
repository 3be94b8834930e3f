package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Ticker;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class PollerTest {
    @TempDir
    Path folder;

    private Fd fifo(String name) throws LinuxException {
        Path path = folder.resolve(name);
        Fifo.create(path, 0600);
        return Fifo.openBoth(path);
    }

    @Test
    void readingManyFifosDoesNotStarveVirtualThreads() throws Exception {
        int count = 64; // far more than carriers
        List<Fd> fifos = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Integer>> readers = new ArrayList<>();
            CountDownLatch waiting = new CountDownLatch(count);
            for (int i = 0; i < count; i++) {
                Fd fd = fifo("f" + i);
                fifos.add(fd);
                readers.add(threads.submit(() -> {
                    waiting.countDown();
                    while (true) {
                        int n = fd.read(new byte[16]);
                        if (n > 0) {
                            return n;
                        }
                        Poller.awaitReadable(fd, Poller.FOREVER);
                    }
                }));
            }
            waiting.await();
            long start = Ticker.system().nanos();
            threads.submit(() -> {}).get();
            assertThat(Ticker.system().since(start)).isLessThan(Duration.ofMillis(500));
            for (Fd fd : fifos) {
                fd.write(new byte[3]);
            }
            for (Future<Integer> reader : readers) {
                assertThat(reader.get()).isEqualTo(3);
            }
        } finally {
            fifos.forEach(Fd::close);
        }
    }

    @Test
    void endsWhenTheTimeIsOver() throws Exception {
        try (Fd fd = fifo("f")) {
            assertThat(Poller.awaitReadable(fd, Duration.ofMillis(20))).isFalse();
            assertThat(Poller.awaitReadable(fd, Duration.ZERO)).isFalse();
            assertThat(Poller.awaitWritable(fd, Duration.ZERO.plusSeconds(5))).isTrue();
        }
    }

    @Test
    void closingWakesEveryWaiter() throws Exception {
        Fd fd = fifo("f");
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<?> one = threads.submit(() -> Poller.awaitReadable(fd, Poller.FOREVER));
            Future<?> two = threads.submit(() -> Poller.awaitReadable(fd, Poller.FOREVER));
            Poller.awaitReadable(fd, Duration.ofMillis(50));
            fd.close();
            assertThatThrownBy(one::get).hasRootCauseInstanceOf(LinuxException.class);
            assertThatThrownBy(two::get).hasRootCauseInstanceOf(LinuxException.class);
        }
    }

    @Test
    void anInterruptEndsTheWait() throws Exception {
        try (Fd fd = fifo("f");
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<?> waiting = threads.submit(() -> Poller.awaitReadable(fd, Poller.FOREVER));
            Poller.awaitReadable(fd, Duration.ofMillis(30));
            threads.shutdownNow();
            assertThatThrownBy(waiting::get).hasRootCauseInstanceOf(InterruptedException.class);
        }
    }

    @Test
    void waitsForReadingAndWritingAtOnce() throws Exception {
        try (Fd fd = fifo("f");
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            while (fd.write(new byte[4096]) > 0) {
                // until it is full
            }
            Future<Boolean> writer = threads.submit(() -> Poller.awaitWritable(fd, Poller.FOREVER));
            assertThat(Poller.awaitReadable(fd, Poller.FOREVER)).isTrue();
            assertThat(writer.isDone()).isFalse();
            while (fd.read(new byte[65536]) > 0) {
                // until it is empty
            }
            assertThat(writer.get()).isTrue();
        }
    }

    @Test
    void aRegularFileIsAlwaysReady() throws Exception {
        try (Fd fd = Fd.open(folder.resolve("file"), Fd.O_RDWR | Fd.O_CREAT, 0600)) {
            assertThat(Poller.awaitReadable(fd, Poller.FOREVER)).isTrue();
        }
    }
}
