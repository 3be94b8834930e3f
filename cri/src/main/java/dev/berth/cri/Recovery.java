package dev.berth.cri;

import dev.berth.cri.Cleaning.Kind;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.network.PodNetworkRequest;
import dev.berth.snapshots.Snapshotter;
import dev.berth.tasks.Exit;
import dev.berth.tasks.TaskId;
import dev.berth.tasks.TaskState;
import dev.berth.tasks.Tasks;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * After a start: compares what the records say with what runs, and brings both together. Lists are answered meanwhile;
 * calls that change something wait for the end, which is a matter of milliseconds once the supervisor serves.
 *
 * <p>Pods and containers are looked at side by side, each with a limit: one that hangs is left as it is. What a pod that did
 * not survive has held is only noted here, and taken away by {@link Cleaning} after the gate is open: a network plugin
 * may take its time for each of a machine full of pods.
 */
final class Recovery implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);
    private static final Pauses PAUSES = new Pauses(Duration.ofSeconds(1), Duration.ofSeconds(30));

    /** Of what runs in a moment, unless the supervisor hangs just then. */
    private static final Duration LIMIT_OF_ONE = Tasks.BACK_WITHIN;

    private static final int AT_ONCE = 16;

    private final CriContext context;
    private final ContainerRunning running;
    private final Pods pods;
    private final Checkpoints checkpoints;
    private final Cri.Parts parts;
    private final SideBySide sideBySide = new SideBySide(AT_ONCE, LIMIT_OF_ONE);
    private final Thread worker;

    Recovery(CriContext context, ContainerRunning running, Pods pods, Checkpoints checkpoints, Cri.Parts parts) {
        this.context = context;
        this.running = running;
        this.pods = pods;
        this.checkpoints = checkpoints;
        this.parts = parts;
        this.worker = Thread.ofVirtual().name("recovery").unstarted(this::run);
        context.cleaning().scopes(context::scope);
        context.cleaning().by(Kind.NETWORK, this::disconnect);
        context.cleaning().by(Kind.SNAPSHOT_FILES, this::tidy);
    }

    void begin() {
        worker.start();
    }

    private void run() {
        long start = context.ticker().nanos();
        try {
            context.tasks().subscribe(running::on);
            containers();
            one("checkpoints", checkpoints::recover);
            sideBySide.each("recovery of a pod", context.ledger().pods(), pod -> {
                try (var _ = LogScope.pod(pod)) {
                    pod(pod);
                }
            });
            strays();
            LOG.info(
                    "{} pods and {} containers of before compared with what runs in {} ms",
                    context.ledger().pods().size(),
                    context.ledger().containers().size(),
                    context.ticker().since(start).toMillis());
        } catch (InterruptedException e) {
            LOG.info("recovery is left to the next start");
        } catch (RuntimeException e) {
            if (Thread.currentThread().isInterrupted()) {
                LOG.info("recovery is left to the next start");
            } else {
                LOG.error("recovery broke off", e);
            }
        } finally {
            context.gate().open();
            context.cleaning().begin();
        }
    }

    /** A step of recovery; its failure is that one's and nobody else's. */
    private interface Step {
        void run() throws InterruptedException, IOException;
    }

    private static void one(String what, Step step) {
        try {
            step.run();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | IOException e) {
            LOG.warn("recovery of {}", what, e);
        }
    }

    /** Without an answer nothing can be compared, so this asks until there is one, ever more seldom. */
    static <T> T again(Ticker ticker, Supplier<T> question) throws InterruptedException {
        return again(ticker, question, e -> true);
    }

    /** A supervisor that hangs is replaced soon; what one refuses it would refuse again. */
    static boolean mayPass(RuntimeException e) {
        return e instanceof Fault fault
                && (fault.code() == Fault.Code.UNAVAILABLE || fault.code() == Fault.Code.DEADLINE_EXCEEDED);
    }

    static <T> T again(Ticker ticker, Supplier<T> question, Predicate<RuntimeException> worthIt)
            throws InterruptedException {
        for (int failures = 1; ; failures++) {
            Duration pause = PAUSES.after(failures);
            try {
                return question.get();
            } catch (RuntimeException e) {
                if (Thread.currentThread().isInterrupted() || !worthIt.test(e)) {
                    throw e;
                }
                LOG.warn("recovery cannot learn what runs; it asks again in {} s", pause.toSeconds(), e);
            }
            ticker.sleep(pause);
        }
    }

    private void containers() throws InterruptedException {
        Map<String, TaskState> tasks = new HashMap<>();
        List<TaskState> all = again(context.ticker(), () -> context.tasks().list());
        one(
                "bundles",
                () -> context.tasks().tidy(all.stream().map(TaskState::task).toList()));
        for (TaskState task : all) {
            if (task.task().namespace().equals(Namespace.KUBERNETES.name())) {
                tasks.put(task.task().id(), task);
            }
        }
        sideBySide.each("recovery of a container", context.ledger().containers(), container -> {
            try (var _ = context.scope(container.id())) {
                container(container, tasks.get(container.id()));
            }
        });
        Set<String> known = ids(context.ledger().containers(), Container::id);
        tasks.keySet().removeAll(known);
        sideBySide.each(
                "the end of a stray task",
                tasks.keySet(),
                stray -> context.cleaning().run(Kind.TASK, stray, () -> running.end(stray)));
    }

    private static <T> Set<String> ids(Collection<T> all, Function<T, String> id) {
        return all.stream().map(id).collect(Collectors.toUnmodifiableSet());
    }

    private void container(Container container, @org.jspecify.annotations.Nullable TaskState task)
            throws InterruptedException {
        boolean alive = container.state() == ContainerState.RUNNING || container.state() == ContainerState.UNKNOWN;
        if (task == null) {
            if (alive) {
                running.recordExit(container.id(), Exit.unknown(context.clock().instant()));
            }
            return;
        }
        switch (task.status()) {
            case RUNNING, PAUSED, PAUSING -> {
                if (container.state() == ContainerState.EXITED) {
                    running.end(container.id());
                } else if (container.state() != ContainerState.RUNNING) {
                    context.ledger().changeLife(container.id(), life -> life.started(context.nowNanos(), task.pid()));
                }
            }
            case STOPPED -> {
                if (container.state() == ContainerState.EXITED) {
                    context.cleaning().run(Kind.TASK, container.id(), () -> running.discard(container.id()));
                } else {
                    running.recordExit(
                            container.id(),
                            task.exit()
                                    .orElseGet(
                                            () -> Exit.unknown(context.clock().instant())));
                }
            }
            case CREATED ->
                running.end(container.id()); // its start was never answered: whoever asked for it asks again
            case UNKNOWN -> {
                if (container.state() == ContainerState.RUNNING) {
                    context.ledger().changeLife(container.id(), Container.Life::unknown);
                }
            }
        }
    }

    private void pod(Pod pod) throws InterruptedException {
        switch (pod.state()) {
            case CREATING -> context.cleaning().soon(Kind.POD_CREATION, pod.id());
            case READY -> {
                if (isHalfRestored(pod)) {
                    context.cleaning().soon(Kind.POD_REMOVAL, pod.id());
                    return;
                }
                boolean there = again(
                                        context.ticker(),
                                        () -> context.tasks().podStatus(PodEnvironment.task(pod.id())),
                                        Recovery::mayPass)
                                .filter(dev.berth.tasks.Pod::ready)
                                .isPresent()
                        && hasNetwork(pod);
                if (!there) {
                    LOG.info("pod {} did not survive; its network is given back", pod.id());
                    Pod gone = context.ledger().changePod(pod.id(), p -> p.with(PodState.NOT_READY));
                    context.cleaning().soon(Kind.POD_STOP, pod.id());
                    context.publish(ContainerEvent.Kind.STOPPED, gone.id(), gone);
                }
            }
            case NOT_READY -> context.cleaning().soon(Kind.POD_STOP, pod.id()); // its stop may have been broken off
        }
    }

    /** Whoever had it restored has heard nothing, and something may be missing. */
    private boolean isHalfRestored(Pod pod) {
        return !pod.delivered()
                && context.ledger().containersOf(pod.id()).stream().anyMatch(Container::restored);
    }

    /** Without its namespace no container can be started in it any more, and nobody would make the pod anew. */
    private boolean hasNetwork(Pod pod) {
        return pod.netns() == null
                || pod.config().namespaces().network() == Mode.NODE
                || parts.namespaces().isPinned(pod.id());
    }

    /**
     * What no record knows: made in the moment before a crash. While nobody makes anything: what is being made looks the same.
     * Whatever has a record keeps what it has; its own stop or removal takes that away.
     */
    private void strays() {
        Set<String> pods = ids(context.ledger().pods(), Pod::id);
        one("networks", () -> {
            Set<String> attached = parts.networks().attached();
            attached.stream()
                    .filter(id -> !pods.contains(id))
                    .forEach(id -> context.cleaning().soon(Kind.NETWORK, id));
            var valid = new HashSet<>(pods);
            valid.addAll(attached); // those without a record are detached in their turn
            parts.networks().collectGarbage(valid);
        });
        one("pods", () -> {
            for (TaskId pod : context.tasks().pods()) {
                if (pod.namespace().equals(Namespace.KUBERNETES.name())
                        && !context.ledger().hasPod(pod.id())) {
                    context.tasks().removePod(pod);
                }
            }
        });
        one("network namespaces", () -> {
            for (String id : parts.namespaces().list()) {
                if (!pods.contains(id)) {
                    parts.namespaces().remove(id);
                }
            }
        });
        one("files of pods", this.pods::tidyFiles);
        one("folders of containers", running::tidyFolders);
        one("snapshots", () -> strayLayers(ids(context.ledger().containers(), Container::snapshot)));
    }

    /** The snapshotter forgets its own leftovers when their files are gone. */
    private void tidy(String what) {
        parts.snapshots().all().forEach(Snapshotter::tidy);
        boolean left = parts
                .store()
                .metadata()
                .read(records -> records.leftovers().list())
                .stream()
                .anyMatch(each ->
                        each.kind().equals("snapshot-files") && each.what().equals(what));
        if (left) {
            throw Fault.unavailable("remove the files of snapshot " + what, "they are still there", "See the log");
        }
    }

    /** Of a pod that has no record. */
    private void disconnect(String id) throws InterruptedException {
        if (!context.ledger().hasPod(id)) {
            String path = parts.namespaces().path(id).toString();
            parts.networks().detach(PodNetworkRequest.plain(id, "", "", "", path));
            parts.namespaces().remove(id);
        }
    }

    private void strayLayers(Set<String> known) {
        parts.snapshots().all().forEach(snapshotter -> strayLayers(known, snapshotter));
    }

    private void strayLayers(Set<String> known, Snapshotter snapshotter) {
        var stray = parts
                .store()
                .metadata()
                .read(records -> records.snapshots().list(Namespace.KUBERNETES, snapshotter.name()))
                .stream()
                .filter(snapshot -> snapshot.labels().containsKey(WritableLayers.OWNER))
                .filter(snapshot -> !known.contains(snapshot.key()))
                .toList();
        for (var snapshot : stray) {
            one(
                    "snapshot " + snapshot.key(),
                    () -> context.cleaning()
                            .run(
                                    Kind.SNAPSHOT,
                                    snapshot.key(),
                                    () -> snapshotter.remove(Namespace.KUBERNETES, snapshot.key())));
        }
    }

    @Override
    public void close() {
        worker.interrupt();
    }
}
