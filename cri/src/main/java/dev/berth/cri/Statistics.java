package dev.berth.cri;

import static java.util.stream.Collectors.groupingBy;

import dev.berth.cri.stats.Usage;
import dev.berth.cri.stats.UsageMeter;
import dev.berth.kernel.Fault;
import dev.berth.linux.netlink.Link;
import dev.berth.network.NetworkNamespaces;
import dev.berth.network.PodNetworkRequest;
import dev.berth.store.SnapshotRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What containers and pods use. Rates come from this reading and the one before. */
public final class Statistics implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Statistics.class);

    /**
     * One reading of a container.
     *
     * @param writableLayer the last one that was made; null if there is none yet
     */
    public record ContainerUsage(
            Container container, Usage usage, @Nullable WritableLayer writableLayer) {
        ContainerUsage with(Optional<WritableLayer> layer) {
            return new ContainerUsage(container, usage, layer.orElse(null));
        }
    }

    /** One that does not run: it takes nothing but room for its files, of which {@code writableLayer} may be unknown still. */
    public record Resting(Container container, @Nullable WritableLayer writableLayer) {}

    /** What a writable layer took on disk at some moment: files are counted in the background. */
    public record WritableLayer(Instant at, SnapshotRecord.Usage usage) {}

    /**
     * One reading of a pod.
     *
     * @param own what the pod's own cgroup says; empty if it has none, then it is what its containers are
     * @param links the pod's interfaces; empty with the host's network
     */
    public record PodUsage(
            Pod pod, long atNanos, Optional<Usage> own, List<ContainerUsage> containers, List<Link> links) {
        /** The pod's own interface. */
        public Optional<Link> mainLink() {
            return links.stream()
                    .filter(link -> link.name().equals(PodNetworkRequest.INTERFACE))
                    .findFirst();
        }
    }

    private final CriContext context;
    private final NetworkNamespaces namespaces;
    private final LayerUsage layers;
    private final Counters counters;
    private final UsageMeter meter;

    Statistics(CriContext context, NetworkNamespaces namespaces, ContainerMaking making, Counters counters) {
        this.context = context;
        this.namespaces = namespaces;
        this.layers = new LayerUsage(
                context.time(),
                id -> making.layers().usage(context.ledger().container(id)),
                context.ledger()::hasContainer);
        this.counters = counters;
        this.meter = new UsageMeter(context.ticker(), context.clock());
    }

    /**
     * One container.
     *
     * @throws Fault NOT_FOUND for an unknown container; FAILED_PRECONDITION if it does not run
     */
    public ContainerUsage container(String idOrPrefix) {
        Container container = context.ledger().container(idOrPrefix);
        if (!runs(container)) {
            throw Fault.precondition(
                    "read the usage of container " + container.id(),
                    "it is " + container.state(),
                    "Only a container that runs has usage");
        }
        long asked = context.ticker().nanos();
        layers.expect(container.id());
        return read(container).with(layers.of(container.id(), asked));
    }

    /** The running ones among these; one that ends meanwhile is left out. */
    public List<ContainerUsage> containers(List<Container> wanted) {
        long asked = expectLayers(wanted);
        var usages = new ArrayList<ContainerUsage>();
        for (Container container : wanted) {
            ContainerUsage usage = readIfRunning(container);
            if (usage != null) {
                usages.add(usage);
            }
        }
        usages.replaceAll(usage -> usage.with(layer(usage.container(), asked)));
        return usages;
    }

    /** Those among these that do not run. */
    public List<Resting> resting(List<Container> wanted) {
        List<Container> resting =
                wanted.stream().filter(container -> !runs(container)).toList();
        long asked = context.ticker().nanos();
        resting.forEach(container ->
                layers.expectLast(container.id(), instant(container.life().finishedAtNanos())));
        return resting.stream()
                .map(container -> new Resting(container, layer(container, asked).orElse(null)))
                .toList();
    }

    /** Says that {@link #layer} will be asked for those that run; returns the moment of that. */
    long expectLayers(List<Container> wanted) {
        wanted.stream().filter(Statistics::runs).map(Container::id).forEach(layers::expect);
        return context.ticker().nanos();
    }

    /** What a container's writable layer takes; empty if it was not counted yet. */
    Optional<WritableLayer> layer(Container container, long expectedNanos) {
        return layers.of(container.id(), expectedNanos);
    }

    /**
     * One pod.
     *
     * @throws Fault NOT_FOUND for an unknown pod
     */
    public PodUsage pod(String idOrPrefix) throws InterruptedException {
        Pod pod = context.ledger().pod(idOrPrefix);
        List<Pod> alone = List.of(pod);
        return read(alone, links(alone)).getFirst();
    }

    /** The ready ones among these. */
    public List<PodUsage> pods(List<Pod> wanted) throws InterruptedException {
        List<Pod> ready = wanted.stream().filter(Pod::ready).toList();
        return read(ready, links(ready));
    }

    /** The links of those that have a network of their own. */
    Map<String, List<Link>> links(List<Pod> pods) throws InterruptedException {
        return namespaces.links(pods.stream()
                .filter(pod -> pod.netns() != null && pod.ready())
                .map(Pod::id)
                .toList());
    }

    /** One pass over all of them. */
    private List<PodUsage> read(List<Pod> pods, Map<String, List<Link>> links) {
        Set<String> unshared = counters.unshared();
        List<Container> all = pods.stream()
                .flatMap(pod -> context.ledger().containersOf(pod.id()).stream())
                .toList();
        Map<String, List<ContainerUsage>> containers = containers(all).stream()
                .collect(groupingBy(usage -> usage.container().podId()));
        return pods.stream()
                .map(pod -> new PodUsage(
                        pod,
                        context.nowNanos(),
                        counters.usage(pod, unshared)
                                .map(stats -> meter.measure(pod.id(), stats, instant(pod.createdAtNanos()))),
                        containers.getOrDefault(pod.id(), List.of()),
                        links.getOrDefault(pod.id(), List.of())))
                .toList();
    }

    private @Nullable ContainerUsage readIfRunning(Container container) {
        if (!runs(container)) {
            return null;
        }
        try {
            return read(container);
        } catch (Fault e) {
            if (e.code() != Fault.Code.NOT_FOUND) {
                LOG.warn("usage of container {}", container.id(), e);
            }
            return null;
        }
    }

    private ContainerUsage read(Container container) {
        Instant since = instant(container.life().startedAtNanos());
        return new ContainerUsage(container, meter.measure(container.id(), counters.usage(container), since), null);
    }

    private static boolean runs(Container container) {
        return container.state() == ContainerState.RUNNING;
    }

    private static Instant instant(long nanos) {
        return Instant.EPOCH.plusNanos(nanos);
    }

    /** Forgets the readings of a container or pod that is removed. */
    void forget(String id) {
        meter.forget(id);
        layers.forget(id);
    }

    @Override
    public void close() {
        layers.close();
    }
}
