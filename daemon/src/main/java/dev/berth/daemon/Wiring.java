package dev.berth.daemon;

import dev.berth.cri.Cri;
import dev.berth.cri.grpc.CallScopes;
import dev.berth.cri.grpc.ImageEdge;
import dev.berth.cri.grpc.RuntimeEdge;
import dev.berth.cri.streaming.StreamingServer;
import dev.berth.daemon.metrics.Gauges;
import dev.berth.daemon.metrics.Metrics;
import dev.berth.images.Images;
import dev.berth.images.registry.RegistryClient;
import dev.berth.kernel.Disk;
import dev.berth.kernel.IdleHeap;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.MappedFiles;
import dev.berth.network.NetworkNamespaces;
import dev.berth.network.PodNetworks;
import dev.berth.services.Services;
import dev.berth.snapshots.Snapshotters;
import dev.berth.store.Store;
import dev.berth.tasks.Tasks;
import io.grpc.ServerInterceptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The parts of a daemon and how they hang together: the table of contents of the program. */
final class Wiring implements AutoCloseable {
    private final Rollback closing;

    private Wiring(Rollback closing) {
        this.closing = closing;
    }

    static Wiring open(Config config, Ticker ticker) throws IOException, InterruptedException {
        var closing = new Rollback(); // closes the newest first; what was opened is closed also if a later part fails
        try {
            build(config, ticker, closing);
            return new Wiring(closing);
        } catch (RuntimeException | IOException | InterruptedException e) {
            try {
                closing.close();
            } catch (RuntimeException left) {
                e.addSuppressed(left);
            }
            throw e;
        }
    }

    private static void build(Config config, Ticker ticker, Rollback closing) throws IOException, InterruptedException {
        InstantSource clock = InstantSource.system();
        Disk disk = new LinuxDisk();
        makePrivate(config.state());

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

        Tasks tasks = Tasks.open(Parts.tasks(config), ticker, clock);
        closing.add("tasks", tasks::close);

        Cri cri = Cri.open(
                Parts.cri(config),
                new Cri.Parts(store, images, snapshots.main(), networks, namespaces, tasks),
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

        Services services = Services.open(
                config.root(),
                Version.NUMBER,
                new Services.Parts(store, images, snapshots, tasks, disk),
                clock,
                ticker);
        List<ServerInterceptor> around = new ArrayList<>(List.of(new CallScopes(cri)));
        metrics.ifPresent(page -> around.add(page.meter()));
        GrpcServer server = GrpcServer.listen(
                config.socket(), List.of(new RuntimeEdge(cri, streaming), new ImageEdge(cri)), services, around);
        closing.add("server", server::close);
        closing.add("containerd's services", services::close); // before the server, as the events below
        closing.add("events", cri.events()::close); // before the server, which waits for its calls
        closing.add("idle heap", IdleHeap.watch(ticker, MappedFiles::letGo)::close);
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
