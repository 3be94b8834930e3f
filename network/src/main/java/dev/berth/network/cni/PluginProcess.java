package dev.berth.network.cni;

import dev.berth.linux.Child;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Pipe;
import dev.berth.linux.Poller;
import dev.berth.linux.Signals;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One run of a plugin: bytes in, bytes out, an end. Whatever the plugin does, we come back, with bounded memory. */
final class PluginProcess implements AutoCloseable {
    /** How a run ended. */
    sealed interface Outcome {
        /** It ended by itself; {@code tooMuch} says that there was more output than is kept. */
        record Ended(ExitStatus status, String output, String errors, boolean tooMuch) implements Outcome {}

        /** It was killed when its time was over. */
        record TimedOut(String errors) implements Outcome {}
    }

    private static final int MOST_OUTPUT_BYTES = 1 << 20;
    private static final int MOST_ERROR_BYTES = 16 << 10;
    /** A process that the plugin left behind may hold the pipes; what the plugin itself wrote is there at once. */
    private static final Duration AFTERMATH = Duration.ofMillis(500);

    private final Pipe input = pipe();
    private final Pipe output = pipe();
    private final Pipe errors = pipe();

    private PluginProcess() throws LinuxException {}

    private static Pipe pipe() throws LinuxException {
        return Pipe.openBlocking(); // the plugin's ends block; ours are changed
    }

    /**
     * Runs a program to its end, or kills it and what it started when the time is over.
     *
     * @param environment its whole environment
     */
    static Outcome run(Path program, Map<String, String> environment, byte[] stdin, Duration limit)
            throws LinuxException, InterruptedException {
        try (PluginProcess process = new PluginProcess()) {
            return process.execute(program, environment, stdin, limit);
        }
    }

    private Outcome execute(Path program, Map<String, String> environment, byte[] stdin, Duration limit)
            throws LinuxException, InterruptedException {
        input.writer().nonBlocking(true);
        output.reader().nonBlocking(true);
        errors.reader().nonBlocking(true);
        Child.Command command = Child.command(program.toString())
                .environment(environment)
                .stdio(input.reader(), output.writer(), errors.writer())
                .newSession();
        try (Child child = command.spawn()) {
            input.reader().close();
            output.writer().close();
            errors.writer().close();
            Thread feeder = Thread.startVirtualThread(() -> feed(stdin));
            Collector out = Collector.start(output.reader(), MOST_OUTPUT_BYTES);
            Collector err = Collector.start(errors.reader(), MOST_ERROR_BYTES);
            Optional<ExitStatus> status = Optional.empty();
            try {
                status = child.await(limit);
            } finally {
                if (status.isEmpty()) {
                    killAll(child);
                }
            }
            out.finish();
            err.finish();
            input.writer().close();
            feeder.join();
            return status.isEmpty()
                    ? new Outcome.TimedOut(err.text())
                    : new Outcome.Ended(status.get(), out.text(), err.text(), out.tooMuch());
        }
    }

    /** Kills the plugin with all that is still in its session, and reaps it. */
    private static void killAll(Child child) throws LinuxException {
        Signals.send(-child.pid(), Signals.KILL); // its leader is not reaped yet: the number is still theirs
        boolean interrupted = Thread.interrupted();
        try {
            child.await(AFTERMATH);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void feed(byte[] stdin) {
        ByteBuffer bytes = ByteBuffer.wrap(stdin);
        try (Fd writer = input.writer()) {
            while (bytes.hasRemaining()) {
                if (writer.write(bytes) == 0) {
                    Poller.awaitWritable(writer, Poller.FOREVER);
                }
            }
        } catch (LinuxException pluginDoesNotRead) {
            // Its own business: what counts is its answer.
            return;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        input.close();
        output.close();
        errors.close();
    }

    /** Reads a stream to its end on a thread of its own, keeping the first bytes. */
    private static final class Collector {
        private final Fd stream;
        private final int most;
        private final ByteArrayOutputStream kept = new ByteArrayOutputStream();
        private boolean tooMuch;
        private @Nullable Thread reader;

        private Collector(Fd stream, int most) {
            this.stream = stream;
            this.most = most;
        }

        static Collector start(Fd stream, int most) {
            Collector collector = new Collector(stream, most);
            collector.reader = Thread.startVirtualThread(collector::read);
            return collector;
        }

        private void read() {
            byte[] chunk = new byte[8192];
            try {
                while (true) {
                    int n = stream.read(chunk);
                    if (n < 0) {
                        return;
                    }
                    if (n == 0) {
                        Poller.awaitReadable(stream, Poller.FOREVER);
                    } else {
                        keep(chunk, n);
                    }
                }
            } catch (LinuxException closed) {
                return; // nobody wants the rest
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        private synchronized void keep(byte[] chunk, int n) {
            int room = most - kept.size();
            kept.write(chunk, 0, Math.min(room, n));
            tooMuch |= n > room;
        }

        /** Waits for the end of the stream, but not long. */
        void finish() throws InterruptedException {
            Thread thread = reader;
            if (thread != null && !thread.join(AFTERMATH)) {
                stream.close();
            }
        }

        synchronized String text() {
            return kept.toString(StandardCharsets.UTF_8);
        }

        synchronized boolean tooMuch() {
            return tooMuch;
        }
    }
}
