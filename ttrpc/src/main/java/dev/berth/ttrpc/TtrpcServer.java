package dev.berth.ttrpc;

import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.net.BindException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers calls on a Unix socket: one virtual thread for each connection and one for each running call. */
public final class TtrpcServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TtrpcServer.class);
    private static final Duration POLL = Duration.ofMillis(5);
    private static final Duration AFTER_ACCEPT_FAILED = Duration.ofMillis(50);

    private final Path socket;
    private final Object fileKey;
    private final ServerSocketChannel listener;
    private final Map<String, Service> services;
    private final Ticker ticker;
    private final Set<ServerConnection> connections = ConcurrentHashMap.newKeySet();

    private TtrpcServer(Path socket, ServerSocketChannel listener, Map<String, Service> services, Ticker ticker)
            throws IOException {
        this.socket = socket;
        this.listener = listener;
        this.services = services;
        this.ticker = ticker;
        this.fileKey = fileKey(socket);
    }

    /**
     * Listens on a socket that only the owner of this process may use (mode 0600). A socket left by a dead server is
     * replaced.
     *
     * @throws BindException if a server answers there already
     */
    public static TtrpcServer listen(Path socket, Ticker ticker, Service... services) throws IOException {
        if (answers(socket)) {
            throw new BindException(socket + ": a server answers there already");
        }
        Map<String, Service> byName =
                Arrays.stream(services).collect(Collectors.toUnmodifiableMap(Service::name, Function.identity()));
        var listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            bind(listener, socket);
            var server = new TtrpcServer(socket, listener, byName, ticker);
            Thread.ofVirtual().name("ttrpc accept " + socket).start(server::accept);
            return server;
        } catch (IOException | RuntimeException e) {
            listener.close();
            throw e;
        }
    }

    /** Where clients connect. */
    public Path socket() {
        return socket;
    }

    /** Accepts no more connections, waits until no call is running (at most the given time), then closes. */
    public void shutdown(Duration grace) throws InterruptedException {
        stopListening();
        long start = ticker.nanos();
        while (!connections.stream().allMatch(ServerConnection::isIdle)
                && ticker.since(start).compareTo(grace) < 0) {
            ticker.sleep(POLL);
        }
        close();
    }

    /** Stops at once: connections are closed and the threads of running calls interrupted. Calling it again does nothing. */
    @Override
    public void close() {
        stopListening();
        for (ServerConnection connection : connections) {
            connection.flush(Duration.ofSeconds(1));
            connection.close(true);
        }
    }

    private void stopListening() {
        try {
            listener.close();
            if (Files.exists(socket) && fileKey.equals(fileKey(socket))) { // not one of a server that came after us
                Files.delete(socket);
            }
        } catch (IOException e) {
            LOG.warn("closing {}", socket, e);
        }
    }

    private void accept() {
        while (listener.isOpen()) {
            try {
                SocketChannel channel = listener.accept();
                Thread.ofVirtual().name("ttrpc serve " + socket).start(() -> serve(channel));
            } catch (ClosedChannelException e) {
                return;
            } catch (IOException e) {
                LOG.error("{}: cannot accept a connection", socket, e); // too many open files, most likely
                pause();
            }
        }
    }

    private void pause() {
        try {
            ticker.sleep(AFTER_ACCEPT_FAILED);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void serve(SocketChannel channel) {
        var connection = new ServerConnection(channel, services, ticker);
        connections.add(connection);
        try {
            if (!listener.isOpen()) {
                connection.close(true);
            }
            connection.serve();
        } finally {
            connections.remove(connection);
        }
    }

    /** Binds in a directory that nobody else can enter, so that the socket never exists with a wider mode. */
    private static void bind(ServerSocketChannel listener, Path socket) throws IOException {
        Path parent = socket.toAbsolutePath().getParent();
        if (parent == null) {
            throw new BindException(socket + ": not the path of a file");
        }
        var onlyUs = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        Path hidden = Files.createTempDirectory(parent, ".s", onlyUs);
        Path made = hidden.resolve("s");
        try {
            listener.bind(UnixDomainSocketAddress.of(made));
            Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rw-------"));
            Files.move(made, socket, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(made);
            Files.deleteIfExists(hidden);
        }
    }

    private static boolean answers(Path socket) {
        try (var probe = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            return probe.isConnected();
        } catch (IOException nobodyThere) {
            return false;
        }
    }

    private static Object fileKey(Path socket) throws IOException {
        return Files.readAttributes(socket, BasicFileAttributes.class).fileKey();
    }
}
