package dev.berth.cri.streaming;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Bytes that are random, and frames that were right before somebody changed them, by the seed that is printed. Whatever
 * comes, the connection ends when the client goes, no command is left running, and the server serves on.
 */
@Timeout(300)
class HostileClientTest {
    private static final int ROUNDS = Integer.getInteger("berth.rounds", 300);
    private static final String V4 = "v4.channel.k8s.io";

    private final long seed = Long.getLong("berth.seed", System.identityHashCode(this));
    private final Random random = new Random(seed);
    private final Served served = Served.start();
    private final AtomicInteger running = new AtomicInteger();

    @AfterEach
    void close() {
        served.close();
    }

    private RemoteCommand counted() {
        return client -> {
            running.incrementAndGet();
            try {
                return Served.cat(0).run(client);
            } finally {
                running.decrementAndGet();
            }
        };
    }

    private void assertStillServes() throws Exception {
        Served.until(
                "they are all gone (seed " + seed + ")", () -> served.server().isIdle());
        Served.until("no command runs (seed " + seed + ")", () -> running.get() == 0);
        try (var client = SpdyClient.open(served.url(Served.OUTPUT, Served.talk(0)), V4)) {
            client.stream("streamtype", "error");
            int stdout = client.stream("streamtype", "stdout");
            client.stream("streamtype", "stderr");
            assertThat(client.untilEnd(stdout)).isEqualTo("out");
        }
        Served.until(
                "nobody is connected (seed " + seed + ")", () -> served.server().isIdle());
    }

    /** Sends bytes and goes, or goes when the server does. */
    private static void sendAndGo(HttpClientSide http, byte[] bytes) throws IOException {
        try (http) {
            http.out().write(bytes);
        } catch (SocketException closedMeanwhile) {
            assertThat(closedMeanwhile).isNotNull();
        }
    }

    @Test
    void randomHeadsOfRequests() throws Exception {
        String[] pieces = {
            "GET ",
            "POST ",
            "/",
            "/exec/",
            " HTTP/1.1",
            "\r\n",
            "\n",
            ":",
            "Connection: Upgrade\r\n",
            "Upgrade: ",
            "SPDY/3.1\r\n",
            "websocket\r\n",
            "Sec-WebSocket-Key: ",
            "\0",
            "\r\n\r\n",
            "Content-Length: -1\r\n",
            "x"
        };
        for (int round = 0; round < ROUNDS; round++) {
            String url = served.url(Served.ALL, counted());
            var head = new StringBuilder();
            for (int i = random.nextInt(20); i >= 0; i--) {
                head.append(random.nextInt(5) == 0 ? HttpClientSide.path(url) : pieces[random.nextInt(pieces.length)]);
            }
            sendAndGo(HttpClientSide.connect(url), head.toString().getBytes(ISO_8859_1));
        }
        assertStillServes();
    }

    @Test
    void randomBytesAfterTheUpgrade() throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            byte[] bytes = new byte[random.nextInt(300)];
            random.nextBytes(bytes);
            sendAndGo(upgraded("SPDY/3.1"), bytes);
            sendAndGo(upgraded("websocket"), bytes);
        }
        assertStillServes();
    }

    @Test
    void spdyFramesThatWereChanged() throws Exception {
        byte[] right = spdyFrames();
        for (int round = 0; round < ROUNDS; round++) {
            sendAndGo(upgraded("SPDY/3.1"), changed(right));
        }
        assertStillServes();
    }

    @Test
    void webSocketFramesThatWereChanged() throws Exception {
        var frames = new ByteArrayOutputStream();
        for (int channel = 0; channel < 5; channel++) {
            frames.write(new byte[] {(byte) 0x82, (byte) 0x86, 0, 0, 0, 0, (byte) channel, 'h', 'e', 'l', 'l', 'o'});
        }
        frames.write(new byte[] {(byte) 0x89, (byte) 0x81, 1, 1, 1, 1, 'p', (byte) 0x02, (byte) 0x81, 0, 0, 0, 0, 0});
        frames.write(new byte[] {(byte) 0x80, (byte) 0x82, 0, 0, 0, 0, (byte) 255, 0});
        for (int round = 0; round < ROUNDS; round++) {
            sendAndGo(upgraded("websocket"), changed(frames.toByteArray()));
        }
        assertStillServes();
    }

    @Test
    void streamsThatAreOpenedAndGivenUp() throws Exception {
        PortOpener nobody = _ -> {
            throw new IOException("nobody listens");
        };
        try (var client = SpdyClient.open(served.url(nobody), "portforward.k8s.io")) {
            for (int i = 0; i < 5000; i++) {
                client.reset(client.stream("streamtype", "data", "port", "80", "requestid", "r" + i));
            }
            client.ping(1);
            client.untilPong(1);
        }
        assertStillServes();
    }

    /** What is forwarded, over all three: frames of SPDY, the same inside messages, and messages for the channels of two ports. */
    @Test
    void forwardedFramesThatWereChanged() throws Exception {
        var connections = new AtomicInteger();
        try (var echo = ServerSocketChannel.open()) {
            echo.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            Thread.ofVirtual().start(() -> accept(echo, connections));
            PortOpener opener = port -> {
                if (port == 81) {
                    throw new IOException("nobody listens");
                }
                return SocketChannel.open(echo.getLocalAddress());
            };
            byte[] right = forwardingFrames();
            for (int round = 0; round < ROUNDS; round++) {
                sendAndGo(upgraded(served.url(opener), "SPDY/3.1", "X-Nothing: x"), changed(right));
                sendAndGo(
                        upgraded(served.url(opener), "websocket", "Sec-WebSocket-Protocol: " + Protocols.TUNNEL),
                        changed(random.nextBoolean() ? messages(right, false) : messages(changed(right), false)));
                String channels = random.nextBoolean() ? V4 : "v4.base64.channel.k8s.io";
                sendAndGo(
                        upgraded(served.url(opener, 80, 81), "websocket", "Sec-WebSocket-Protocol: " + channels),
                        changed(messages("0aGVsbG8=".getBytes(ISO_8859_1), channels.contains("base64"))));
            }
            assertStillServes();
            Served.until("nothing is connected (seed " + seed + ")", () -> connections.get() == 0);
        }
    }

    private static void accept(ServerSocketChannel echo, AtomicInteger connections) {
        try {
            while (true) {
                SocketChannel socket = echo.accept();
                connections.incrementAndGet();
                Thread.ofVirtual().start(() -> echo(socket, connections));
            }
        } catch (IOException closed) {
            assertThat(echo.isOpen()).isFalse();
        }
    }

    private static void echo(SocketChannel socket, AtomicInteger connections) {
        try (socket) {
            ByteBuffer bytes = ByteBuffer.allocate(4096);
            while (socket.read(bytes.clear()) >= 0) {
                socket.write(bytes.flip());
            }
        } catch (IOException e) {
            assertThat(e).as("the client broke off").isNotNull();
        } finally {
            connections.decrementAndGet();
        }
    }

    /** Bytes cut into messages anywhere. */
    private byte[] messages(byte[] bytes, boolean text) {
        var frames = new ByteArrayOutputStream();
        int at = 0;
        while (at < bytes.length) {
            int length = Math.min(bytes.length - at, 1 + random.nextInt(text ? 9 : 100));
            frames.writeBytes(new byte[] {
                (byte) (text ? 0x81 : random.nextInt(20) == 0 ? 2 : 0x82), (byte) (0x80 | length), 0, 0, 0, 0
            });
            frames.write(bytes, at, length);
            at += length;
        }
        return frames.toByteArray();
    }

    private static byte[] forwardingFrames() throws IOException {
        var frames = new ByteArrayOutputStream();
        Closeable nothing = () -> {};
        try (var client = new SpdyClient(new ByteArrayInputStream(new byte[0]), frames, nothing)) {
            for (String port : new String[] {"80", "81", "80"}) {
                String id = "r" + frames.size();
                client.stream("streamtype", "error", "port", port, "requestid", id);
                int data = client.stream("streamtype", "data", "port", port, "requestid", id);
                client.send(data, "hello");
                client.send(data, new byte[500], false);
                client.ping(data);
                if (port.equals("81")) {
                    client.reset(data);
                } else {
                    client.end(data);
                }
            }
        }
        return frames.toByteArray();
    }

    private HttpClientSide upgraded(String protocol) throws IOException {
        return upgraded(served.url(Served.ALL, counted()), protocol, "X-Nothing: x");
    }

    private static HttpClientSide upgraded(String url, String protocol, String header) throws IOException {
        HttpClientSide http = HttpClientSide.connect(url);
        http.ask(
                "GET " + HttpClientSide.path(url) + " HTTP/1.1",
                "Connection: Upgrade",
                "Upgrade: " + protocol,
                header,
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
        return http;
    }

    /** What a well-behaved client sends in a session. */
    private static byte[] spdyFrames() throws IOException {
        var frames = new ByteArrayOutputStream();
        Closeable nothing = () -> {};
        try (var client = new SpdyClient(new ByteArrayInputStream(new byte[0]), frames, nothing)) {
            client.stream("streamtype", "error");
            int stdin = client.stream("streamtype", "stdin");
            client.stream("streamtype", "stdout");
            client.stream("streamtype", "stderr");
            client.send(stdin, "hello");
            client.ping(1);
            client.send(stdin, new byte[2000], false);
            client.reset(5);
            client.end(stdin);
        }
        return frames.toByteArray();
    }

    private byte[] changed(byte[] right) {
        byte[] bytes = right.clone();
        for (int i = random.nextInt(4); i >= 0; i--) {
            int at = random.nextInt(bytes.length);
            switch (random.nextInt(3)) {
                case 0 -> bytes[at] = (byte) random.nextInt();
                case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                default -> bytes = Arrays.copyOf(bytes, at + 1); // cut short
            }
        }
        return bytes;
    }
}
