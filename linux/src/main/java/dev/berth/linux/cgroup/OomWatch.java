package dev.berth.linux.cgroup;

import dev.berth.kernel.Ticker;
import dev.berth.linux.EventFd;
import dev.berth.linux.Fd;
import dev.berth.linux.Poller;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Waits until the kernel kills in a cgroup for lack of memory.
 *
 * <p>What wakes it is only a hint: on version 1 an eventfd that also fires when the cgroup is removed and when another one of
 * the same parent runs out, on version 2 a change of {@code memory.events}. The kernel's counter of kills is what counts.
 */
public abstract sealed class OomWatch implements AutoCloseable {
    private static final int LOOKS = 50;
    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(10);

    private final Cgroup cgroup;
    private long seen;
    private volatile boolean closed;

    private OomWatch(Cgroup cgroup) throws IOException {
        this.cgroup = cgroup;
        seen = cgroup.oomKills();
    }

    /** Prepares for a hint: whatever happens after this wakes {@link #awaitHint}. */
    abstract void arm() throws IOException;

    abstract void awaitHint() throws IOException, InterruptedException;

    /** Wakes a wait. */
    abstract void disarm();

    /**
     * Waits for the next kill; one thread at a time.
     *
     * @return how many there were since the last answer; 0 if the cgroup is gone or this was closed
     */
    public final long await() throws IOException, InterruptedException {
        try {
            while (!closed) {
                arm();
                long fresh = fresh();
                if (fresh > 0 || !cgroup.exists()) {
                    return fresh;
                }
                awaitHint();
                long counted = awaitCount();
                if (counted > 0) {
                    return counted;
                }
            }
        } catch (IOException e) {
            if (!closed && cgroup.exists()) {
                throw e;
            }
        }
        return 0;
    }

    /** The kernel hints before it has killed and counted: the count follows within moments, or it was no kill. */
    private long awaitCount() throws IOException, InterruptedException {
        for (int look = 0; look < LOOKS && !closed && cgroup.exists(); look++) {
            long fresh = fresh();
            if (fresh > 0) {
                return fresh;
            }
            Ticker.system().sleep(BETWEEN_LOOKS);
        }
        return 0;
    }

    /** How many kills there were since the last answer, without waiting. */
    public final synchronized long fresh() throws IOException {
        long fresh = Math.max(0, cgroup.oomKills() - seen);
        seen += fresh;
        return fresh;
    }

    /** Ends a wait; the cgroup stays. */
    @Override
    public final void close() {
        closed = true;
        disarm();
    }

    boolean isClosed() {
        return closed;
    }

    static final class V1 extends OomWatch {
        private final EventFd event;

        private V1(Cgroup cgroup, EventFd event) throws IOException {
            super(cgroup);
            this.event = event;
        }

        static V1 open(Cgroup cgroup, Path memory) throws IOException {
            EventFd event = EventFd.open();
            try (Fd control = Fd.open(memory.resolve("memory.oom_control"), Fd.O_RDONLY)) {
                String numbers = event.fd().number() + " " + control.number();
                ControlFile.write(memory.resolve("cgroup.event_control"), numbers);
                return new V1(cgroup, event);
            } catch (IOException e) {
                event.close();
                throw e;
            }
        }

        @Override
        void arm() throws IOException {
            event.take();
        }

        @Override
        void awaitHint() throws IOException, InterruptedException {
            event.await(Poller.FOREVER);
        }

        @Override
        void disarm() {
            event.close();
        }
    }

    static final class V2 extends OomWatch {
        private final Path file;
        private volatile Fd events;

        V2(Cgroup cgroup, Path file) throws IOException {
            super(cgroup);
            this.file = file;
            events = Fd.open(file, Fd.O_RDONLY);
        }

        /** A descriptor tells of what happened after it was read through, and can be read from its start only once. */
        @Override
        void arm() throws IOException {
            Fd old = events;
            Fd fresh = Fd.open(file, Fd.O_RDONLY);
            fresh.read(new byte[512]);
            events = fresh;
            old.close();
            if (isClosed()) {
                fresh.close();
            }
        }

        @Override
        void awaitHint() throws IOException, InterruptedException {
            Poller.awaitException(events, Poller.FOREVER);
        }

        @Override
        void disarm() {
            events.close();
        }
    }
}
