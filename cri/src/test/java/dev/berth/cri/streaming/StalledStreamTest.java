package dev.berth.cri.streaming;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One stream on which nothing moves does not hold up what moves beside it on the same connection. */
@Timeout(300)
class StalledStreamTest {
    private static final String V4 = "v4.channel.k8s.io";
    private static final int DEAF = 80;
    private static final int ECHO = 81;
    private static final int STANDSTILL = 50;
    private static final byte[] PIECE = new byte[32 << 10];

    private final AtomicLong written = new AtomicLong();
    private final AtomicInteger heard = new AtomicInteger();

    /** Writes without end, and counts what comes in. */
    private RemoteCommand flood() {
        return client -> {
            InputStream in = Objects.requireNonNull(client.stdin());
            OutputStream out = Objects.requireNonNull(client.stdout());
            Thread writer = Thread.ofVirtual().start(() -> {
                try {
                    while (true) {
                        out.write(PIECE);
                        written.incrementAndGet();
                    }
                } catch (IOException e) {
                    assertThat(e).as("the client is gone").isNotNull();
                }
            });
            try {
                while (in.read() >= 0) {
                    heard.incrementAndGet();
                }
            } finally {
                writer.join();
            }
            return 0;
        };
    }

    private interface Key {
        void press() throws IOException;
    }

    /** Until output has not moved for a while, and each is heard. */
    private void type(Key key) throws IOException, InterruptedException {
        int still = 0;
        for (int typed = 1; still < STANDSTILL; typed++) {
            long before = written.get();
            key.press();
            int all = typed;
            Served.until("it is heard", () -> heard.get() >= all);
            still = before > 0 && before == written.get() ? still + 1 : 0;
        }
    }

    /** Somebody has stopped his terminal, and now types what ends the flood. */
    @Test
    void inputIsHeardWhileNobodyTakesOutput() throws Exception {
        try (var served = Served.start();
                var client = SpdyClient.open(served.url(Served.ALL, flood()), V4)) {
            client.stream("streamtype", "error");
            int stdin = client.stream("streamtype", "stdin");
            client.stream("streamtype", "stdout");
            client.stream("streamtype", "stderr");
            type(() -> {
                client.ping(1);
                client.send(stdin, "x");
            });
        }
    }

    @Test
    void inputIsHeardWhileNobodyTakesOutputOverWebSocket() throws Exception {
        try (var served = Served.start();
                var client = SocketClient.open(served.url(Served.ALL, flood()), V4)) {
            type(() -> {
                client.frame(SocketClient.LAST | SocketClient.PING, new byte[] {1});
                client.send(0, "x");
            });
        }
    }

    /** What was asked meanwhile is answered when the client takes something again. */
    @Test
    void pingsAreAnsweredAfterwards() throws Exception {
        try (var served = Served.start();
                var client = SpdyClient.open(served.url(Served.ALL, flood()), V4)) {
            client.stream("streamtype", "error");
            int stdin = client.stream("streamtype", "stdin");
            client.stream("streamtype", "stdout");
            client.stream("streamtype", "stderr");
            type(() -> client.send(stdin, "x"));
            client.ping(7);
            client.untilPong(7);
        }
    }

    /** A pod with a port where nobody reads and one that gives back what it gets. */
    private static final class Pod implements AutoCloseable {
        private final ServerSocketChannel deaf = ServerSocketChannel.open();
        private final ServerSocketChannel echo = ServerSocketChannel.open();

        Pod() throws IOException {
            deaf.setOption(StandardSocketOptions.SO_RCVBUF, 4096);
            for (ServerSocketChannel each : new ServerSocketChannel[] {deaf, echo}) {
                each.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            }
            Thread.ofVirtual().start(() -> {
                try (SocketChannel socket = echo.accept()) {
                    ByteBuffer bytes = ByteBuffer.allocate(4096);
                    while (socket.read(bytes.clear()) >= 0) {
                        socket.write(bytes.flip());
                    }
                } catch (IOException e) {
                    assertThat(e).as("all is over").isNotNull();
                }
            });
        }

        SocketChannel open(int port) throws IOException {
            SocketChannel socket = SocketChannel.open();
            socket.setOption(StandardSocketOptions.SO_SNDBUF, 4096);
            boolean _ = socket.connect((port == DEAF ? deaf : echo).getLocalAddress());
            return socket;
        }

        @Override
        public void close() throws IOException {
            deaf.close();
            echo.close();
        }
    }

    private static int forward(SpdyClient client, int port) throws IOException {
        String number = String.valueOf(port);
        client.stream("streamtype", "error", "port", number, "requestid", number);
        return client.stream("streamtype", "data", "port", number, "requestid", number);
    }

    /** Go's clients send whatever there is. */
    @Test
    void aPortThatTakesNothingDoesNotHoldUpAnother() throws Exception {
        try (var pod = new Pod();
                var served = Served.start();
                var client = SpdyClient.open(served.url(pod::open), "portforward.k8s.io")) {
            int deaf = forward(client, DEAF);
            int echo = forward(client, ECHO);
            for (int i = 0; i < 50; i++) {
                client.send(deaf, PIECE, false);
            }
            client.send(echo, "still here");
            assertThat(client.untilText(echo, "still here")).isEqualTo("still here");
            client.end(echo);
            client.untilEnd(echo);
        }
    }

    /** Others wait for windows, and so for what has been taken, whatever has been kept. */
    @Test
    void whatIsKeptIsNotToldAsTaken() throws Exception {
        try (var pod = new Pod();
                var served = Served.start();
                var client = SpdyClient.open(served.url(pod::open), "portforward.k8s.io")) {
            int deaf = forward(client, DEAF);
            int echo = forward(client, ECHO);
            for (int i = 0; i < 40; i++) {
                client.send(deaf, PIECE, false);
            }
            client.send(echo, "x".repeat(60_000));
            client.untilCredit(echo, Inbox.ROOM_BYTES / 2);
            assertThat(client.credit(deaf))
                    .as("told of a stream of which the pod takes next to nothing")
                    .isLessThan(10 * PIECE.length);
        }
    }
}
