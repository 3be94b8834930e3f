package dev.berth.services;

import dev.berth.images.Images;
import dev.berth.kernel.Disk;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import dev.berth.snapshots.Snapshotters;
import dev.berth.store.Store;
import dev.berth.tasks.Tasks;
import dev.berth.wire.containerd.containers.ContainersGrpc;
import dev.berth.wire.containerd.content.ContentGrpc;
import dev.berth.wire.containerd.diff.DiffGrpc;
import dev.berth.wire.containerd.events.EventsGrpc;
import dev.berth.wire.containerd.images.ImagesGrpc;
import dev.berth.wire.containerd.introspection.IntrospectionGrpc;
import dev.berth.wire.containerd.leases.LeasesGrpc;
import dev.berth.wire.containerd.mounts.MountsGrpc;
import dev.berth.wire.containerd.namespaces.NamespacesGrpc;
import dev.berth.wire.containerd.snapshots.SnapshotsGrpc;
import dev.berth.wire.containerd.streaming.StreamingGrpc;
import dev.berth.wire.containerd.transfer.TransferGrpc;
import dev.berth.wire.containerd.version.VersionGrpc;
import io.grpc.BindableService;
import io.grpc.HandlerRegistry;
import io.grpc.MethodDescriptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The services of containerd's API that Berth has, each made when it is first called. The gRPC server looks here for what it
 * does not know itself.
 */
public final class Services extends HandlerRegistry implements AutoCloseable {
    /** What the services stand on. */
    public record Parts(Store store, Images images, Snapshotters snapshotters, Tasks tasks, Disk disk) {}

    private final Map<String, Supplier<BindableService>> makers;
    private final Map<String, ServerServiceDefinition> bound = new ConcurrentHashMap<>();
    private final Queue<AutoCloseable> open = new ConcurrentLinkedQueue<>();

    private Services(Map<String, Supplier<BindableService>> makers) {
        this.makers = makers;
    }

    /**
     * Makes ready to serve.
     *
     * @param root where the store is
     * @param state where what does not outlive a reboot is
     * @param version of the program
     */
    public static Services open(
            Path root, Path state, String version, Parts parts, InstantSource clock, Ticker ticker) {
        Streams streams = new Streams();
        Activations activations = Activations.open(state.resolve("mounts"), parts.store(), parts.disk(), clock, ticker);
        Map<String, Supplier<BindableService>> makers = new TreeMap<>();
        makers.put(ContainersGrpc.SERVICE_NAME, () -> new ContainersService(parts.store()));
        makers.put(ContentGrpc.SERVICE_NAME, () -> new ContentService(parts.store(), parts.images(), clock));
        makers.put(DiffGrpc.SERVICE_NAME, () -> new DiffService(parts.images().diffs()));
        makers.put(
                EventsGrpc.SERVICE_NAME,
                () -> new EventsService(EventExchange.open(parts.store(), parts.tasks(), clock)));
        makers.put(ImagesGrpc.SERVICE_NAME, () -> new ImagesService(parts.store(), parts.images()));
        makers.put(
                IntrospectionGrpc.SERVICE_NAME,
                () -> new IntrospectionService(
                        new Plugins(root, parts.snapshotters(), makers.keySet()),
                        root,
                        parts.disk(),
                        parts.tasks(),
                        version));
        makers.put(LeasesGrpc.SERVICE_NAME, () -> new LeasesService(parts.store(), parts.images(), activations));
        makers.put(MountsGrpc.SERVICE_NAME, () -> new MountsService(activations));
        makers.put(NamespacesGrpc.SERVICE_NAME, () -> new NamespacesService(parts.store()));
        makers.put(SnapshotsGrpc.SERVICE_NAME, () -> new SnapshotsService(parts.store(), parts.snapshotters()));
        makers.put(StreamingGrpc.SERVICE_NAME, () -> new StreamingService(streams));
        makers.put(
                TransferGrpc.SERVICE_NAME,
                () -> new TransferService(
                        parts.images(), parts.store(), Unpacking.of(parts.snapshotters()), streams, clock));
        makers.put(VersionGrpc.SERVICE_NAME, () -> new VersionService(version));
        Services services = new Services(makers);
        services.open.add(activations);
        return services;
    }

    @Override
    public @Nullable ServerMethodDefinition<?, ?> lookupMethod(String method, @Nullable String authority) {
        String service = MethodDescriptor.extractFullServiceName(method);
        Supplier<BindableService> maker = service == null ? null : makers.get(service);
        if (service == null || maker == null) {
            return null;
        }
        return bound.computeIfAbsent(service, _ -> bind(maker.get())).getMethod(method);
    }

    private ServerServiceDefinition bind(BindableService service) {
        if (service instanceof AutoCloseable ends) {
            open.add(ends);
        }
        return ServerInterceptors.intercept(service, new Headers());
    }

    @Override
    public void close() {
        var closing = new Rollback();
        open.forEach(each -> closing.add(each.getClass().getSimpleName(), each::close));
        closing.close();
    }
}
