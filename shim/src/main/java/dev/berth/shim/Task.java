package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.shim.runtime.BundleConfig;
import dev.berth.shim.runtime.OciRuntime;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/** A container: what it was made of, its first process and its execs. */
final class Task {
    /** How long a pause or a resume may be waited for. A checkpoint takes longer, as long as it likes. */
    private static final Duration CHANGE = Duration.ofMillis(200);

    private final TaskRecord record;
    private final OciRuntime runtime;
    private final TaskProcess init;
    private final Map<String, TaskProcess> execs = new ConcurrentHashMap<>();
    private final ReadWriteLock gate = new ReentrantReadWriteLock();
    private volatile @Nullable Restoration restoration;

    /** What a container will be made from when it is started. */
    record Restoration(Tasks.NewTask wanted, BundleConfig config) {}

    Task(TaskRecord record, OciRuntime runtime, TaskProcess init) {
        this.record = record;
        this.runtime = runtime;
        this.init = init;
    }

    TaskRecord record() {
        return record;
    }

    TaskKey key() {
        return record.key();
    }

    OciRuntime runtime() {
        return runtime;
    }

    TaskProcess init() {
        return init;
    }

    /** Held for reading by who puts a process into the container, for writing by who needs all of them to stay as they are. */
    ReadWriteLock gate() {
        return gate;
    }

    /** Does something while it holds a lock. */
    static void during(Lock lock, TaskProcess.Step step) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            step.run();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Puts a process into the container. Not into one that stands still: whoever goes in would stand still with it, and if
     * that is one of our threads, nobody could let it go on.
     *
     * @throws Fault FAILED_PRECONDITION if it is paused, or its state is being written down
     */
    void enter(String what, TaskProcess.Step step) throws InterruptedException {
        Lock open = gate.readLock();
        if (!open.tryLock(CHANGE.toNanos(), TimeUnit.NANOSECONDS)) {
            throw Fault.precondition(what, "it is being written down, or paused or resumed", "Try again");
        }
        try {
            if (init.state() == ProcessState.PAUSED) {
                throw Fault.precondition(what, "it is paused", "Resume it first");
            }
            step.run();
        } finally {
            open.unlock();
        }
    }

    /** The runtime may know before us: the end is waited for a little. */
    boolean hasEnded(Duration wait) throws InterruptedException {
        return init.awaitEnd(wait).exitedAt() != null;
    }

    /** Not made yet: its start does it. */
    void restoreLater(Restoration later) {
        restoration = later;
    }

    Optional<Restoration> restoration() {
        return Optional.ofNullable(restoration);
    }

    Map<String, TaskProcess> execs() {
        return execs;
    }

    /**
     * The first process, or the exec of that id.
     *
     * @throws Fault NOT_FOUND if there is no such exec
     */
    TaskProcess process(String execId) {
        if (execId.isEmpty()) {
            return init;
        }
        TaskProcess exec = execs.get(execId);
        if (exec == null) {
            throw Fault.notFound("find exec " + execId + " of " + record.id(), "there is no such process", "");
        }
        return exec;
    }
}
