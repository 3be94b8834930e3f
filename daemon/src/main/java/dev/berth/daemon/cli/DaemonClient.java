package dev.berth.daemon.cli;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.wire.containerd.containers.ContainersGrpc;
import dev.berth.wire.containerd.containers.ContainersGrpc.ContainersBlockingStub;
import dev.berth.wire.containerd.content.ContentGrpc;
import dev.berth.wire.containerd.content.ContentGrpc.ContentBlockingStub;
import dev.berth.wire.containerd.images.ImagesGrpc;
import dev.berth.wire.containerd.images.ImagesGrpc.ImagesBlockingStub;
import dev.berth.wire.containerd.introspection.IntrospectionGrpc;
import dev.berth.wire.containerd.introspection.Plugin;
import dev.berth.wire.containerd.introspection.PluginsRequest;
import dev.berth.wire.containerd.snapshots.SnapshotsGrpc;
import dev.berth.wire.containerd.snapshots.SnapshotsGrpc.SnapshotsBlockingStub;
import dev.berth.wire.containerd.streaming.StreamingGrpc;
import dev.berth.wire.containerd.streaming.StreamingGrpc.StreamingStub;
import dev.berth.wire.containerd.transfer.TransferGrpc;
import dev.berth.wire.containerd.transfer.TransferGrpc.TransferBlockingStub;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A connection to containerd's services on a Unix socket, for one namespace. */
final class DaemonClient implements AutoCloseable {
    /** For calls that look at records; those that move bytes have none. */
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private static final Metadata.Key<String> NAMESPACE =
            Metadata.Key.of("containerd-namespace", Metadata.ASCII_STRING_MARSHALLER);
    /** Else the archive's own index would be known as if it were an image. */
    private static final Metadata.Key<String> ARCHIVE =
            Metadata.Key.of("berth-archive", Metadata.ASCII_STRING_MARSHALLER);

    private final UnixChannel connection;
    private final Channel channel;

    private DaemonClient(UnixChannel connection, Channel channel) {
        this.connection = connection;
        this.channel = channel;
    }

    /** Connects with the first call, not before. */
    static DaemonClient open(Path socket, Namespace namespace) {
        UnixChannel connection = UnixChannel.open(socket);
        var headers = new Metadata();
        headers.put(NAMESPACE, namespace.name());
        headers.put(ARCHIVE, "images-only");
        return new DaemonClient(
                connection,
                ClientInterceptors.intercept(connection.channel(), MetadataUtils.newAttachHeadersInterceptor(headers)));
    }

    ImagesBlockingStub images() {
        return ImagesGrpc.newBlockingStub(channel).withDeadlineAfter(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    ContainersBlockingStub containers() {
        return ContainersGrpc.newBlockingStub(channel).withDeadlineAfter(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    SnapshotsBlockingStub snapshots() {
        return SnapshotsGrpc.newBlockingStub(channel).withDeadlineAfter(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Without a limit: a blob may be large. */
    ContentBlockingStub content() {
        return ContentGrpc.newBlockingStub(channel);
    }

    /** Without a limit: an image may be large and far away. */
    TransferBlockingStub transfer() {
        return TransferGrpc.newBlockingStub(channel);
    }

    StreamingStub streaming() {
        return StreamingGrpc.newStub(channel);
    }

    /** The name of what the daemon unpacks layers with. */
    String snapshotter() {
        return snapshotters().stream()
                .findFirst()
                .orElseThrow(() -> Fault.unavailable("unpack layers", "the daemon lists no snapshotter", ""));
    }

    /** The names of all that it has, the usual one first. */
    List<String> snapshotters() {
        return IntrospectionGrpc.newBlockingStub(channel)
                .withDeadlineAfter(LIMIT.toMillis(), TimeUnit.MILLISECONDS)
                .plugins(PluginsRequest.newBuilder()
                        .addFilters("type==io.containerd.snapshotter.v1")
                        .build())
                .getPluginsList()
                .stream()
                .map(Plugin::getId)
                .toList();
    }

    @Override
    public void close() {
        connection.close();
    }
}
