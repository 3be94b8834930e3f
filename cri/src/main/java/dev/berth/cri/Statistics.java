package dev.berth.cri;

import dev.berth.cri.stats.Usage;
import dev.berth.cri.stats.UsageMeter;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.linux.netlink.Link;
import dev.berth.network.NetworkNamespaces;
import dev.berth.network.PodNetworkRequest;
import dev.berth.store.SnapshotRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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

    /** What a writable layer took on disk at some moment: files are counted in the background. */
    public record WritableLayer(Instant at, SnapshotRecord.Usage usage) {}

    /**
     * One reading of a pod.
     *
     * @param links the pod's interfaces; empty with the host's network
     */
    public record PodUsage(Pod pod, long atNanos, List<ContainerUsage> containers, List<Link> links) {
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
    private final UsageMeter meter;

    Statistics(CriContext context, NetworkNamespaces namespaces, ContainerMaking making) {
        this.context = context;
        this.namespaces = namespaces;
        this.layers = new LayerUsage(
                context.time(),
                id -> making.snapshots()
                        .usage(
                                Namespace.KUBERNETES,
                                context.ledger().container(id).snapshot()),
                context.ledger()::hasContainer);
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
            throw Fault.precondition("read the usage of container " + container.id(), "it is " + container.state(), "");
        }
        long asked = context.ticker().nanos();
        layers.expect(container.id());
        return read(container).with(layers.of(container.id(), asked));
    }

    /** The running ones among these; one that ends meanwhile is left out. */
    public List<ContainerUsage> containers(List<Container> wanted) {
        long asked = context.ticker().nanos();
        wanted.stream().filter(Statistics::runs).map(Container::id).forEach(layers::expect);
        var usages = new ArrayList<ContainerUsage>();
        for (Container container : wanted) {
            ContainerUsage usage = readIfRunning(container);
            if (usage != null) {
                usages.add(usage);
            }
        }
        usages.replaceAll(usage -> usage.with(layers.of(usage.container().id(), asked)));
        return usages;
    }

    /**
     * One pod.
     *
     * @throws Fault NOT_FOUND for an unknown pod
     */
    public PodUsage pod(String idOrPrefix) throws InterruptedException {
        return read(context.ledger().pod(idOrPrefix));
    }

    /** The ready ones among these. */
    public List<PodUsage> pods(List<Pod> wanted) throws InterruptedException {
        var usages = new ArrayList<PodUsage>();
        for (Pod pod : wanted) {
            if (pod.ready()) {
                usages.add(read(pod));
            }
        }
        return usages;
    }

    private PodUsage read(Pod pod) throws InterruptedException {
        List<ContainerUsage> containers = containers(context.ledger().containersOf(pod.id()));
        List<Link> links = List.of();
        if (pod.netns() != null && pod.ready()) {
            try {
                links = namespaces.links(pod.id());
            } catch (Fault e) {
                if (e.code() != Fault.Code.NOT_FOUND) { // stopped meanwhile
                    throw e;
                }
            }
        }
        return new PodUsage(pod, context.nowNanos(), containers, links);
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
        CgroupStats counters = context.tasks().stats(ContainerRunning.task(container));
        return new ContainerUsage(container, meter.measure(container.id(), counters), null);
    }

    private static boolean runs(Container container) {
        return container.state() == ContainerState.RUNNING;
    }

    /** Forgets the readings of a container that is removed. */
    void forget(String id) {
        meter.forget(id);
        layers.forget(id);
    }

    @Override
    public void close() {
        layers.close();
    }
}
