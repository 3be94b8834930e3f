package dev.berth.daemon.cli;

import dev.berth.wire.cri.ImageServiceGrpc;
import dev.berth.wire.cri.ImageServiceGrpc.ImageServiceBlockingStub;
import dev.berth.wire.cri.RuntimeServiceGrpc;
import dev.berth.wire.cri.RuntimeServiceGrpc.RuntimeServiceBlockingStub;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A connection to a CRI server on a Unix socket. */
public final class CriClient implements AutoCloseable {
    private final UnixChannel connection;

    private CriClient(UnixChannel connection) {
        this.connection = connection;
    }

    /** Connects with the first call, not before. */
    public static CriClient open(Path socket) {
        return new CriClient(UnixChannel.open(socket));
    }

    /** The runtime service; {@code limit} is the time for the next call. */
    public RuntimeServiceBlockingStub runtime(Duration limit) {
        return RuntimeServiceGrpc.newBlockingStub(connection.channel())
                .withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** The image service; {@code limit} is the time for the next call. */
    public ImageServiceBlockingStub images(Duration limit) {
        return ImageServiceGrpc.newBlockingStub(connection.channel())
                .withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        connection.close();
    }
}
