package dev.berth.cri;

import dev.berth.cri.streaming.PortOpener;
import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.StandardProtocolFamily;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Connections to what listens on a pod's loopback, by IPv4 or else by IPv6. A socket belongs to the network namespace in
 * which it was made, so only its making happens there, on a thread for the purpose.
 *
 * @param pod for messages
 * @param namespace path of the pod's network namespace; null for the host's
 */
record PodPorts(String pod, @Nullable String namespace) implements PortOpener {
    /** On a loopback this is only used up if a firewall swallows what is sent. */
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private static final byte[] LOCALHOST_4 = {127, 0, 0, 1};
    private static final byte[] LOCALHOST_6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

    @Override
    public SocketChannel open(int port) throws IOException, InterruptedException {
        try {
            return connect(StandardProtocolFamily.INET, LOCALHOST_4, port);
        } catch (IOException v4) {
            try {
                return connect(StandardProtocolFamily.INET6, LOCALHOST_6, port);
            } catch (IOException | UnsupportedOperationException v6) {
                throw new IOException(
                        "nothing can be reached at port " + port + " of localhost in pod " + pod + " (IPv4: "
                                + v4.getMessage() + ", IPv6: " + v6.getMessage() + ")",
                        v4);
            }
        }
    }

    private SocketChannel connect(ProtocolFamily family, byte[] address, int port)
            throws IOException, InterruptedException {
        SocketChannel socket = make(family);
        try {
            socket.socket()
                    .connect(new InetSocketAddress(InetAddress.getByAddress(address), port), (int) LIMIT.toMillis());
            return socket;
        } catch (IOException | RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    private SocketChannel make(ProtocolFamily family) throws IOException, InterruptedException {
        if (namespace == null) {
            return SocketChannel.open(family);
        }
        try (Fd network = Namespaces.open(Path.of(namespace))) {
            return Namespaces.enter(List.of(network), () -> SocketChannel.open(family));
        }
    }
}
