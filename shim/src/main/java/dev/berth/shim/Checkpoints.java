package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.shim.runtime.BundleConfig;
import dev.berth.shim.runtime.CheckpointImages;
import dev.berth.shim.runtime.CheckpointImages.Outside;
import dev.berth.shim.runtime.OciRuntime;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writing down the state of a container's processes, by its runtime and CRIU. Meanwhile no process is put into it, and nobody
 * pauses or resumes it. However it goes, the processes run on afterwards, or stay paused if they were, unless they shall end
 * with it.
 */
final class Checkpoints {
    /** For a caller that sets no limit. */
    static final Duration LONGEST = Duration.ofMinutes(30);

    private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);
    private static final Duration FREEZE = Duration.ofSeconds(10);

    /** How long after a failure the end of the container may still be told. */
    private static final Duration END_TO_BE_SEEN = Duration.ofMillis(500);

    /**
     * What a client asks for.
     *
     * @param images directory for the state
     * @param work directory for what is told of the work
     */
    record Wanted(
            Path images, Path work, Set<OciRuntime.Kept> kept, String cgroupsMode, List<String> emptyNamespaces) {}

    private final Workshop workshop;
    private final Ledger ledger;
    private final Ticker ticker;

    Checkpoints(Workshop workshop, Ledger ledger, Ticker ticker) {
        this.workshop = workshop;
        this.ledger = ledger;
        this.ticker = ticker;
    }

    /**
     * Makes one and tells of it.
     *
     * @throws Fault FAILED_PRECONDITION if it does not run, or if this cannot be done with its runtime or on this node;
     *     DEADLINE_EXCEEDED if the time is over
     */
    void make(Task task, Wanted wanted, Duration limit) throws InterruptedException {
        String what = "make a checkpoint of " + task.key().id();
        checkRuns(what, task);
        if (task.record().root() != null) {
            throw withUserNamespace(what);
        }
        workshop.tools().criu().require(what, task.runtime().program());
        Task.during(task.gate().writeLock(), () -> {
            checkRuns(what, task);
            write(what, task, wanted, limit);
        });
        ledger.tell(TaskEvents.checkpointed(task.key(), wanted.images()));
    }

    private static void checkRuns(String what, Task task) {
        ProcessState state = task.init().state();
        if (state != ProcessState.RUNNING && state != ProcessState.PAUSED) {
            throw Fault.precondition(
                    what,
                    "it is " + state.name().toLowerCase(Locale.ROOT),
                    "Only what runs or is paused has a state to be written down");
        }
    }

    /**
     * Makes sure that a container can be made from a directory.
     *
     * @throws Fault NOT_FOUND if there is no state in it; FAILED_PRECONDITION if a container of that kind cannot be restored
     */
    static void checkRestorable(Tasks.NewTask wanted, Path images, BundleConfig config) {
        String what = "restore task " + wanted.key().id();
        if (!new CheckpointImages(images).complete()) {
            throw Fault.notFound(
                    what, "there is no checkpoint in " + images, "Name the directory into which one was written");
        }
        if (config.userNamespace().isPresent()) {
            throw withUserNamespace(what);
        }
    }

    private static Fault withUserNamespace(String what) {
        return Fault.precondition(
                what,
                "it has a user namespace of its pod, which processes cannot be put back into",
                "Use a pod with hostUsers: true");
    }

    private void write(String what, Task task, Wanted wanted, Duration limit) throws InterruptedException {
        Path own = workshop.tools().directories().work(task.key());
        Path config = own.resolve("criu.conf");
        boolean done = false;
        try {
            Map<Integer, Outside> streams =
                    OutsideStreams.of(task.init().record().streams(), processes(task));
            CheckpointImages.writeOptions(config, new HashSet<>(streams.values()));
            dump(what, task, wanted, config, limit);
            new CheckpointImages(wanted.images()).nameStreams(streams);
            done = true;
        } catch (IOException e) {
            throw task.hasEnded(END_TO_BE_SEEN) ? endedMeanwhile(what).causedBy(e) : Workshop.failed(what, e);
        } finally {
            if (!done) {
                settle(task);
            }
        }
    }

    private void dump(String what, Task task, Wanted wanted, Path config, Duration limit) throws InterruptedException {
        Workshop.Tools tools = workshop.tools();
        OciRuntime runtime = task.runtime();
        try (EndWatch watch = EndWatch.of(task.init().record().pid(), ticker)) {
            try {
                runtime.checkpoint(
                        new OciRuntime.Checkpoint(
                                task.key().id(),
                                wanted.images(),
                                wanted.work(),
                                wanted.kept(),
                                wanted.cgroupsMode(),
                                wanted.emptyNamespaces()),
                        limit,
                        tools.criu().helper(what, config, watch::hasInterrupted),
                        tools.births().of(runtime.program().kind(), null));
            } catch (InterruptedException e) {
                if (!watch.hasInterrupted()) {
                    throw e;
                }
                throw endedMeanwhile(what).causedBy(e);
            }
        } catch (Fault e) {
            throw task.hasEnded(END_TO_BE_SEEN)
                    ? endedMeanwhile(what).causedBy(e)
                    : tools.criu().explain(what, e, wanted.work().resolve("dump.log"));
        }
    }

    private static Fault endedMeanwhile(String what) {
        return Fault.precondition(what, "it has ended meanwhile", "Start it anew, or another");
    }

    private Set<Integer> processes(Task task) throws IOException {
        Set<Integer> pids = new HashSet<>(Set.of(task.init().record().pid()));
        Optional<Cgroup> cgroup = workshop.cgroup(task.record());
        if (cgroup.isPresent()) {
            pids.addAll(cgroup.get().pids());
        }
        return pids;
    }

    /** CRIU that was killed may have left the processes standing, or running that were paused. */
    private void settle(Task task) throws InterruptedException {
        Optional<Cgroup> cgroup = workshop.cgroup(task.record());
        try {
            if (cgroup.isPresent() && cgroup.get().exists()) {
                boolean paused = task.init().state() == ProcessState.PAUSED;
                if (paused && !cgroup.get().frozen()) {
                    LOG.info("{}: paused again after a checkpoint that failed", task.key());
                    boolean _ = cgroup.get().freeze(FREEZE);
                } else if (!paused && cgroup.get().frozen()) {
                    LOG.info("{}: thawed after a checkpoint that failed", task.key());
                    cgroup.get().thaw();
                }
            }
        } catch (IOException e) {
            LOG.error("{}: whether it runs on after a checkpoint that failed is not known", task.key(), e);
        }
    }
}
