package dev.berth.shim;

import dev.berth.kernel.Ticker;
import dev.berth.linux.ProcStat;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks, while CRIU holds a container's processes, whether the first of them has been killed. It cannot come to its end then: the
 * kernel lets the first process of a PID namespace wait until all others have been reaped, CRIU reaps none that it holds, and waits
 * for the first. So whoever waits for CRIU is interrupted.
 */
final class EndWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EndWatch.class);
    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(200);
    /** One that CRIU does not hold ends sooner. */
    private static final int LOOKS = 10;

    private final int pid;
    private final Ticker ticker;
    private final Thread waiting = Thread.currentThread();
    private final Thread looking;
    private boolean over;
    private boolean interrupted;

    private EndWatch(int pid, Ticker ticker) {
        this.pid = pid;
        this.ticker = ticker;
        this.looking = Thread.ofVirtual().name("end of " + pid).unstarted(this::look);
    }

    /** For this thread, which is about to wait. */
    static EndWatch of(int pid, Ticker ticker) {
        var watch = new EndWatch(pid, ticker);
        watch.looking.start();
        return watch;
    }

    private void look() {
        try {
            int ending = 0;
            while (ending < LOOKS) {
                ticker.sleep(BETWEEN_LOOKS);
                ending = ProcStat.of(pid).filter(ProcStat::isEnding).isPresent() ? ending + 1 : 0;
            }
            interrupt();
        } catch (InterruptedException e) {
            LOG.debug("the end of {} is looked for no more", pid);
        } catch (IOException e) {
            LOG.warn("whether process {} has been killed cannot be seen", pid, e);
        }
    }

    private synchronized void interrupt() {
        if (!over) {
            interrupted = true;
            waiting.interrupt();
        }
    }

    /** Whether an interrupt was this one's. */
    synchronized boolean hasInterrupted() {
        return interrupted;
    }

    /** An interrupt that came too late is taken back. */
    @Override
    public synchronized void close() {
        over = true;
        looking.interrupt();
        if (interrupted) {
            boolean _ = Thread.interrupted();
        }
    }
}
