package dev.berth.cri.streaming;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Port-forwarding over a WebSocket's channels, two for each port that was asked for: one connection each, and then the end. */
final class SocketForwarding {
    private static final Logger LOG = LoggerFactory.getLogger(SocketForwarding.class);

    /** How long a client may take to close when all is said. */
    private static final Duration CLOSING = Duration.ofSeconds(10);

    private final Session.Forwarding session;
    private final WebSocket socket;
    private final SocketChannels channels;
    private final Connection connection;
    private final ExecutorService threads;

    SocketForwarding(
            Session.Forwarding session,
            SocketChannels.Setting setting,
            Connection connection,
            ExecutorService threads) {
        this.session = session;
        this.socket = setting.socket();
        this.connection = connection;
        this.threads = threads;
        this.channels = new SocketChannels(setting, 2 * session.ports().size());
    }

    /** Reads the connection until the client has closed it. */
    void serve() throws IOException {
        List<Integer> ports = session.ports();
        List<PortForward> forwards = new ArrayList<>();
        for (int i = 0; i < ports.size(); i++) {
            int port = ports.get(i);
            OutputStream data = channels.out(2 * i);
            OutputStream error = channels.out(2 * i + 1);
            byte[] number = {(byte) port, (byte) (port >> 8)};
            data.write(number);
            error.write(number);
            channels.in(2 * i + 1).close();
            forwards.add(new PortForward(port, channels.in(2 * i), data, error));
        }
        var running = new CountDownLatch(ports.size()); // from here on nothing fails before somebody reads
        forwards.forEach(forward -> threads.execute(() -> run(forward, running)));
        threads.execute(() -> closeAfter(running));
        channels.serve();
    }

    private void run(PortForward forward, CountDownLatch running) {
        try {
            forward.run(session.opener(), threads);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            running.countDown();
        }
    }

    private void closeAfter(CountDownLatch running) {
        try {
            running.await();
            socket.close(WebSocket.NORMAL);
            connection.awaitEnd(CLOSING);
        } catch (IOException e) {
            LOG.debug("the client went before it was told the end", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            connection.close();
        }
    }
}
