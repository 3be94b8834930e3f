package dev.berth.cri;

import dev.berth.cri.Cleaning.Kind;
import dev.berth.cri.Creations.Before;
import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.Resources;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Rollback;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The life of containers. */
public final class Containers {
    private static final Logger LOG = LoggerFactory.getLogger(Containers.class);

    /** What {@link #create} was asked for; equal requests are the same creation. */
    private record Request(String podId, ContainerConfig config) {}

    private final CriContext context;
    private final ContainerMaking making;
    private final ContainerRunning running;
    private final Creations creations = new Creations();
    private final Turns turns = new Turns();
    private final Consumer<String> removed;

    /** @param removed is told the id of a container or pod that is gone */
    Containers(CriContext context, ContainerMaking making, ContainerRunning running, Consumer<String> removed) {
        this.removed = removed;
        this.context = context;
        this.making = making;
        this.running = running;
        context.cleaning().by(Kind.CONTAINER_REMOVAL, this::removeExact);
        context.cleaning().by(Kind.CONTAINER_CREATION, this::undo);
        context.cleaning().by(Kind.SNAPSHOT, this::undo);
    }

    /**
     * Makes a container in a pod that is ready. The same request, made again while it runs or after its caller gave up, gets
     * the same container.
     *
     * @return the container's id
     * @throws Fault NOT_FOUND for an unknown pod or image; FAILED_PRECONDITION if the pod is not ready; ALREADY_EXISTS if
     *     the name is taken; INVALID_ARGUMENT for what can never work
     */
    public String create(String podIdOrPrefix, ContainerConfig config) throws InterruptedException {
        context.gate().pass();
        if (config.metadata().name().isEmpty()) {
            throw Fault.invalid("create a container", "its metadata has no name", "Give one");
        }
        Pod pod = context.ledger().pod(podIdOrPrefix);
        String name = Container.name(config.metadata(), pod.id());
        return creations.once(
                "container " + name,
                new Request(pod.id(), config),
                () -> before(name),
                () -> create(Ids.random(), pod, config, null));
    }

    /** Notes that the caller of {@link #create} has its answer: from now on the name is simply taken. */
    public void delivered(String id) {
        if (context.ledger().findContainer(id).isPresent()) {
            context.ledger().changeContainer(id, Container::asDelivered);
        }
    }

    /**
     * Starts a container that was created.
     *
     * @throws Fault NOT_FOUND; FAILED_PRECONDITION if it was started before or its pod is not ready; what the runtime says
     */
    public void start(String idOrPrefix) throws InterruptedException {
        context.gate().pass();
        String id = context.ledger().container(idOrPrefix).id();
        try (var _ = turns.take(id)) {
            Container container = context.ledger().container(id);
            Pod pod = context.ledger().pod(container.podId());
            if (container.state() != ContainerState.CREATED) {
                throw Fault.precondition(
                        "start container " + id,
                        "it is " + container.state() + ", not CREATED",
                        "Make a new container; one runs only once");
            }
            requireReady("start container " + id, pod);
            startIn(pod, container);
        }
    }

    /** A pod that goes away meanwhile takes the container along, whatever its start says. */
    private void startIn(Pod pod, Container container) throws InterruptedException {
        String what = "start container " + container.id();
        try {
            running.start(container, pod);
        } catch (Fault failed) {
            requireStillReady(what, pod.id());
            throw failed;
        }
        try {
            requireStillReady(what, pod.id());
        } catch (Fault stopped) {
            running.stop(context.ledger().container(container.id()), Duration.ZERO);
            throw stopped;
        }
    }

    /**
     * Stops a container: its stop signal first, SIGKILL after the grace period. Harmless if it has ended or there is none.
     *
     * @param grace time between the two signals; zero means SIGKILL at once
     */
    public void stop(String idOrPrefix, Duration grace) throws InterruptedException {
        context.gate().pass();
        Optional<Container> found = context.ledger().findContainer(idOrPrefix);
        if (found.isPresent()) { // no turn is taken: a second stop with a shorter grace must not wait for the first
            running.stop(found.get(), grace);
        }
    }

    /** Removes a container, by SIGKILL if it runs. Harmless if there is none. */
    public void remove(String idOrPrefix) throws InterruptedException {
        context.gate().pass();
        Optional<Container> found = context.ledger().findContainer(idOrPrefix);
        if (found.isEmpty()) {
            return;
        }
        String id = found.get().id();
        context.cleaning().run(Kind.CONTAINER_REMOVAL, id, () -> removeExact(id));
    }

    /** Tells that a pod is gone; its containers went before. */
    void podRemoved(String podId) {
        removed.accept(podId);
    }

    private void removeExact(String id) throws InterruptedException {
        if (!context.ledger().hasContainer(id)) {
            return;
        }
        try (var _ = turns.take(id)) {
            Optional<Container> still = context.ledger().findContainer(id);
            if (still.isEmpty()) {
                return;
            }
            running.stop(still.get(), Duration.ZERO);
            making.discardFolders(id);
            context.ledger().removeContainer(id);
            running.discardAllLater(still.get());
            removed.accept(id);
            context.ledger()
                    .findPod(still.get().podId())
                    .ifPresent(pod -> context.publish(ContainerEvent.Kind.DELETED, id, pod));
        }
    }

    /**
     * A container by its id or the beginning of it.
     *
     * @throws Fault NOT_FOUND
     */
    public Container get(String idOrPrefix) {
        return context.ledger().container(idOrPrefix);
    }

    /** Containers that match, newest first. */
    public List<Container> list(
            String idPrefix, String podIdPrefix, Optional<ContainerState> state, Map<String, String> labels) {
        return context.ledger().containers().stream()
                .filter(container -> container.id().startsWith(idPrefix))
                .filter(container -> container.podId().startsWith(podIdPrefix))
                .filter(container -> state.isEmpty() || state.get() == container.state())
                .filter(container -> Matching.labels(container.config().labels(), labels))
                .sorted((a, b) -> Long.compare(b.createdAtNanos(), a.createdAtNanos()))
                .toList();
    }

    /**
     * Changes limits, all or none.
     *
     * @throws Fault NOT_FOUND; FAILED_PRECONDITION if it has ended
     */
    public void update(String idOrPrefix, Resources resources) throws InterruptedException {
        context.gate().pass();
        String id = context.ledger().container(idOrPrefix).id();
        try (var _ = turns.take(id)) {
            running.update(context.ledger().container(id), resources);
        }
    }

    /** What runs in containers that run: exec, logs, statistics. */
    public ContainerRunning running() {
        return running;
    }

    /** Ends all containers of a pod at once, by SIGKILL: whoever wants them to end by themselves stops them before. */
    void stopAll(String podId) throws InterruptedException {
        List<Container> alive = context.ledger().containersOf(podId).stream()
                .filter(container -> container.state() != ContainerState.EXITED)
                .toList();
        try (var stops = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Container>> ends = alive.stream()
                    .map(container -> stops.submit(() -> {
                        running.stop(container, Duration.ZERO);
                        return container;
                    }))
                    .toList();
            for (Future<Container> end : ends) {
                end.get();
            }
        } catch (ExecutionException e) {
            throw Fault.of("stop the containers of pod " + podId, e);
        }
    }

    /** Takes away what is left of a container whose creation failed: it has no record. */
    private void undo(String id) throws InterruptedException {
        if (!context.ledger().hasContainer(id)) {
            making.discard(id);
        }
    }

    private static void requireReady(String what, Pod pod) {
        if (!pod.ready()) {
            throw Fault.precondition(what, "its pod " + pod.id() + " is not ready", "Run a new pod");
        }
    }

    /**
     * Whoever stops or removes a pod marks it first and looks for its containers then; whoever makes or starts a container
     * does so first and looks for the mark then. So one of the two sees the other.
     */
    private void requireStillReady(String what, String podId) {
        requireReady(what, context.ledger().pod(podId));
    }

    private Before before(String name) {
        return context.ledger().containers().stream()
                .filter(container -> container.name().equals(name))
                .findFirst()
                .<Before>map(container -> container.delivered()
                        ? new Before.Taken(container.id())
                        : new Before.Unheard(container.id(), new Request(container.podId(), container.config())))
                .orElseGet(Before.Free::new);
    }

    /**
     * Makes one that goes on from a checkpoint when it starts, in a pod that nobody knows of yet.
     *
     * @param id that it gets
     */
    void restore(String id, Pod pod, ContainerConfig config, Restoration from) throws InterruptedException {
        create(id, pod, config, from);
        delivered(id);
    }

    private String create(String id, Pod pod, ContainerConfig config, @Nullable Restoration from)
            throws InterruptedException {
        requireReady("create container " + config.metadata().name(), pod);
        try (var _ = LogScope.pod(pod).with("container", id);
                var _ = turns.take(id); // it can be seen before it is whole
                var undo = new Rollback()) {
            Container made = making.make(id, pod, config, from, undo);
            requireStillReady("create container " + config.metadata().name(), pod.id());
            LOG.debug("created container {} in pod {}", id, pod.id());
            undo.commit();
            context.publish(ContainerEvent.Kind.CREATED, made.id(), pod);
        }
        return id;
    }
}
