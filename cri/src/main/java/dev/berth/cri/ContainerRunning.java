package dev.berth.cri;

import dev.berth.cri.Cleaning.Kind;
import dev.berth.cri.Container.Life;
import dev.berth.cri.config.Resources;
import dev.berth.cri.spec.SpecBuilder;
import dev.berth.cri.spec.StopSignal;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Timeline;
import dev.berth.linux.Signals;
import dev.berth.tasks.ExecResult;
import dev.berth.tasks.Exit;
import dev.berth.tasks.TaskEvent;
import dev.berth.tasks.TaskId;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Containers while they run: from their task's creation to the record of their exit. The exit is recorded by whoever sees it
 * first, the event or the one who stops; both find the same.
 */
public final class ContainerRunning implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ContainerRunning.class);
    private static final Duration NO_LIMIT = Duration.ofDays(365);
    private static final Duration KILL_LIMIT = Duration.ofMinutes(2);
    private static final Duration END_LIMIT = Duration.ofSeconds(10);
    private static final Duration AT_THE_END = Duration.ofSeconds(2);
    private static final int START_FAILED = 128; // what kubelet's users know from other runtimes

    private final CriContext context;
    private final ContainerMaking making;
    private final Turns deletions = new Turns();
    private final Turns ends = new Turns();

    /** The threads that take tasks away, and whose pod's. */
    private final Map<Thread, String> discarding = new ConcurrentHashMap<>();

    ContainerRunning(CriContext context, ContainerMaking making) {
        this.context = context;
        this.making = making;
        context.cleaning().by(Kind.TASK, this::discardEnded);
    }

    /** Removes folders of containers that have no record. */
    void tidyFolders() throws IOException {
        making.keepFoldersOf(
                context.ledger().containers().stream().map(Container::id).collect(Collectors.toSet()));
    }

    static TaskId task(Container container) {
        return task(container.id());
    }

    static TaskId task(String id) {
        return new TaskId(Namespace.KUBERNETES.name(), id);
    }

    /** Starts a container that was created; one that cannot start has ended, with the reason in its status. */
    void start(Container container, Pod pod) throws InterruptedException {
        var timeline = new Timeline(context.ticker());
        try (var undo = new Rollback()) {
            undo.add(
                    "task " + container.id(),
                    context.cleaning().step(Kind.TASK, container.id(), () -> end(container.id())));
            int pid = context.tasks().run(making.task(container, pod), timeline);
            undo.commit();
            context.ledger()
                    .changeContainer(
                            container.id(),
                            it -> it.with(it.life().started(context.nowNanos(), pid))
                                    .withMore(Timing.of(timeline)));
        } catch (Fault e) {
            Container ended = context.ledger()
                    .changeLife(
                            container.id(),
                            life -> life.failed(context.nowNanos(), START_FAILED, String.valueOf(e.getMessage())));
            context.publish(ContainerEvent.Kind.STOPPED, ended.id(), pod);
            throw e;
        } finally {
            discardState(container);
        }
        context.publish(ContainerEvent.Kind.STARTED, container.id(), pod);
    }

    /** It is used once. What cannot be removed goes with the container. */
    private void discardState(Container container) {
        try {
            if (container.restored()) {
                making.discardState(container.id());
            }
        } catch (Fault e) {
            LOG.warn("container {}: the state that it has gone on from is still there", container.id(), e);
        }
    }

    /** Ends a container that runs, and waits until its end is recorded. */
    void stop(Container container, Duration grace) throws InterruptedException {
        if (container.state() != ContainerState.RUNNING && container.state() != ContainerState.UNKNOWN) {
            return;
        }
        TaskId task = task(container);
        Optional<Exit> exit = Optional.empty();
        if (grace.isPositive()) {
            signal(task, signalNumber(container), false);
            exit = await(task, grace);
        }
        if (exit.isEmpty()) {
            signal(task, Signals.KILL, true);
            exit = await(task, KILL_LIMIT);
        }
        if (exit.isEmpty()) {
            throw Fault.deadline(
                    "stop container " + container.id(),
                    "it did not end within " + KILL_LIMIT.toSeconds() + " s after SIGKILL",
                    "Its processes hang in the kernel, perhaps on a dead volume; see its process states");
        }
        recordExit(container.id(), exit.get());
    }

    private static int signalNumber(Container container) {
        return StopSignal.of(null, container.stopSignal());
    }

    private void signal(TaskId task, int signal, boolean all) throws InterruptedException {
        try {
            context.tasks().kill(task, "", signal, all);
        } catch (Fault e) {
            if (e.code() != Fault.Code.NOT_FOUND) { // it ended by itself: the wait that follows finds out how
                throw e;
            }
        }
    }

    private Optional<Exit> await(TaskId task, Duration limit) throws InterruptedException {
        try {
            return context.tasks().awaitExit(task, limit);
        } catch (Fault e) {
            if (e.code() == Fault.Code.NOT_FOUND) {
                return Optional.of(Exit.unknown(context.clock().instant()));
            }
            throw e;
        }
    }

    /** Takes the task away, if there is one. May be repeated. */
    void discard(String id) throws InterruptedException {
        try (var _ = deletions.take(id)) { // its exit and its removal may both be at it
            context.tasks().delete(task(id));
        } catch (Fault e) {
            if (e.code() != Fault.Code.NOT_FOUND) {
                throw e;
            }
        }
    }

    /** The same for a task that may live and should not. */
    void end(String id) throws InterruptedException {
        signal(task(id), Signals.KILL, true);
        await(task(id), END_LIMIT);
        discard(id);
    }

    /** The same later: of a container that was started again meanwhile it is left alone, of none at all it is ended first. */
    private void discardEnded(String id) throws InterruptedException {
        if (!context.ledger().hasContainer(id) || context.ledger().container(id).state() != ContainerState.RUNNING) {
            end(id);
        }
    }

    /** Changes limits of a container that runs, or those that it will start with. */
    void update(Container container, Resources resources) throws InterruptedException {
        Resources merged = Resources.merge(container.resources(), resources);
        SpecBuilder.check(merged);
        switch (container.state()) {
            case CREATED -> Objects.requireNonNull(making.resources(merged));
            case RUNNING -> change(container, resources, merged);
            case EXITED, UNKNOWN ->
                throw Fault.precondition(
                        "update container " + container.id(),
                        "it is " + container.state(),
                        "Only one that lives can be");
        }
        context.ledger().changeContainer(container.id(), c -> c.with(Resources.merge(c.resources(), resources)));
    }

    /** A runtime sets one limit after the other: if it fails in between, those of before come back. */
    private void change(Container container, Resources asked, Resources merged) throws InterruptedException {
        try {
            context.tasks().update(task(container), making.resources(merged));
        } catch (Fault failed) {
            try {
                context.tasks().update(task(container), making.undoing(container.resources(), asked));
            } catch (Fault e) {
                failed.addSuppressed(e);
            }
            throw failed;
        }
    }

    /**
     * Runs a command and waits for its end.
     *
     * @param timeout zero for none
     * @throws Fault FAILED_PRECONDITION if the container does not run; DEADLINE_EXCEEDED after the timeout, the command
     *     killed; NOT_FOUND if there is no such command in the container
     */
    public ExecResult execSync(Container container, List<String> command, Duration timeout)
            throws InterruptedException {
        requireRunning("run a command in container " + container.id(), container);
        if (command.isEmpty()) {
            throw Fault.invalid("run a command in container " + container.id(), "there is none", "Give a command");
        }
        return context.tasks()
                .execSync(
                        task(container),
                        making.process(container, command, false),
                        timeout.isZero() ? NO_LIMIT : timeout);
    }

    /** Opens the log anew after it was rotated away. */
    public void reopenLog(Container container) throws InterruptedException {
        requireRunning("reopen the log of container " + container.id(), container);
        context.tasks().reopenLog(task(container));
    }

    static void requireRunning(String what, Container container) {
        if (container.state() != ContainerState.RUNNING) {
            String remedy = container.state() == ContainerState.CREATED ? "Start it first" : "Make a new container";
            throw Fault.precondition(what, "it is " + container.state() + ", not RUNNING", remedy);
        }
    }

    /** Takes an event of a shim; when this returns, what it means is on disk. */
    void on(TaskEvent event) {
        if (!event.task().namespace().equals(Namespace.KUBERNETES.name())
                || context.ledger().findContainer(event.task().id()).isEmpty()) {
            return;
        }
        String id = event.task().id();
        try (var _ = context.scope(id)) {
            take(id, event);
        }
    }

    private void take(String id, TaskEvent event) {
        switch (event) {
            case TaskEvent.OutOfMemory _ -> context.ledger().changeLife(id, Life::oom);
            case TaskEvent.Exited exited -> {
                if (exited.execId().isEmpty()) {
                    recordExit(id, exited.exit());
                }
            }
            case TaskEvent.Created _,
                    TaskEvent.ExecAdded _,
                    TaskEvent.Started _,
                    TaskEvent.Paused _,
                    TaskEvent.Resumed _,
                    TaskEvent.Deleted _ -> {}
        }
    }

    /**
     * Records an exit once and tells of it; whoever comes second goes on when it has been told. The task's remains are taken
     * away on a thread of their own.
     */
    void recordExit(String id, Exit exit) {
        try (var _ = ends.takeShort(id)) {
            recordExitAlone(id, exit);
        }
    }

    private void recordExitAlone(String id, Exit exit) {
        var changed = new boolean[1];
        Container container;
        try {
            container = context.ledger().changeLife(id, life -> {
                if (life.state() == ContainerState.EXITED) {
                    return life;
                }
                changed[0] = true;
                return life.ended(exit);
            });
        } catch (Fault e) {
            if (e.code() == Fault.Code.NOT_FOUND) {
                return; // somebody removed it meanwhile, and with it what there was to record
            }
            throw e;
        }
        if (!changed[0]) {
            return;
        }
        context.ledger()
                .findPod(container.podId())
                .ifPresent(pod -> context.publish(ContainerEvent.Kind.STOPPED, id, pod));
        discardLater(container);
    }

    /**
     * Takes the task of a container that has ended away, on a thread of its own: its cgroups alone take the kernel
     * milliseconds for which nobody needs to wait. Should the daemon end before, the next one finds a task without a
     * container that runs, and takes it away.
     */
    private void discardLater(Container container) {
        inBackground(container, () -> clean(Kind.TASK, container.id(), () -> discard(container.id())));
    }

    /** The same for a container whose record is gone, with its files. */
    void discardAllLater(Container container) {
        inBackground(container, () -> {
            clean(Kind.TASK, container.id(), () -> discard(container.id()));
            clean(Kind.SNAPSHOT, container.id(), () -> making.discard(container.id()));
        });
    }

    private void clean(Kind kind, String id, Rollback.Step step) {
        try {
            context.cleaning().run(kind, id, step);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            LOG.debug("container {}: something of it is still there", id, e); // it is tried again
        }
    }

    private void inBackground(Container container, Runnable work) {
        var thread = Thread.ofVirtual().name("discard " + container.id()).unstarted(() -> {
            try {
                work.run();
            } finally {
                discarding.remove(Thread.currentThread());
            }
        });
        discarding.put(thread, container.podId());
        thread.start();
    }

    /** Waits until nothing of any pod is being taken away, as {@link #awaitDiscarded(String)}. */
    public void awaitDiscarded() throws InterruptedException {
        for (Thread thread : discarding.keySet()) {
            thread.join();
        }
    }

    /** Waits until no task of a pod is being taken away: what the pod's containers used is free then. */
    void awaitDiscarded(String podId) throws InterruptedException {
        for (Map.Entry<Thread, String> each : discarding.entrySet()) {
            if (each.getValue().equals(podId)) {
                each.getKey().join();
            }
        }
    }

    /** Lets what is being taken away be gone, within seconds: to be called when nothing new can begin. */
    @Override
    public void close() {
        try {
            for (Thread thread : discarding.keySet()) {
                thread.join(AT_THE_END);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
