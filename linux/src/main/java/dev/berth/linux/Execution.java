package dev.berth.linux;

import dev.berth.kernel.Rollback;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One run of a program that is not ours: bytes in, bytes out, an end. Whatever the program does, we come back, with bounded memory;
 * if its time is over or we are interrupted, it is killed with all that is still in its session.
 */
public final class Execution implements AutoCloseable {
    /** How a run ended. */
    public sealed interface Outcome {
        /** It ended by itself; {@code tooMuch} says that there was more output than is kept. */
        record Ended(ExitStatus status, String output, String errors, boolean tooMuch) implements Outcome {}

        /** It was killed when its time was over. */
        record TimedOut(String errors) implements Outcome {}
    }

    /**
     * What a run may take.
     *
     * @param outputBytes how much of its output is kept; the rest is read and dropped
     * @param errorBytes the same of its standard error
     */
    public record Limits(Duration time, int outputBytes, int errorBytes) {}

    /** A process that the program left behind may hold the pipes; what the program itself wrote is there at once. */
    private static final Duration AFTERMATH = Duration.ofMillis(500);

    private final Pipe input;
    private final Pipe output;
    private final Pipe errors;

    private final Limits limits;

    private Execution(Limits limits) throws LinuxException {
        this.limits = limits;
        try (var undo = new Rollback()) {
            input = pipe(undo);
            output = pipe(undo);
            errors = pipe(undo);
            undo.commit();
        }
    }

    private static Pipe pipe(Rollback undo) throws LinuxException {
        Pipe pipe = Pipe.openBlocking(); // the program's ends block; ours are changed
        undo.add("pipe", pipe::close);
        return pipe;
    }

    /**
     * Runs a program to its end, or kills it and what it started when the time is over.
     *
     * @param command its standard streams and its session are set here
     * @throws LinuxException if it cannot be started
     * @throws InterruptedException if the thread is interrupted; the program is killed then
     */
    public static Outcome run(Child.Command command, byte[] stdin, Limits limits)
            throws LinuxException, InterruptedException {
        try (Execution execution = new Execution(limits)) {
            return execution.run(command, stdin);
        }
    }

    private Outcome run(Child.Command command, byte[] stdin) throws LinuxException, InterruptedException {
        input.writer().nonBlocking(true);
        output.reader().nonBlocking(true);
        errors.reader().nonBlocking(true);
        command.stdio(input.reader(), output.writer(), errors.writer()).newSession();
        try (Child child = command.spawn()) {
            input.reader().close();
            output.writer().close();
            errors.writer().close();
            Thread feeder = Thread.startVirtualThread(() -> feed(stdin));
            Collector out = Collector.start(output.reader(), limits.outputBytes);
            Collector err = Collector.start(errors.reader(), limits.errorBytes);
            Optional<ExitStatus> status = Optional.empty();
            try {
                status = child.await(limits.time);
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

    /** Kills the program with all that is still in its session, and reaps it. */
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
        } catch (LinuxException itDoesNotRead) {
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
