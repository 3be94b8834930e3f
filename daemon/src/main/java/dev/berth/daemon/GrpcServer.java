package dev.berth.daemon;

import dev.berth.kernel.Fault;
import io.grpc.BindableService;
import io.grpc.HandlerRegistry;
import io.grpc.Server;
import io.grpc.ServerInterceptor;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * gRPC on a Unix socket that only root can open. Each call runs on a virtual thread of its own; two event threads do the
 * reading and writing.
 */
final class GrpcServer implements AutoCloseable {
    /** As large as containerd's, so that whoever lists as much there can list as much here. */
    static final int MAX_MESSAGE_BYTES = 16 << 20;

    private static final int SECONDS_TO_FINISH = 5;

    private final Path socket;
    private final Server server;
    private final EventLoopGroup events;
    private final ExecutorService calls;

    private GrpcServer(Path socket, Server server, EventLoopGroup events, ExecutorService calls) {
        this.socket = socket;
        this.server = server;
        this.events = events;
        this.calls = calls;
    }

    /**
     * Begins to serve. A socket file that is there is replaced: the caller holds the lock of the state directory, so nobody
     * serves on it.
     *
     * @param services what is bound from the start
     * @param others where the methods of all other services are looked up
     * @param around what sees each call, the innermost first
     * @throws Fault UNAVAILABLE if the socket cannot be made
     */
    static GrpcServer listen(
            Path socket, List<BindableService> services, HandlerRegistry others, List<ServerInterceptor> around) {
        EventLoopGroup events = new MultiThreadIoEventLoopGroup(2, EpollIoHandler.newFactory());
        ExecutorService calls = Executors.newThreadPerTaskExecutor(
                Thread.ofVirtual().name("call ", 0).factory());
        try {
            Files.createDirectories(socket.getParent());
            Files.deleteIfExists(socket);
            var builder = NettyServerBuilder.forAddress(new DomainSocketAddress(socket.toFile()))
                    .channelType(EpollServerDomainSocketChannel.class)
                    .bossEventLoopGroup(events)
                    .workerEventLoopGroup(events)
                    .executor(calls)
                    .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                    .permitKeepAliveWithoutCalls(true)
                    .permitKeepAliveTime(10, TimeUnit.SECONDS);
            services.forEach(builder::addService);
            builder.fallbackHandlerRegistry(others);
            around.forEach(builder::intercept);
            Server server = builder.build().start();
            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-rw----"));
            return new GrpcServer(socket, server, events, calls);
        } catch (IOException e) {
            calls.close();
            var _ = events.shutdownGracefully(0, 0, TimeUnit.SECONDS);
            throw Fault.unavailable("serve on " + socket, String.valueOf(e.getMessage()), "Set another `socket`")
                    .causedBy(e);
        }
    }

    /** Stops taking calls, gives those that run a little time, and ends. */
    @Override
    public void close() {
        server.shutdown();
        try {
            if (!server.awaitTermination(SECONDS_TO_FINISH, TimeUnit.SECONDS)) {
                server.shutdownNow();
            }
            Files.deleteIfExists(socket);
        } catch (InterruptedException e) {
            server.shutdownNow();
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            throw Fault.internal("remove " + socket, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        } finally {
            calls.shutdownNow();
            var _ = events.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        }
    }
}
