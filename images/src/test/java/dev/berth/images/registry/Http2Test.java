package dev.berth.images.registry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Manifest;
import dev.berth.oci.Reference;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2GoAwayFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A registry that speaks nothing but HTTP/2, and takes leave of a connection in the middle of a pull. */
@Timeout(60)
class Http2Test {
    private static final String MANIFEST = "application/vnd.oci.image.manifest.v1+json";

    private final Map<String, byte[]> served = new ConcurrentHashMap<>();
    private final Queue<String> asked = new ConcurrentLinkedQueue<>();

    @TempDir
    Path directory;

    /** Answers one request of one stream; after a manifest the connection takes no further one. */
    private final class Answering extends SimpleChannelInboundHandler<Http2HeadersFrame> {
        @Override
        protected void channelRead0(ChannelHandlerContext stream, Http2HeadersFrame request) {
            String path = request.headers().path().toString();
            String method = request.headers().method().toString();
            asked.add(method + " " + path + " " + stream.channel().parent().id());
            byte[] bytes = served.get(path);
            if (bytes == null) {
                var _ = stream.writeAndFlush(
                        new DefaultHttp2HeadersFrame(new DefaultHttp2Headers().status("404"), true));
                return;
            }
            boolean document = path.contains("/manifests/");
            boolean empty = method.equals("HEAD");
            var head = new DefaultHttp2Headers()
                    .status("200")
                    .add("content-type", document ? MANIFEST : "application/octet-stream")
                    .add("content-length", String.valueOf(bytes.length))
                    .add("docker-content-digest", Digest.of(bytes).toString());
            var _ = stream.writeAndFlush(new DefaultHttp2HeadersFrame(head, empty));
            if (!empty) {
                var _ = stream.writeAndFlush(new DefaultHttp2DataFrame(Unpooled.wrappedBuffer(bytes), true));
            }
            if (document && !empty) {
                var _ = stream.channel().parent().writeAndFlush(new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR));
            }
        }
    }

    private Channel listen(EventLoopGroup events, SslContext tls) throws InterruptedException {
        return new ServerBootstrap()
                .group(events)
                .channel(NioServerSocketChannel.class)
                .childHandler(initializer(client -> client.pipeline()
                        .addLast(
                                tls.newHandler(client.alloc()),
                                Http2FrameCodecBuilder.forServer().build(),
                                new Http2MultiplexHandler(
                                        initializer(stream -> stream.pipeline().addLast(new Answering()))))))
                .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .sync()
                .channel();
    }

    private static ChannelHandler initializer(Consumer<Channel> with) {
        return new ChannelInitializer<Channel>() {
            @Override
            protected void initChannel(Channel channel) {
                with.accept(channel);
            }
        };
    }

    @Test
    void aPullOverHttp2GoesOnOnAnotherConnection() throws Exception {
        var certificates = Certificates.in(directory.resolve("certificates"));
        certificates.issue("server", Certificates.Form.PKCS8, 30);
        SslContext tls = SslContextBuilder.forServer(
                        certificates.file("server.pem").toFile(),
                        certificates.file("server.key").toFile())
                .sslProvider(SslProvider.JDK)
                .applicationProtocolConfig(new ApplicationProtocolConfig(
                        ApplicationProtocolConfig.Protocol.ALPN,
                        ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                        ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                        ApplicationProtocolNames.HTTP_2))
                .build();
        EventLoopGroup events = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        try {
            Channel server = listen(events, tls);
            pull("127.0.0.1:" + ((InetSocketAddress) server.localAddress()).getPort(), certificates.authority());
        } finally {
            events.shutdownGracefully(0, 5, TimeUnit.SECONDS).sync();
        }
    }

    private void pull(String authority, Path authorityOfAll) throws Exception {
        Path hosts = Files.createDirectories(directory.resolve("hosts").resolve(authority))
                .resolve("hosts.toml");
        Files.writeString(hosts, "server = \"https://" + authority + "\"\nca = \"" + authorityOfAll + "\"\n");
        byte[] layer = new byte[300_000];
        new Random(7).nextBytes(layer);
        String digest = Digest.of(layer).toString();
        byte[] manifest = """
                {"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json",
                "digest":"%s","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s",
                "size":%d}]}""".formatted(MANIFEST, Digest.of(new byte[] {'{', '}'}), digest, layer.length)
                .getBytes(UTF_8);
        served.put("/v2/app/manifests/v1", manifest);
        served.put("/v2/app/blobs/" + digest, layer);
        try (var client =
                new RegistryClient(Optional.of(directory.resolve("hosts")), Patience.DEFAULT, Ticker.system())) {
            var repository = client.repository(Reference.parse(authority + "/app:v1"), Credentials.ANONYMOUS);
            var document = repository.manifest();
            assertThat(document.bytes()).isEqualTo(manifest);
            assertThat(ImageTree.parse(MANIFEST, document.bytes()))
                    .isInstanceOfSatisfying(
                            Manifest.class,
                            it -> assertThat(Received.all(
                                            repository.blob(it.layers().getFirst(), 0)))
                                    .isEqualTo(layer));
        }
        List<String> requests = List.copyOf(asked);
        assertThat(requests).anyMatch(it -> it.contains("/manifests/")).anyMatch(it -> it.contains("/blobs/"));
        assertThat(requests.stream().map(it -> it.split(" ", -1)[2]).distinct()).hasSizeGreaterThan(1);
    }
}
