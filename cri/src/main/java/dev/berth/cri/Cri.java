package dev.berth.cri;

import dev.berth.cri.ContainerMaking.Workshop;
import dev.berth.cri.checkpoint.Seal;
import dev.berth.cri.spec.HandlerRules;
import dev.berth.cri.spec.HostFacts;
import dev.berth.cri.spec.SpecBuilder;
import dev.berth.images.Image;
import dev.berth.images.Images;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.network.NetworkNamespaces;
import dev.berth.network.PodNetworks;
import dev.berth.snapshots.Snapshotter;
import dev.berth.snapshots.Snapshotters;
import dev.berth.store.Store;
import dev.berth.tasks.Tasks;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The front door of this room. */
public final class Cri implements AutoCloseable {
    /** The rooms that this one stands on; whoever opened them closes them. */
    public record Parts(
            Store store,
            Images images,
            Snapshotters snapshots,
            PodNetworks networks,
            NetworkNamespaces namespaces,
            Tasks tasks) {}

    private static final Pauses BETWEEN_ATTEMPTS = new Pauses(Duration.ofSeconds(1), Duration.ofMinutes(5));

    /** What follows from the config and may be another one tomorrow. */
    private record Ruling(CriConfig config, SpecBuilder specs) {}

    private final CriContext context;
    private final HostFacts host;
    private final Snapshotters snapshots;
    private volatile Ruling ruling;
    private final Pods pods;
    private final Containers containers;
    private final Checkpoints checkpoints;
    private final Restoring restoring;
    private final Images images;
    private final Node node;
    private final Statistics statistics;
    private final Metrics metrics;
    private final Verbose verbose;
    private final Streams streams;
    private final Recovery recovery;

    private Cri(CriConfig config, Parts parts, InstantSource clock, Ticker ticker) throws IOException {
        this.context = new CriContext(
                Ledger.open(parts.store().metadata()),
                parts.tasks(),
                new ContainerEvents(),
                new Gate(),
                new Cleaning(parts.store().metadata(), ticker, BETWEEN_ATTEMPTS),
                new CriContext.Time(clock, ticker));
        Cgroups cgroups = Cgroups.detect(ticker);
        this.host = HostFacts.read(cgroups);
        this.snapshots = parts.snapshots();
        this.ruling = new Ruling(config, new SpecBuilder(host, config.specs()));
        var userNamespaces = new UserNamespaceSupport(config.root());
        var environment = new PodEnvironment(
                parts.tasks(),
                parts.networks(),
                parts.namespaces(),
                userNamespaces,
                NodeName.ofKernel(),
                config.state().resolve("pod-files"));
        var folders = new ContainerMaking.Folders(
                new ContainerFolders(config.root().resolve("volumes")),
                new ContainerFolders(config.root().resolve("restored")));
        var making = new ContainerMaking(
                context,
                new Workshop(
                        parts.store().metadata(),
                        parts.images(),
                        new WritableLayers(parts.images(), parts.snapshots(), this::rules),
                        () -> ruling.specs(),
                        this::rules,
                        folders),
                environment);
        var running = new ContainerRunning(context, making);
        var counters = new Counters(context, cgroups, config.systemdCgroups());
        this.statistics = new Statistics(context, parts.namespaces(), making, counters);
        this.metrics = new Metrics(context, statistics, counters, config.root().resolve("snapshots"));
        this.containers = new Containers(context, making, running, statistics::forget);
        this.pods = new Pods(() -> ruling.config(), context, environment, containers);
        var disk = new LinuxDisk();
        var seal = new Seal(config.root().resolve("checkpoint.key"), disk);
        var dumps = new ContainerFolders(config.root().resolve("checkpoints"));
        this.checkpoints = new Checkpoints(context, making, dumps, new Dump.Sealing(seal, disk));
        this.restoring = new Restoring(context, pods, containers, folders.states(), seal);
        this.images = parts.images();
        this.node = new Node(() -> ruling.config(), parts.tasks(), parts.networks(), userNamespaces, parts.images());
        this.verbose = new Verbose(context, making);
        this.streams = new Streams(context, making);
        this.recovery = new Recovery(context, running, pods, checkpoints, parts);
    }

    private HandlerRules rules(String handler) {
        return ruling.config().rules(handler);
    }

    /** Reads the records, so that calls can be answered, and begins to compare them with what runs. */
    public static Cri open(CriConfig config, Parts parts, InstantSource clock, Ticker ticker) throws IOException {
        var cri = new Cri(config, parts, clock, ticker);
        cri.recovery.begin();
        return cri;
    }

    /** Has pods and containers that are made from now on follow these handlers and settings of specs. All else must be as it was. */
    public void follow(CriConfig config) {
        ruling = new Ruling(config, new SpecBuilder(host, config.specs()));
    }

    /**
     * The name of the snapshotter on which containers of a runtime handler stand; empty for the main one.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT if there is no such handler
     */
    public String snapshotter(String handler) {
        CriConfig config = ruling.config();
        config.requireHandler(handler);
        return config.rules(handler).snapshotter();
    }

    public boolean hasHandler(String name) {
        return ruling.config().handlers().containsKey(name);
    }

    /** Those on which containers of some handler stand, the main one first. */
    public List<Snapshotter> snapshotters() {
        Set<String> named = ruling.config().handlers().values().stream()
                .map(HandlerRules::snapshotter)
                .collect(Collectors.toSet());
        return Stream.concat(
                        Stream.of(snapshots.main()),
                        snapshots.others().stream().filter(each -> named.contains(each.name())))
                .toList();
    }

    public Pods pods() {
        return pods;
    }

    public Containers containers() {
        return containers;
    }

    public Checkpoints checkpoints() {
        return checkpoints;
    }

    public Restoring restoring() {
        return restoring;
    }

    public Images images() {
        return images;
    }

    public Node node() {
        return node;
    }

    public Statistics statistics() {
        return statistics;
    }

    public Metrics metrics() {
        return metrics;
    }

    public Streams streams() {
        return streams;
    }

    public ContainerEvents events() {
        return context.events();
    }

    /** A pod by its id or the beginning of it; empty if there is none. */
    public Optional<Pod> findPod(String idOrPrefix) {
        return context.ledger().findPod(idOrPrefix);
    }

    /** A container by its id or the beginning of it; empty if there is none. */
    public Optional<Container> findContainer(String idOrPrefix) {
        return context.ledger().findContainer(idOrPrefix);
    }

    /** Clean-up that failed and is tried again: how much, by kind. */
    public Map<String, Integer> leftovers() {
        return context.cleaning().counts();
    }

    public long nowNanos() {
        return context.nowNanos();
    }

    /** What only a curious reader wants to know of a pod. */
    public Map<String, String> verbose(Pod pod) {
        return verbose.of(pod);
    }

    /** What only a curious reader wants to know of a container. */
    public Map<String, String> verbose(Container container) {
        return verbose.of(container);
    }

    /** What only a curious reader wants to know of an image. */
    public Map<String, String> verbose(Image image) {
        return verbose.of(image);
    }

    @Override
    public void close() {
        recovery.close();
        statistics.close();
        containers.running().close();
        context.cleaning().close();
    }
}
