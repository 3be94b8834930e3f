package dev.berth.daemon.cli;

import dev.berth.wire.cri.ImageServiceGrpc;
import dev.berth.wire.cri.ImageServiceGrpc.ImageServiceBlockingStub;
import dev.berth.wire.cri.RuntimeServiceGrpc;
import dev.berth.wire.cri.RuntimeServiceGrpc.RuntimeServiceBlockingStub;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A connection to a CRI server on a Unix socket. */
public final class CriClient implements AutoCloseable {
    private static final int MAX_MESSAGE_BYTES = 16 << 20;

    private final EventLoopGroup events;
    private final ManagedChannel channel;

    private CriClient(EventLoopGroup events, ManagedChannel channel) {
        this.events = events;
        this.channel = channel;
    }

    /** Connects with the first call, not before. */
    public static CriClient open(Path socket) {
        EventLoopGroup events = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        ManagedChannel channel = NettyChannelBuilder.forAddress(new DomainSocketAddress(socket.toFile()))
                .channelType(EpollDomainSocketChannel.class)
                .eventLoopGroup(events)
                .usePlaintext()
                .overrideAuthority("localhost")
                .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                .build();
        return new CriClient(events, channel);
    }

    /** The runtime service; {@code limit} is the time for the next call. */
    public RuntimeServiceBlockingStub runtime(Duration limit) {
        return RuntimeServiceGrpc.newBlockingStub(channel).withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** The image service; {@code limit} is the time for the next call. */
    public ImageServiceBlockingStub images(Duration limit) {
        return ImageServiceGrpc.newBlockingStub(channel).withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        channel.shutdownNow();
        var _ = events.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
}
