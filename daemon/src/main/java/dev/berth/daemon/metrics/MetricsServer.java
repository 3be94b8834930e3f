package dev.berth.daemon.metrics;

import dev.berth.kernel.Fault;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** HTTP with one page, {@code /metrics}: one thread of events, a virtual thread for each page, a limit on what is sent to us. */
final class MetricsServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MetricsServer.class);
    private static final int PATIENCE_SECONDS = 10;
    private static final int MAX_REQUEST_BYTES = 8192;

    private final EventLoopGroup events;
    private final Channel listener;

    private MetricsServer(EventLoopGroup events, Channel listener) {
        this.events = events;
        this.listener = listener;
    }

    /** @param page made anew for each request, on a thread of its own */
    static MetricsServer listen(String address, Supplier<String> page) {
        boolean unix = address.startsWith("/");
        EventLoopGroup events = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        try {
            if (unix) {
                Files.deleteIfExists(Path.of(address)); // of a daemon that was killed
            }
            Channel listener = new ServerBootstrap()
                    .group(events)
                    .channel(unix ? EpollServerDomainSocketChannel.class : EpollServerSocketChannel.class)
                    .childHandler(new ChannelInitializer<>() {
                        @Override
                        protected void initChannel(Channel channel) {
                            channel.pipeline()
                                    .addLast(new ReadTimeoutHandler(PATIENCE_SECONDS))
                                    .addLast(new HttpServerCodec())
                                    .addLast(new HttpObjectAggregator(MAX_REQUEST_BYTES))
                                    .addLast(new Answering(page));
                        }
                    })
                    .bind(unix ? new DomainSocketAddress(address) : inet(address))
                    .syncUninterruptibly()
                    .channel();
            if (unix) {
                Files.setPosixFilePermissions(Path.of(address), PosixFilePermissions.fromString("rw-rw----"));
            }
            LOG.info("metrics are served on {}", listener.localAddress());
            return new MetricsServer(events, listener);
        } catch (Exception e) { // netty throws what is not declared
            var _ = events.shutdownGracefully(0, 0, TimeUnit.SECONDS);
            throw Fault.unavailable(
                            "serve metrics on " + address,
                            String.valueOf(e.getMessage()),
                            "Set another metrics.address, or \"\" for none")
                    .causedBy(e);
        }
    }

    private static SocketAddress inet(String address) {
        int colon = address.lastIndexOf(':');
        String host = address.substring(0, Math.max(colon, 0)).replace("[", "").replace("]", "");
        return new InetSocketAddress(host, Integer.parseInt(address.substring(colon + 1)));
    }

    private static final class Answering extends SimpleChannelInboundHandler<FullHttpRequest> {
        private final Supplier<String> page;

        Answering(Supplier<String> page) {
            this.page = page;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext channel, FullHttpRequest request) {
            String path = new QueryStringDecoder(request.uri()).path();
            if (!request.method().equals(HttpMethod.GET)) {
                send(channel, HttpResponseStatus.METHOD_NOT_ALLOWED, "only GET\n");
            } else if (!path.equals("/metrics")) {
                send(channel, HttpResponseStatus.NOT_FOUND, "see /metrics\n");
            } else {
                Thread.ofVirtual().name("metrics").start(() -> answer(channel));
            }
        }

        private void answer(ChannelHandlerContext channel) {
            try {
                send(channel, HttpResponseStatus.OK, page.get());
            } catch (RuntimeException e) {
                LOG.warn("the metrics could not be collected", e);
                send(channel, HttpResponseStatus.INTERNAL_SERVER_ERROR, "see the daemon's log\n");
            }
        }

        private static void send(ChannelHandlerContext channel, HttpResponseStatus status, String text) {
            byte[] body = text.getBytes(StandardCharsets.UTF_8);
            var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, Unpooled.wrappedBuffer(body));
            response.headers()
                    .set(HttpHeaderNames.CONTENT_TYPE, TextForm.CONTENT_TYPE)
                    .setInt(HttpHeaderNames.CONTENT_LENGTH, body.length)
                    .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
            var _ = channel.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext channel, Throwable cause) {
            LOG.debug("a reader of metrics went away", cause);
            var _ = channel.close();
        }
    }

    @Override
    public void close() {
        SocketAddress address = listener.localAddress();
        listener.close().syncUninterruptibly();
        var _ = events.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        if (address instanceof DomainSocketAddress socket) {
            try {
                Files.deleteIfExists(Path.of(socket.path()));
            } catch (IOException e) {
                LOG.debug("{} stays", socket.path(), e);
            }
        }
    }
}
