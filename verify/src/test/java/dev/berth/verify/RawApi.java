package dev.berth.verify;

import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** containerd's API on a socket, message by message: for what ctr does not let one say. */
final class RawApi implements AutoCloseable {
    private final EventLoopGroup events = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final ManagedChannel connection;

    RawApi(Path socket) {
        connection = NettyChannelBuilder.forAddress(new DomainSocketAddress(socket.toFile()))
                .channelType(EpollDomainSocketChannel.class)
                .eventLoopGroup(events)
                .directExecutor() // so that what came before an answer has been taken when the answer is there
                .usePlaintext()
                .overrideAuthority("localhost")
                .build();
    }

    /** As somebody who says nothing about himself. */
    Channel nobody() {
        return connection;
    }

    /**
     * As somebody who works in a namespace.
     *
     * @param lease to which everything belongs that he makes; empty for none
     */
    Channel in(String namespace, String lease) {
        return in(List.of(namespace), lease.isEmpty() ? List.of() : List.of(lease));
    }

    /** As somebody who has thought better of it, as Go's clients put it: what counts comes first. */
    Channel in(List<String> namespaces, List<String> leases) {
        var headers = new Metadata();
        namespaces.forEach(
                each -> headers.put(Metadata.Key.of("containerd-namespace", Metadata.ASCII_STRING_MARSHALLER), each));
        leases.forEach(
                each -> headers.put(Metadata.Key.of("containerd-lease", Metadata.ASCII_STRING_MARSHALLER), each));
        return ClientInterceptors.intercept(connection, MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    @Override
    public void close() {
        connection.shutdownNow();
        var _ = events.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
}
