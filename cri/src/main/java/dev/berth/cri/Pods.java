package dev.berth.cri;

import dev.berth.cri.Cleaning.Kind;
import dev.berth.cri.Creations.Before;
import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.Resources;
import dev.berth.cri.spec.CgroupPaths;
import dev.berth.cri.spec.SpecBuilder;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Meanwhile;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Timeline;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The life of pods.
 *
 * <p>A pod's record is on disk before anything is made for it. What was made for a pod that did not become ready is undone
 * at once, or, if that fails, again in the background, at the next request of that name and when the daemon starts.
 */
public final class Pods {
    /** What {@link #run} was asked for; equal requests are the same creation. */
    private record Request(PodConfig config, String handler) {}

    private final Supplier<CriConfig> config;
    private final CriContext context;
    private final PodEnvironment environment;
    private final Containers containers;
    private final Creations creations = new Creations();
    private final Turns turns = new Turns();

    Pods(Supplier<CriConfig> config, CriContext context, PodEnvironment environment, Containers containers) {
        this.config = config;
        this.context = context;
        this.environment = environment;
        this.containers = containers;
        context.cleaning().by(Kind.POD_CREATION, this::undo);
        context.cleaning().by(Kind.POD_STOP, this::stopAgain);
        context.cleaning().by(Kind.POD_REMOVAL, this::removeExact);
    }

    /**
     * Makes a pod; it is ready when this returns. The same request, made again while it runs or after its caller gave up,
     * gets the same pod.
     *
     * @param handler runtime handler; empty for the default
     * @return the pod's id
     * @throws Fault INVALID_ARGUMENT for what can never work; ALREADY_EXISTS if the name is taken; UNAVAILABLE if the
     *     network is not ready; and what the parts throw
     */
    public String run(PodConfig pod, String handler) throws InterruptedException {
        return run(pod, handler, new Request(pod, handler), this::before, Step::make);
    }

    /** Makes the pod and answers its id. */
    interface Step {
        String make() throws InterruptedException;
    }

    /** What to do to make a pod of which there shall be more; answers its id. */
    interface Making {
        String make(Step pod) throws InterruptedException;
    }

    /**
     * As {@link #run(PodConfig, String)}, with more to do before the pod is there.
     *
     * @param request equal requests are the same creation
     * @param making is given the step that makes the pod
     */
    String run(PodConfig pod, String handler, Object request, Making making) throws InterruptedException {
        return run(pod, handler, request, this::beforeAnother, making);
    }

    private String run(PodConfig pod, String handler, Object request, Function<String, Before> before, Making making)
            throws InterruptedException {
        validate(pod);
        environment.check(pod);
        CgroupPaths.check(pod.cgroupParent(), config.get().systemdCgroups());
        config.get().requireHandler(handler);
        context.gate().pass();
        String name = Pod.name(pod.metadata());
        return creations.once(
                "pod " + name,
                request,
                () -> before.apply(name),
                () -> making.make(() -> {
                    discardAbandoned(name);
                    return create(pod, handler);
                }));
    }

    /** Notes that the caller of {@link #run} has its answer: from now on the name is simply taken. */
    public void delivered(String id) {
        if (context.ledger().findPod(id).isPresent()) {
            context.ledger().changePod(id, Pod::asDelivered);
        }
    }

    /**
     * Stops all containers of a pod, by SIGKILL if they do not end in time, and takes its network and namespaces away.
     * Harmless if it is stopped already or there is none.
     */
    public void stop(String idOrPrefix) throws InterruptedException {
        context.gate().pass();
        Optional<Pod> found = context.ledger().findPod(idOrPrefix);
        if (found.isEmpty()) {
            return;
        }
        String id = found.get().id();
        try (var _ = turns.take(id)) {
            stopHolding(id);
        }
    }

    /** Stops a pod if need be and removes it with its containers. Harmless if there is none. */
    public void remove(String idOrPrefix) throws InterruptedException {
        context.gate().pass();
        Optional<Pod> found = context.ledger().findPod(idOrPrefix);
        if (found.isEmpty()) {
            return;
        }
        String id = found.get().id();
        context.cleaning().run(Kind.POD_REMOVAL, id, () -> removeExact(id));
    }

    private void removeExact(String id) throws InterruptedException {
        try (var _ = turns.take(id)) {
            if (!context.ledger().hasPod(id)) {
                return;
            }
            stopHolding(id);
            for (Container container : context.ledger().containersOf(id)) {
                containers.remove(container.id());
            }
            containers.running().awaitDiscarded(id);
            Pod pod = context.ledger().pod(id);
            discard(pod);
            context.publish(ContainerEvent.Kind.DELETED, id, pod);
        }
    }

    /** Removes files of pods that have no record. */
    void tidyFiles() throws IOException {
        environment.keepFilesOf(context.ledger().pods().stream().map(Pod::id).collect(Collectors.toSet()));
    }

    /** What {@link #stop} could not take away. */
    private void stopAgain(String id) throws InterruptedException {
        try (var _ = turns.take(id)) {
            if (context.ledger().hasPod(id) && context.ledger().pod(id).state() == PodState.NOT_READY) {
                containers.stopAll(id); // of a pod that has lost its network something may still run
                environment.stop(context.ledger().pod(id));
            }
        }
    }

    /**
     * Notes other limits of a pod as a whole, both or none. Its cgroup is the caller's, who has changed it; what is noted is
     * what its containers and its status tell of it from now on.
     *
     * @param overhead null to leave it as it is, as {@code resources}
     * @throws Fault NOT_FOUND; FAILED_PRECONDITION if it is not ready; INVALID_ARGUMENT for limits that contradict each other
     */
    public void update(String idOrPrefix, @Nullable Resources overhead, @Nullable Resources resources)
            throws InterruptedException {
        context.gate().pass();
        String id = context.ledger().pod(idOrPrefix).id();
        try (var _ = turns.take(id)) {
            Pod pod = context.ledger().pod(id);
            if (!pod.ready()) {
                throw Fault.precondition("update pod " + id, "it is not ready", "Run a new pod");
            }
            PodConfig changed = pod.config()
                    .with(
                            merged(pod.config().overhead(), overhead),
                            merged(pod.config().resources(), resources));
            context.ledger().changePod(id, p -> p.withResources(changed));
        }
    }

    private static @Nullable Resources merged(@Nullable Resources before, @Nullable Resources asked) {
        if (asked == null) {
            return before;
        }
        Resources merged = Resources.merge(before, asked);
        SpecBuilder.check(merged);
        return merged;
    }

    /**
     * A pod by its id or the beginning of it.
     *
     * @throws Fault NOT_FOUND
     */
    public Pod get(String idOrPrefix) {
        return context.ledger().pod(idOrPrefix);
    }

    /** Pods that match, newest first. */
    public List<Pod> list(String idOrPrefix, Optional<Boolean> ready, Map<String, String> labels) {
        return context.ledger().pods().stream()
                .filter(pod -> pod.id().startsWith(idOrPrefix))
                .filter(pod -> ready.isEmpty() || ready.get() == pod.ready())
                .filter(pod -> Matching.labels(pod.config().labels(), labels))
                .sorted((a, b) -> Long.compare(b.createdAtNanos(), a.createdAtNanos()))
                .toList();
    }

    private void stopHolding(String id) throws InterruptedException {
        containers.stopAll(id);
        Pod pod = context.ledger().pod(id);
        boolean wasReady = pod.ready();
        if (pod.state() != PodState.NOT_READY) {
            pod = context.ledger().changePod(id, p -> p.with(PodState.NOT_READY));
            containers.stopAll(id); // those that were started in between; from now on none is
        }
        Pod stopped = pod;
        context.cleaning().run(Kind.POD_STOP, id, () -> environment.stop(stopped));
        if (wasReady) {
            context.publish(ContainerEvent.Kind.STOPPED, id, pod);
        }
    }

    private static void validate(PodConfig config) {
        var metadata = config.metadata();
        if (metadata.name().isEmpty()
                || metadata.namespace().isEmpty()
                || metadata.uid().isEmpty()) {
            throw Fault.invalid(
                    "run pod \"" + metadata.name() + "\"",
                    "its metadata has no name, no namespace or no uid",
                    "Give all three; together they tell pods apart");
        }
        if (!config.logDirectory().isEmpty() && !config.logDirectory().startsWith("/")) {
            throw Fault.invalid(
                    "run pod " + metadata.name(),
                    "log directory \"" + config.logDirectory() + "\" is not absolute",
                    "Begin it with /");
        }
    }

    private Before before(String name) {
        Optional<Pod> existing = named(name);
        if (existing.isEmpty() || existing.get().state() == PodState.CREATING) {
            return new Before.Free();
        }
        Pod pod = existing.get();
        return pod.delivered() || !pod.ready()
                ? new Before.Taken(pod.id())
                : new Before.Unheard(pod.id(), new Request(pod.config(), pod.handler()));
    }

    /** Of a pod that nobody has heard of its making, for who asks for one of another kind. */
    private Before beforeAnother(String name) {
        return named(name)
                .filter(Pod::delivered)
                .<Before>map(pod -> new Before.Taken(pod.id()))
                .orElseGet(Before.Free::new);
    }

    private Optional<Pod> named(String name) {
        return context.ledger().pods().stream()
                .filter(pod -> pod.name().equals(name))
                .findFirst();
    }

    private void discardAbandoned(String name) throws InterruptedException {
        Optional<Pod> abandoned = named(name);
        if (abandoned.isPresent()) {
            String id = abandoned.get().id();
            if (abandoned.get().ready()) {
                context.cleaning().run(Kind.POD_REMOVAL, id, () -> removeExact(id));
            } else {
                context.cleaning().run(Kind.POD_CREATION, id, () -> undo(id));
            }
        }
    }

    /** Takes a pod away that did not become ready, also if somebody stopped it since. Harmless if there is none. */
    private void undo(String id) throws InterruptedException {
        try (var _ = turns.take(id)) {
            if (context.ledger().hasPod(id) && neverWas(context.ledger().pod(id))) {
                discard(context.ledger().pod(id));
            }
        }
    }

    private static boolean neverWas(Pod pod) {
        return pod.state() == PodState.CREATING || (pod.state() == PodState.NOT_READY && !pod.delivered());
    }

    /** The record goes last: as long as something may be left of a pod there is one that says so. */
    private void discard(Pod pod) {
        environment.discard(pod);
        context.ledger().removePod(pod.id());
        containers.podRemoved(pod.id());
    }

    /** Holds the pod's turn from its record on: whoever saw it in a list and stops or removes it does so when it is whole. */
    private String create(PodConfig config, String handler) throws InterruptedException {
        String id = Ids.random();
        var timeline = new Timeline(context.ticker());
        Pod pod =
                new Pod(id, config, handler, PodState.CREATING, context.nowNanos(), null, List.of(), false, List.of());
        try (var _ = turns.take(id);
                var _ = LogScope.pod(pod);
                var undo = new Rollback()) {
            undo.add("pod " + id, context.cleaning().step(Kind.POD_CREATION, id, () -> undo(id)));
            Pod made = make(pod, timeline);
            Pod ready = context.ledger()
                    .changePod(
                            id,
                            p -> p.withNetwork(made.netns(), made.ips())
                                    .withTimeline(Timing.of(timeline))
                                    .with(PodState.READY));
            undo.commit();
            context.publish(ContainerEvent.Kind.CREATED, id, ready);
            context.publish(ContainerEvent.Kind.STARTED, id, ready);
        }
        return id;
    }

    private Pod make(Pod pod, Timeline timeline) throws InterruptedException {
        try (var record = Meanwhile.begin(
                "record of pod " + pod.id(), () -> context.ledger().add(pod))) {
            return environment.make(pod, record, timeline);
        } catch (Fault failed) {
            if (!context.ledger().hasPod(pod.id())) { // nothing else knows what was made meanwhile
                try {
                    environment.discard(pod);
                } catch (Fault e) {
                    failed.addSuppressed(e);
                }
            }
            throw failed;
        }
    }
}
