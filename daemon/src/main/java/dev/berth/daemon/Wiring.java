package dev.berth.daemon;

import dev.berth.cri.Cri;
import dev.berth.cri.CriConfig;
import dev.berth.cri.grpc.CallScopes;
import dev.berth.cri.grpc.ImageEdge;
import dev.berth.cri.grpc.RuntimeEdge;
import dev.berth.cri.streaming.StreamingServer;
import dev.berth.daemon.metrics.Gauges;
import dev.berth.daemon.metrics.Metrics;
import dev.berth.images.Images;
import dev.berth.images.registry.RegistryClient;
import dev.berth.images.registry.RegistrySettings;
import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.IdleHeap;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import dev.berth.kernel.log.Log;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.MappedFiles;
import dev.berth.network.NetworkNamespaces;
import dev.berth.network.PodNetworks;
import dev.berth.network.cni.CniNetworks;
import dev.berth.services.Services;
import dev.berth.snapshots.Snapshotters;
import dev.berth.store.Store;
import dev.berth.tasks.Handler;
import dev.berth.tasks.Tasks;
import io.grpc.ServerInterceptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;

/** The parts of a daemon and how they hang together: the table of contents of the program. */
final class Wiring implements AutoCloseable {
    private final Rollback closing;
    private final Following following;

    /** The parts that can follow another config while they run. */
    private record Following(
            RegistryClient registries,
            Images images,
            Set<String> snapshotters,
            PodNetworks networks,
            AtomicReference<Map<String, Handler>> handlers,
            Cri cri,
            StreamingServer streaming) {
        void follow(Config config) {
            RegistrySettings settings = Parts.registrySettings(config);
            Map<String, Handler> known = Parts.handlers(config);
            CriConfig rules = Parts.cri(config, snapshotters);
            streaming.renew(Parts.streaming(config)); // nothing after this one refuses
            registries.find(settings);
            images.handle(Parts.verification(config), config.images().discard());
            if (networks instanceof CniNetworks plugins) {
                plugins.find(Parts.cni(config));
            }
            handlers.set(known);
            cri.follow(rules);
            Log.level(config.log().level());
        }
    }

    private Wiring(Rollback closing, Following following) {
        this.closing = closing;
        this.following = following;
    }

    static Wiring open(Config config, Ticker ticker) throws IOException, InterruptedException {
        var closing = new Rollback(); // closes the newest first; what was opened is closed also if a later part fails
        try {
            return new Wiring(closing, build(config, ticker, closing));
        } catch (RuntimeException | IOException | InterruptedException e) {
            try {
                closing.close();
            } catch (RuntimeException left) {
                e.addSuppressed(left);
            }
            throw e;
        }
    }

    private static Following build(Config config, Ticker ticker, Rollback closing)
            throws IOException, InterruptedException {
        InstantSource clock = InstantSource.system();
        Disk disk = new LinuxDisk();
        try {
            makePrivate(config.state());
        } catch (IOException e) {
            throw Fault.precondition(
                            "make the state directory",
                            Main.said(e),
                            "Give another `state`, or see to it that root may make it")
                    .causedBy(e);
        }

        StateLock lock = StateLock.take(config.state());
        closing.add("lock of the state directory", lock::close);

        Store store = Store.open(config.root(), disk, clock);
        closing.add("store", store::close);

        Snapshotters snapshots = Parts.snapshotters(config, store, disk);

        RegistryClient registries = Parts.registries(config, ticker);
        closing.add("registry client", registries::close);
        Images images = new Images(store, snapshots, registries, Parts.images(config), clock);
        closing.add("images", images::close);

        PodNetworks networks = Parts.networks(config, disk, ticker);
        closing.add("networks", networks::close);
        NetworkNamespaces namespaces = NetworkNamespaces.open(
                config.state().resolve("netns"), config.network().spares(), ticker);
        closing.add("network namespaces", namespaces::close);

        var handlers = new AtomicReference<>(Parts.handlers(config));
        Tasks tasks = Tasks.open(Parts.tasks(config, handlers::get), ticker, clock);
        closing.add("tasks", tasks::close);

        Cri cri = Cri.open(
                Parts.cri(config, snapshots.names()),
                new Cri.Parts(store, images, snapshots, networks, namespaces, tasks),
                clock,
                ticker);
        closing.add("cri", cri::close);

        StreamingServer streaming = StreamingServer.of(Parts.streaming(config), ticker);
        closing.add("streaming", streaming::close);

        Optional<Metrics> metrics = Parts.metrics(
                config,
                new Gauges.Sources(
                        cri, images, tasks, Version.NUMBER, Path.of(cri.node().imageFilesystem())),
                ticker);
        metrics.ifPresent(page -> closing.add("metrics", page::close));

        serve(config, ticker, closing, new Open(store, disk, snapshots, images, tasks, cri, streaming, metrics));
        return new Following(registries, images, snapshots.names(), networks, handlers, cri, streaming);
    }

    /** What the front doors lead to. */
    private record Open(
            Store store,
            Disk disk,
            Snapshotters snapshots,
            Images images,
            Tasks tasks,
            Cri cri,
            StreamingServer streaming,
            Optional<Metrics> metrics) {}

    private static void serve(Config config, Ticker ticker, Rollback closing, Open open) {
        Cri cri = open.cri();
        Services services = Services.open(
                config.root(),
                config.state(),
                Version.NUMBER,
                new Services.Parts(open.store(), open.images(), open.snapshots(), open.tasks(), open.disk()),
                InstantSource.system(),
                ticker);
        List<ServerInterceptor> around = new ArrayList<>(List.of(new CallScopes(cri)));
        open.metrics().ifPresent(page -> around.add(page.meter()));
        GrpcServer server = GrpcServer.listen(
                config.socket(), List.of(new RuntimeEdge(cri, open.streaming()), new ImageEdge(cri)), services, around);
        closing.add("server", server::close);
        closing.add("containerd's services", services::close); // before the server, as the events below
        closing.add("events", cri.events()::close); // before the server, which waits for its calls
        closing.add("idle heap", IdleHeap.watch(ticker, MappedFiles::letGo)::close);
    }

    /**
     * Has everything that can follow this config from now on; what cannot goes on as it is.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT if something in it is wrong; then nothing has changed
     */
    void follow(Config config) {
        following.follow(config);
    }

    private static void makePrivate(Path directory) throws IOException {
        Files.createDirectories(directory.getParent());
        if (!Files.isDirectory(directory)) {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx--x--x")));
        }
    }

    @Override
    public void close() {
        closing.close();
    }
}
