package dev.berth.shim;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Subreaper;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Goes round every few seconds: reaps orphans that nobody waits for, and removes what could not be removed at once.
 *
 * <p>We are the parent of every process that its own parent left behind below us: helpers of runtimes, processes of
 * containers without a PID namespace. One that has ended is reaped if it was seen so in the round before too and nobody
 * waits for it: in between, a call of a runtime has taken hold of what it made.
 */
final class Janitor implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Janitor.class);
    private static final Duration PAUSE = Duration.ofSeconds(5);

    private final Tasks tasks;
    private final Ticker ticker;
    private final Thread thread;
    private Set<Integer> seen = Set.of();

    private Janitor(Tasks tasks, Ticker ticker) {
        this.tasks = tasks;
        this.ticker = ticker;
        thread = Thread.ofVirtual().name("janitor").unstarted(this::goRound);
    }

    static Janitor start(Tasks tasks, Ticker ticker) {
        Janitor janitor = new Janitor(tasks, ticker);
        janitor.thread.start();
        return janitor;
    }

    private void goRound() {
        try {
            while (true) {
                tasks.tidy();
                reap();
                ticker.sleep(PAUSE);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void reap() {
        try {
            Set<Integer> ended = new HashSet<>(Subreaper.ended());
            ended.removeAll(tasks.awaited());
            for (int pid : ended) {
                if (seen.contains(pid)) {
                    reap(pid);
                }
            }
            seen = ended;
        } catch (IOException e) {
            LOG.warn("orphans cannot be reaped", e);
        }
    }

    private static void reap(int pid) throws LinuxException {
        try {
            Subreaper.reap(pid).ifPresent(status -> LOG.debug("reaped orphan {}, status {}", pid, status.number()));
        } catch (LinuxException e) {
            if (!e.is(Errno.ECHILD)) {
                throw e; // else somebody did wait for it
            }
        }
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}
