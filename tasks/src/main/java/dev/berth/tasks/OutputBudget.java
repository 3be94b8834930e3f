package dev.berth.tasks;

import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How many bytes of output all commands together may have in memory. */
final class OutputBudget {
    private static final Logger LOG = LoggerFactory.getLogger(OutputBudget.class);

    private final AtomicLong left;

    OutputBudget(long bytes) {
        left = new AtomicLong(bytes);
    }

    /**
     * One command's part; to be closed when its output is given away.
     *
     * @param most of both its streams together
     */
    Share share(int most, Object command) {
        return new Share(most, command);
    }

    /** Used by both streams' readers. */
    final class Share implements AutoCloseable {
        private final int most;
        private final Object command;
        private int used;
        private boolean cut;

        private Share(int most, Object command) {
            this.most = most;
            this.command = command;
        }

        /** How many of so many bytes may be kept. What follows a cut is not kept either, so that no piece is missing in between. */
        synchronized int grant(int wanted) {
            if (cut) {
                return 0;
            }
            int own = Math.min(wanted, most - used);
            int granted = takeFromAll(own);
            used += granted;
            if (granted < wanted) {
                cut = true;
                LOG.warn(
                        "exec in {}: its output is cut after {} bytes: {}",
                        command,
                        used,
                        granted < own ? "the commands that run have filled the memory for it" : "more is never kept");
            }
            return granted;
        }

        private int takeFromAll(int wanted) {
            long before = left.getAndUpdate(now -> now - Math.min(now, wanted));
            return (int) Math.min(before, wanted);
        }

        @Override
        public synchronized void close() {
            cut = true;
            left.addAndGet(used);
            used = 0;
        }
    }
}
