package dev.berth.cri.streaming;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Clients whose input nobody reads: what they send stops on its way, and with it what they do after it. That they have gone is
 * noticed all the same.
 */
@Timeout(300)
class UnreadInputTest {
    private static final String V4 = "v4.channel.k8s.io";
    private static final byte[] PIECE = new byte[48 << 10];

    /** More than is kept for a stream, and then some that is on its way. */
    private static final int PIECES = 45;

    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch gone = new CountDownLatch(1);

    /** Reads nothing, and ends when its client is gone. */
    private RemoteCommand deaf() {
        return client -> {
            begun.countDown();
            client.client().awaitGone();
            gone.countDown();
            return 0;
        };
    }

    private static SpdyClient spdy(Served served, RemoteCommand command) throws IOException {
        SpdyClient client = SpdyClient.open(served.url(Served.ALL, command), V4);
        client.stream("streamtype", "error");
        int stdin = client.stream("streamtype", "stdin");
        client.stream("streamtype", "stdout");
        client.stream("streamtype", "stderr");
        for (int i = 0; i < PIECES; i++) {
            client.send(stdin, PIECE, false);
        }
        return client;
    }

    private static SocketClient socket(Served served, RemoteCommand command) throws IOException {
        SocketClient client = SocketClient.open(served.url(Served.ALL, command), V4);
        for (int i = 0; i < PIECES; i++) {
            client.send(0, PIECE);
        }
        return client;
    }

    @Test
    void aCommandLearnsThatItsClientHasGoneOverSpdy() throws Exception {
        try (var served = Served.start()) {
            try (var _ = spdy(served, deaf())) {
                begun.await();
            }
            gone.await();
            Served.until("nobody is connected", () -> served.server().isIdle());
        }
    }

    @Test
    void aCommandLearnsThatItsClientHasGoneOverWebSocket() throws Exception {
        try (var served = Served.start()) {
            try (var _ = socket(served, deaf())) {
                begun.await();
            }
            gone.await();
            Served.until("nobody is connected", () -> served.server().isIdle());
        }
    }

    /** The pod takes the connection, and as little as can be of what comes. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aForwardedConnectionEndsWithItsClient(boolean tunnelled) throws Exception {
        try (var pod = ServerSocketChannel.open()) {
            pod.setOption(StandardSocketOptions.SO_RCVBUF, 4096);
            pod.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            PortOpener opener = _ -> {
                SocketChannel socket = SocketChannel.open();
                socket.setOption(StandardSocketOptions.SO_SNDBUF, 4096);
                boolean _ = socket.connect(pod.getLocalAddress());
                return socket;
            };
            try (var served = Served.start()) {
                String url = served.url(opener);
                try (var client = tunnelled ? tunnel(url) : SpdyClient.open(url, "portforward.k8s.io")) {
                    int error = client.stream("streamtype", "error", "port", "80", "requestid", "1");
                    int data = client.stream("streamtype", "data", "port", "80", "requestid", "1");
                    client.untilAccepted(error);
                    for (int i = 0; i < PIECES + 2; i++) {
                        client.send(data, PIECE, false);
                    }
                }
                Served.until("nobody is connected", () -> served.server().isIdle());
            }
        }
    }

    private static SpdyClient tunnel(String url) throws IOException {
        SocketClient socket = SocketClient.open(url, Protocols.TUNNEL);
        return new SpdyClient(socket.tunnelIn(), socket.tunnelOut(), socket);
    }

    /** Go's clients end a connection on which their pings are not answered; nobody reads them here. */
    @Test
    void aClientThatWaitsIsToldThatItIsNotForgotten() throws Exception {
        try (var served = Served.start();
                var client = socket(served, deaf())) {
            SocketClient.Message message = client.receive();
            while (message.opcode() != SocketClient.PONG) {
                message = client.receive();
            }
            assertThat(message.body()).isEmpty();
        }
    }

    @Test
    void feelingForAClientDoesNotKeepAnIdleConnection() throws Exception {
        try (var served = Served.start(Duration.ofSeconds(5), Ticker.system());
                var client = socket(served, deaf())) {
            gone.await();
            Served.until("nobody is connected", () -> served.server().isIdle());
            assertThat(client.protocol()).isEqualTo(V4);
        }
    }
}
