package dev.berth.cri.streaming;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Port-forwarding in its three forms, to a server on loopback that gives back what it gets. */
@Timeout(300)
class ForwardingTest {
    private static final int NOBODY = 9;

    private final Served served = Served.start();
    private final AtomicInteger connections = new AtomicInteger();
    private ServerSocket echo;

    @BeforeEach
    void listen() throws IOException {
        echo = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(() -> {
            while (!echo.isClosed()) {
                try {
                    Socket socket = echo.accept();
                    connections.incrementAndGet();
                    Thread.ofVirtual().start(() -> echo(socket));
                } catch (IOException closed) {
                    return;
                }
            }
        });
    }

    private void echo(Socket socket) {
        try (socket) {
            socket.getInputStream().transferTo(socket.getOutputStream());
        } catch (IOException e) {
            assertThat(e).as("the client broke off").isNotNull();
        } finally {
            connections.decrementAndGet();
        }
    }

    @AfterEach
    void close() throws IOException {
        served.close();
        echo.close();
    }

    private static SocketChannel connect(int port) throws IOException {
        if (port == NOBODY) {
            throw new IOException("nobody listens");
        }
        return SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    }

    private String port() {
        return String.valueOf(echo.getLocalPort());
    }

    private static int[] pair(SpdyClient client, String port, String request) throws IOException {
        int error = client.stream("streamtype", "error", "port", port, "requestid", request);
        int data = client.stream("streamtype", "data", "port", port, "requestid", request);
        return new int[] {error, data};
    }

    private void forwardsSeveral(SpdyClient client) throws IOException {
        int[] first = pair(client, port(), "0");
        int[] refused = pair(client, String.valueOf(NOBODY), "1");
        assertThat(client.untilEnd(refused[0])).contains("error forwarding port 9", "nobody listens");
        int[] second = pair(client, port(), "2");
        client.send(second[1], "two");
        client.send(first[1], "one");
        assertThat(client.untilText(first[1], "one")).isEqualTo("one");
        assertThat(client.untilText(second[1], "two")).isEqualTo("two");
        client.end(first[1]);
        assertThat(client.untilEnd(first[1])).isEqualTo("one");
        assertThat(client.untilEnd(first[0])).isEmpty();
    }

    @Test
    void overSpdy() throws Exception {
        try (var client = SpdyClient.open(served.url(ForwardingTest::connect), "portforward.k8s.io")) {
            forwardsSeveral(client);
            client.reset(pair(client, port(), "3")[1]);
        }
        Served.until("nothing is connected any more", () -> connections.get() == 0);
    }

    @Test
    void overSpdyInsideAWebSocket() throws Exception {
        try (var socket = SocketClient.open(served.url(ForwardingTest::connect), "SPDY/3.1+portforward.k8s.io");
                var client = new SpdyClient(socket.tunnelIn(), socket.tunnelOut(), socket)) {
            forwardsSeveral(client);
        }
        Served.until("nothing is connected any more", () -> connections.get() == 0);
    }

    @Test
    void overTheChannelsOfAWebSocket() throws Exception {
        int port = echo.getLocalPort();
        try (var client = SocketClient.open(served.url(ForwardingTest::connect, port, NOBODY), "v4.channel.k8s.io")) {
            for (int channel = 0; channel < 4; channel++) {
                var message = client.receive();
                int told = channel < 2 ? port : NOBODY;
                assertThat(message.body()).containsExactly((byte) channel, (byte) told, (byte) (told >> 8));
            }
            client.send(0, "hello");
            assertThat(client.until(3, "listens")).contains("error forwarding port 9", "nobody listens");
        }
        assertThatThrownBy(() -> SocketClient.open(served.url(ForwardingTest::connect), "v4.channel.k8s.io"))
                .hasMessageContaining("400");
        Served.until("nothing is connected any more", () -> connections.get() == 0);
    }

    @Test
    void firstClientsSendNoRequestId() throws Exception {
        try (var client = SpdyClient.open(served.url(ForwardingTest::connect))) {
            client.stream("streamtype", "error", "port", port());
            int data = client.stream("streamtype", "data", "port", port());
            client.send(data, "hello".getBytes(UTF_8), true);
            assertThat(client.untilEnd(data)).isEqualTo("hello");
        }
    }

    @Test
    void streamsThatNameNoPortAreRefused() throws Exception {
        try (var client = SpdyClient.open(served.url(ForwardingTest::connect), "portforward.k8s.io")) {
            for (String port : new String[] {"", "0", "65536", "99999", "-1", "ssh"}) {
                client.untilReset(client.stream("streamtype", "data", "port", port, "requestid", "5"));
            }
            client.untilReset(client.stream("streamtype", "stdin", "port", port(), "requestid", "5"));
            int[] good = pair(client, port(), "6");
            client.untilReset(client.stream("streamtype", "data", "port", port(), "requestid", "6"));
            client.end(good[1]);
            client.untilEnd(good[0]);
        }
    }

    @Test
    void thousandsOneAfterTheOtherLeaveNothing() throws Exception {
        try (var client = SpdyClient.open(served.url(ForwardingTest::connect), "portforward.k8s.io")) {
            for (int i = 0; i < 2000; i++) { // more than may be open at once
                int[] pair = pair(client, port(), "r" + i);
                client.end(pair[1]);
                client.untilEnd(pair[1]);
                client.untilEnd(pair[0]);
            }
        }
        Served.until("nothing is connected any more", () -> connections.get() == 0);
    }

    @Test
    void tooManyAtOnceAreRefused() throws Exception {
        try (var client = SpdyClient.open(served.url(ForwardingTest::connect), "portforward.k8s.io")) {
            int last = 0;
            for (int i = 0; i < 520; i++) {
                last = client.stream("streamtype", "error", "port", port(), "requestid", "r" + i);
            }
            assertThat(client.untilReset(last)).isEqualTo(SpdyConnection.REFUSED);
        }
    }
}
