package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.linux.cgroup.OomWatch;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells when the kernel has killed in a container for lack of memory: at once, and before the exit of its first process is
 * told if that came first. Thread-safe.
 */
final class OomReports {
    private static final Logger LOG = LoggerFactory.getLogger(OomReports.class);

    private final Ledger ledger;
    private final Map<TaskKey, OomWatch> watches = new ConcurrentHashMap<>();

    OomReports(Ledger ledger) {
        this.ledger = ledger;
    }

    /**
     * Begins to watch a container's cgroup until {@link #stop}.
     *
     * @param adopted whether it ran before us: then what has happened so far is told too, since nobody knows if it was
     */
    void watch(TaskKey task, Cgroup cgroup, boolean adopted) {
        try {
            if (adopted && cgroup.oomKills() > 0) {
                tell(task);
            }
            OomWatch watch = cgroup.watchOom();
            watches.put(task, watch);
            Thread.ofVirtual().name("oom of " + task).start(() -> follow(task, watch));
        } catch (IOException e) {
            LOG.warn("{}: nobody tells when it runs out of memory: {}", task, e.getMessage());
        }
    }

    private void follow(TaskKey task, OomWatch watch) {
        try {
            while (watch.await() > 0) {
                tell(task);
            }
        } catch (IOException e) {
            LOG.warn("{}: nobody tells any more when it runs out of memory", task, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Tells now what has not been told yet. */
    void check(TaskKey task) {
        OomWatch watch = watches.get(task);
        try {
            if (watch != null && watch.fresh() > 0) {
                tell(task);
            }
        } catch (IOException e) {
            LOG.warn("{}: it is not known if it ran out of memory", task, e);
        }
    }

    /** Ends watching; harmless if nobody does. */
    void stop(TaskKey task) {
        OomWatch watch = watches.remove(task);
        if (watch != null) {
            watch.close();
        }
    }

    /** One event is enough until somebody has taken it: a container may go on running out of memory for days. */
    private void tell(TaskKey task) {
        try {
            ledger.tellOnce(TaskEvents.outOfMemory(task));
        } catch (Fault e) {
            LOG.error("{}: it ran out of memory, which could not be written down", task, e);
        }
    }
}
