package dev.berth.network;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Namespaces.Kind;
import dev.berth.linux.Platform;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.linux.netlink.Route;
import dev.berth.linux.netlink.Rtnetlink;
import dev.berth.linux.netlink.Sysctl;
import dev.berth.linux.netlink.Veth;
import java.io.Closeable;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A node of our own: a network namespace with an uplink to another one, the outside. Whatever a test does in it, the host
 * sees only the mounts of the pods' namespaces, which {@link #close} removes. New threads belong to the node when a thread
 * of the node starts them.
 */
public final class TestNode implements AutoCloseable {
    public static final InetAddress NODE = InetAddress.ofLiteral("10.207.1.1");
    public static final InetAddress OUTSIDE = InetAddress.ofLiteral("10.207.1.2");
    public static final InetAddress NODE6 = InetAddress.ofLiteral("fd00:207::1");
    public static final InetAddress OUTSIDE6 = InetAddress.ofLiteral("fd00:207::2");

    private static final int LIMIT_MILLIS = 10_000;
    private static final int UDP_ATTEMPTS = 10;

    private final NetworkNamespaces namespaces;
    private final Fd outside;
    private final List<String> pods = new ArrayList<>();
    private final List<Closeable> servers = new ArrayList<>();

    private TestNode(NetworkNamespaces namespaces, Fd outside) {
        this.namespaces = namespaces;
        this.outside = outside;
    }

    /** What a test does. */
    public interface Body {
        void run(TestNode node) throws Exception;
    }

    public static void run(Path temp, Body body) throws Exception {
        Platform.<Boolean, Exception>thread(
                "test",
                () -> Namespaces.inNew(Set.of(Kind.NET), () -> {
                    Fd outside = Namespaces.inNew(Set.of(Kind.NET), () -> Namespaces.openSelf(Kind.NET));
                    try (TestNode node =
                            new TestNode(NetworkNamespaces.open(temp.resolve("netns"), 0, Ticker.system()), outside)) {
                        node.uplink();
                        body.run(node);
                    } catch (IOException | RuntimeException e) {
                        throw e;
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                    return true;
                }));
    }

    private void uplink() throws IOException, InterruptedException {
        Sysctl.write("net/ipv4/ip_forward", "0"); // a new namespace inherits it from the host
        try (Rtnetlink net = Rtnetlink.open()) {
            net.setUp(net.link("lo").index(), true);
            net.createVeth(new Veth("up0", 0, "up1", "", 1400, outside.number()));
            int link = net.link("up0").index();
            Namespaces.enter(List.of(outside), () -> {
                try (Rtnetlink far = Rtnetlink.open()) {
                    int end = far.link("up1").index();
                    far.addAddress(end, new IpPrefix(OUTSIDE, 24));
                    far.addAddress(end, new IpPrefix(OUTSIDE6, 64));
                    far.setUp(end, true);
                }
                return 0;
            });
            net.addAddress(link, new IpPrefix(NODE, 24));
            net.addAddress(link, new IpPrefix(NODE6, 64));
            net.addRoute(new Route(IpPrefix.parse("0.0.0.0/0"), OUTSIDE, link));
            net.addRoute(new Route(IpPrefix.parse("::/0"), OUTSIDE6, link));
        }
    }

    /** A pinned namespace for a pod. */
    public Path pod(String id) throws InterruptedException {
        pods.add(id);
        return namespaces.create(id, Map.of());
    }

    public NetworkNamespaces namespaces() {
        return namespaces;
    }

    /** Runs something in a pod's namespace. */
    public <T> T in(Path pod, Platform.Call<T, IOException> work) throws IOException, InterruptedException {
        try (Fd namespace = Namespaces.open(pod)) {
            return Namespaces.enter(List.of(namespace), work);
        }
    }

    public <T> T outside(Platform.Call<T, IOException> work) throws IOException, InterruptedException {
        return Namespaces.enter(List.of(outside), work);
    }

    /** Answers every TCP connection and every UDP packet at a port, in the calling thread's namespace, with who asked. */
    public int serve(int port) throws IOException {
        ServerSocket tcp = new ServerSocket(port);
        DatagramSocket udp = new DatagramSocket(port);
        servers.add(tcp);
        servers.add(udp);
        Thread.ofPlatform().daemon().start(() -> {
            while (true) {
                try (Socket socket = tcp.accept()) {
                    socket.getOutputStream().write(socket.getInetAddress().getAddress());
                } catch (IOException closed) {
                    return;
                }
            }
        });
        Thread.ofPlatform().daemon().start(() -> {
            while (true) {
                try {
                    var packet = new DatagramPacket(new byte[64], 64);
                    udp.receive(packet);
                    udp.send(new DatagramPacket(
                            packet.getAddress().getAddress(),
                            packet.getAddress().getAddress().length,
                            packet.getSocketAddress()));
                } catch (IOException closed) {
                    return;
                }
            }
        });
        return port;
    }

    /** Connects by TCP from the calling thread's namespace; the answer is whom the server saw. */
    public static InetAddress ask(InetAddress host, int port) throws IOException {
        try (var socket = new Socket()) {
            socket.connect(new InetSocketAddress(host, port), LIMIT_MILLIS);
            socket.setSoTimeout(LIMIT_MILLIS);
            return InetAddress.getByAddress(socket.getInputStream().readAllBytes());
        }
    }

    /** The same by UDP. */
    public static InetAddress askUdp(InetAddress host, int port) throws IOException {
        try (var socket = new DatagramSocket()) {
            socket.setSoTimeout(500);
            var answer = new DatagramPacket(new byte[64], 64);
            for (int i = 0; ; i++) {
                socket.send(new DatagramPacket(new byte[1], 1, host, port));
                try {
                    socket.receive(answer);
                    return InetAddress.getByAddress(java.util.Arrays.copyOf(answer.getData(), answer.getLength()));
                } catch (SocketTimeoutException e) {
                    if (i == UDP_ATTEMPTS) {
                        throw e;
                    }
                }
            }
        }
    }

    /** Whether a connected socket gets an answer, to one of so many packets. */
    public static boolean answered(DatagramSocket sender, int attempts) throws IOException {
        for (int i = 0; i < attempts; i++) {
            try {
                sender.send(new DatagramPacket(new byte[1], 1));
            } catch (PortUnreachableException e) {
                continue; // of an earlier one
            }
            if (received(sender)) {
                return true;
            }
        }
        return false;
    }

    /** Whether a packet comes before its time is over. */
    public static boolean received(DatagramSocket sender) throws IOException {
        try {
            sender.receive(new DatagramPacket(new byte[64], 64));
            return true;
        } catch (SocketTimeoutException | PortUnreachableException e) {
            return false;
        }
    }

    @Override
    public void close() throws IOException {
        for (Closeable server : servers) {
            server.close();
        }
        pods.forEach(namespaces::remove);
        namespaces.close();
        outside.close();
    }

    /** The packet filter of the namespace that the caller is in. */
    public static String ruleset() throws IOException, InterruptedException {
        Process process = new ProcessBuilder("nft", "list", "ruleset")
                .redirectErrorStream(true)
                .start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return text;
    }
}
