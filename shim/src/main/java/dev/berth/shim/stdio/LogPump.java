package dev.berth.shim.stdio;

import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Poller;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the output of one process into one log file. */
final class LogPump implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LogPump.class);
    private static final int LINE_BYTES = 16 * 1024;

    private record Source(String stream, Fd reader, CountDownLatch ended) {}

    private final List<Source> sources = new ArrayList<>();
    private final String path;
    private final InstantSource clock;
    private @Nullable Fd log;

    private LogPump(String path, InstantSource clock) {
        this.path = path;
        this.clock = clock;
    }

    static LogPump open(String stdout, String stderr, String log, InstantSource clock) throws IOException {
        LogPump pump = new LogPump(log, clock);
        try {
            pump.log = log.isEmpty() ? null : pump.openLog();
            pump.add("stdout", stdout);
            pump.add("stderr", stderr);
            return pump;
        } catch (IOException e) {
            pump.close();
            throw e;
        }
    }

    private Fd openLog() throws LinuxException {
        return Fd.open(Path.of(path), Fd.O_WRONLY | Fd.O_APPEND | Fd.O_CREAT, 0640);
    }

    private void add(String stream, String fifo) throws IOException {
        if (!fifo.isEmpty()) {
            sources.add(new Source(stream, Fifo.openReader(Path.of(fifo)), new CountDownLatch(1)));
        }
    }

    void start() {
        sources.forEach(source ->
                Thread.ofVirtual().name("pump " + source.stream() + " " + path).start(() -> pump(source)));
    }

    private void pump(Source source) {
        byte[] chunk = new byte[LINE_BYTES];
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try {
            while (true) {
                Poller.awaitReadable(source.reader(), Poller.FOREVER);
                int n = source.reader().read(chunk);
                if (n < 0) {
                    break;
                }
                split(source.stream(), chunk, n, line);
            }
            if (line.size() > 0) {
                write(source.stream(), "P", line);
            }
        } catch (IOException | InterruptedException e) {
            if (!source.reader().isClosed()) {
                LOG.error("log {}: {} is not read any more", path, source.stream(), e);
            }
        } finally {
            source.ended().countDown();
        }
    }

    private void split(String stream, byte[] bytes, int length, ByteArrayOutputStream line) throws IOException {
        for (int i = 0; i < length; i++) {
            if (bytes[i] == '\n') {
                write(stream, "F", line);
            } else {
                line.write(bytes[i]);
                if (line.size() == LINE_BYTES) {
                    write(stream, "P", line);
                }
            }
        }
    }

    private synchronized void write(String stream, String tag, ByteArrayOutputStream line) throws IOException {
        if (log != null) {
            ByteArrayOutputStream entry = new ByteArrayOutputStream();
            entry.writeBytes((clock.instant() + " " + stream + " " + tag + " ").getBytes(StandardCharsets.US_ASCII));
            line.writeTo(entry);
            entry.write('\n');
            log.write(entry.toByteArray());
        }
        line.reset();
    }

    synchronized void reopen() throws IOException {
        if (log != null) {
            Fd next = openLog();
            log.close();
            log = next;
        }
    }

    /** Waits for the end of all pipes. */
    boolean drain(Duration limit) throws InterruptedException {
        boolean all = true;
        for (Source source : sources) {
            all &= source.ended().await(limit.toMillis(), TimeUnit.MILLISECONDS);
        }
        return all;
    }

    @Override
    public void close() {
        sources.forEach(source -> source.reader().close());
        if (log != null) {
            log.close();
        }
    }
}
