package dev.berth.cri;

import dev.berth.cri.Cleaning.Kind;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Signals;
import dev.berth.network.PodNetworkRequest;
import dev.berth.tasks.Exit;
import dev.berth.tasks.TaskId;
import dev.berth.tasks.TaskState;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * After a start: compares what the records say with what runs, and brings both together. Lists are answered meanwhile;
 * calls that change something wait for the end, which is a matter of milliseconds once the supervisor serves.
 */
final class Recovery implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

    private final CriContext context;
    private final PodEnvironment environment;
    private final ContainerRunning running;
    private final Cri.Parts parts;
    private final Thread worker;

    Recovery(CriContext context, PodEnvironment environment, ContainerRunning running, Cri.Parts parts) {
        this.context = context;
        this.environment = environment;
        this.running = running;
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
            for (Pod pod : context.ledger().pods()) {
                try (var _ = LogScope.pod(pod)) {
                    one("pod " + pod.id(), () -> pod(pod));
                }
            }
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
        Duration pause = FIRST_PAUSE;
        while (true) {
            try {
                return question.get();
            } catch (RuntimeException e) {
                if (Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                LOG.warn("recovery cannot learn what runs; it asks again in {} s", pause.toSeconds(), e);
            }
            ticker.sleep(pause);
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
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
        for (Container container : context.ledger().containers()) {
            TaskState task = tasks.remove(container.id());
            try (var _ = context.scope(container.id())) {
                one("container " + container.id(), () -> container(container, task));
            }
        }
        for (TaskState stray : tasks.values()) {
            one(
                    "task " + stray.task(),
                    () -> context.cleaning().run(Kind.TASK, stray.task().id(), () -> end(stray.task())));
        }
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
                    end(task.task());
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
            case CREATED -> end(task.task()); // its start was never answered: whoever asked for it asks again
            case UNKNOWN -> {
                if (container.state() == ContainerState.RUNNING) {
                    context.ledger().changeLife(container.id(), Container.Life::unknown);
                }
            }
        }
    }

    private void end(TaskId task) {
        try {
            context.tasks().kill(task, "", Signals.KILL, true);
            context.tasks().awaitExit(task, Duration.ofSeconds(10));
        } catch (Fault e) {
            if (e.code() != Fault.Code.NOT_FOUND) {
                throw e;
            }
        }
        context.tasks().delete(task);
    }

    private void pod(Pod pod) throws InterruptedException {
        switch (pod.state()) {
            case CREATING -> {
                context.cleaning().run(Kind.POD_CREATION, pod.id(), () -> {
                    environment.discard(pod);
                    context.ledger().removePod(pod.id());
                });
            }
            case READY -> {
                boolean there = context.tasks()
                        .podStatus(PodEnvironment.task(pod.id()))
                        .filter(dev.berth.tasks.Pod::ready)
                        .isPresent();
                if (!there) {
                    LOG.info("pod {} did not survive; its network is given back", pod.id());
                    Pod gone = context.ledger().changePod(pod.id(), p -> p.with(PodState.NOT_READY));
                    context.cleaning().run(Kind.POD_STOP, pod.id(), () -> environment.stop(gone));
                    context.publish(ContainerEvent.Kind.STOPPED, gone.id(), gone);
                }
            }
            case NOT_READY ->
                context.cleaning()
                        .run(Kind.POD_STOP, pod.id(), () -> environment.stop(pod)); // its stop may have been broken off
        }
    }

    /** What no record knows: made in the moment before a crash. */
    private void strays() {
        Set<String> pods =
                context.ledger().pods().stream().filter(Pod::ready).map(Pod::id).collect(Collectors.toSet());
        one("networks", () -> {
            Set<String> connected =
                    context.ledger().pods().stream().map(Pod::id).collect(Collectors.toSet());
            for (String id : parts.networks().retainOnly(pods)) {
                if (!connected.contains(id)) { // those that have a record are waited for by their own stop
                    context.cleaning().failed(Kind.NETWORK, id, new IOException("its network could not be released"));
                }
            }
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
        Set<String> containers =
                context.ledger().containers().stream().map(Container::snapshot).collect(Collectors.toSet());
        one("snapshots", () -> strayLayers(containers));
    }

    /** The snapshotter forgets its own leftovers when their files are gone. */
    private void tidy(String what) {
        parts.snapshots().tidy();
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
        var stray = parts
                .store()
                .metadata()
                .read(records -> records.snapshots()
                        .list(Namespace.KUBERNETES, parts.snapshots().name()))
                .stream()
                .filter(snapshot -> snapshot.labels().containsKey(ContainerMaking.OWNER))
                .filter(snapshot -> !known.contains(snapshot.key()))
                .toList();
        for (var snapshot : stray) {
            one(
                    "snapshot " + snapshot.key(),
                    () -> context.cleaning()
                            .run(
                                    Kind.SNAPSHOT,
                                    snapshot.key(),
                                    () -> parts.snapshots().remove(Namespace.KUBERNETES, snapshot.key())));
        }
    }

    @Override
    public void close() {
        worker.interrupt();
    }
}
