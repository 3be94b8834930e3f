package dev.berth.cri.streaming;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** Gives out URLs for sessions and serves them. It listens from the first URL on. Thread-safe. */
public final class StreamingServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StreamingServer.class);
    private static final int MOST_CONNECTIONS = 500;
    private static final int MOST_STRANGERS = 64;
    private static final int BACKLOG = 128;
    private static final Duration HEAD_LIMIT = Duration.ofSeconds(10);
    private static final Duration LAST_WORDS = Duration.ofSeconds(5);
    private static final Duration AFTER_FAILURE = Duration.ofMillis(100);

    private volatile StreamingConfig config;
    private final Ticker ticker;
    private final Tickets tickets;
    private final Sessions sessions;
    private final ExecutorService threads = Executors.newThreadPerTaskExecutor(
            Thread.ofVirtual().name("stream ", 0).factory());
    private final Set<Connection> connections = ConcurrentHashMap.newKeySet();

    /** Those that have not shown a ticket yet, oldest first; anybody on the node can be one. */
    private final Set<Connection> strangers = new LinkedHashSet<>();

    private @Nullable ServerSocket listener;
    private volatile @Nullable SSLSocketFactory tls;
    private volatile boolean closed;

    private StreamingServer(StreamingConfig config, Ticker ticker) {
        this.config = config;
        this.ticker = ticker;
        this.tickets = new Tickets(ticker);
        this.sessions = new Sessions(threads, () -> this.config.idle());
    }

    /** A server that does not listen yet. */
    public static StreamingServer of(StreamingConfig config, Ticker ticker) {
        return new StreamingServer(config, ticker);
    }

    /**
     * Has sessions that begin from now on use another certificate, which is read now also if it has the same name, and another limit of
     * idleness. Where it listens stays.
     *
     * @throws Fault INVALID_ARGUMENT if the certificate cannot be used; then nothing has changed
     */
    public synchronized void renew(StreamingConfig other) {
        StreamingConfig.Tls files = other.tls();
        try {
            SSLSocketFactory factory =
                    files == null ? null : PemFiles.context(files).getSocketFactory();
            tls = factory;
            config = new StreamingConfig(config.address(), config.port(), files, other.idle());
        } catch (IOException e) {
            throw Fault.invalid(
                            "config, settings streaming.tls_certificate and streaming.tls_key",
                            String.valueOf(e.getMessage()),
                            "Correct the files")
                    .causedBy(e);
        }
    }

    /**
     * A URL at which a client can have a session once, within a minute.
     *
     * @throws Fault UNAVAILABLE if the server cannot listen; RESOURCE_EXHAUSTED if too many URLs wait to be used
     */
    public String url(Session session) {
        ServerSocket listening = listen();
        InetAddress address = config.address().isAnyLocalAddress() ? loopback() : config.address();
        String host = address instanceof Inet6Address
                ? "[" + address.getHostAddress().replaceFirst("%.*", "") + "]"
                : address.getHostAddress();
        String kind = switch (session) {
            case Session.Command command -> command.kind();
            case Session.Forwarding _ -> "portforward";
        };
        return (config.tls() == null ? "http" : "https") + "://" + host + ":" + listening.getLocalPort() + "/" + kind
                + "/" + tickets.issue(session);
    }

    private InetAddress loopback() {
        return InetAddress.getLoopbackAddress(); // whoever asked is on this node, or knows its name better
    }

    private synchronized ServerSocket listen() {
        if (closed) {
            throw Fault.unavailable("open a stream", "the daemon is going down", "Try again later");
        }
        ServerSocket known = listener;
        if (known != null) {
            return known;
        }
        try {
            StreamingConfig.Tls files = config.tls();
            tls = files == null ? null : PemFiles.context(files).getSocketFactory();
            var fresh = new ServerSocket();
            fresh.bind(new InetSocketAddress(config.address(), config.port()), BACKLOG);
            listener = fresh;
            Thread.ofVirtual().name("streaming accept").start(() -> accept(fresh));
            LOG.info("streams are served at {}", fresh.getLocalSocketAddress());
            return fresh;
        } catch (IOException e) {
            throw Fault.unavailable(
                            "serve streams at " + config.address().getHostAddress() + " port " + config.port(),
                            String.valueOf(e.getMessage()),
                            "Set another [streaming] address or port")
                    .causedBy(e);
        }
    }

    private void accept(ServerSocket listening) {
        while (!closed) {
            try {
                take(listening.accept());
            } catch (IOException e) {
                if (!closed) {
                    LOG.warn("a streaming client could not be taken: {}", e.getMessage());
                    rest();
                }
            }
        }
    }

    /** Out of descriptors, most likely: trying again at once would not help. */
    private void rest() {
        try {
            ticker.sleep(AFTER_FAILURE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void take(Socket socket) throws IOException {
        if (connections.size() >= MOST_CONNECTIONS) {
            LOG.warn("a streaming client was turned away: too many are connected");
            socket.close();
            return;
        }
        Connection connection = null;
        try {
            var fresh = new Connection(socket, guarded(socket), ticker, HEAD_LIMIT);
            connection = fresh;
            connections.add(fresh);
            welcome(fresh);
            threads.execute(() -> serve(fresh));
        } catch (IOException | RejectedExecutionException e) {
            LOG.debug("a streaming client is gone already, or we are", e);
            socket.close();
            if (connection != null) {
                end(connection);
            }
        }
    }

    /** Who means to have a session shows his ticket at once; who waits longest makes room. */
    private void welcome(Connection stranger) {
        synchronized (strangers) {
            strangers.add(stranger);
            if (strangers.size() > MOST_STRANGERS) {
                Iterator<Connection> oldest = strangers.iterator();
                oldest.next().close();
                oldest.remove();
            }
        }
    }

    private void noStranger(Connection connection) {
        synchronized (strangers) {
            strangers.remove(connection);
        }
    }

    private Socket guarded(Socket socket) throws IOException {
        SSLSocketFactory factory = tls;
        if (factory == null) {
            return socket;
        }
        var guarded = (SSLSocket) factory.createSocket(socket, null, socket.getPort(), true);
        guarded.setUseClientMode(false);
        return guarded;
    }

    private void serve(Connection connection) {
        try {
            serveOrRefuse(connection);
        } catch (IOException e) {
            LOG.debug("a stream ended early: {}", e.getMessage());
        } catch (RuntimeException e) {
            LOG.error("a stream failed", e);
        } finally {
            connection.readerEnded();
            end(connection);
        }
    }

    private void serveOrRefuse(Connection connection) throws IOException {
        try {
            HttpRequest request;
            Session session;
            try {
                request = HttpRequest.read(connection.in());
                session = find(request);
            } finally {
                noStranger(connection);
            }
            sessions.serve(connection, request, session);
        } catch (HttpRefusal refusal) {
            LOG.debug("refused: {}", refusal.getMessage());
            HttpAnswer.refuse(connection.out(), refusal);
            connection.finish();
        }
    }

    private Session find(HttpRequest request) throws HttpRefusal {
        if (!request.method().equals("GET") && !request.method().equals("POST")) {
            throw HttpRefusal.badRequest("a session begins with GET or POST");
        }
        String[] parts = request.path().split("/", -1);
        Optional<Tickets.Admission> found = parts.length == 3 ? tickets.redeem(parts[2]) : Optional.empty();
        Tickets.Admission admission = found.orElseThrow(HttpRefusal::notFound);
        MDC.setContextMap(admission.scope()); // of this thread and of those that it starts
        return admission.session();
    }

    /** Whether nobody is connected. */
    boolean isIdle() {
        return connections.isEmpty();
    }

    private void end(Connection connection) {
        connection.close();
        noStranger(connection);
        connections.remove(connection);
    }

    /** Ends all sessions. What runs in containers by an exec of ours ends too; what was attached to runs on. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            if (listener != null) {
                try {
                    listener.close();
                } catch (IOException e) {
                    LOG.debug("the listener is closed anyway", e);
                }
            }
        }
        connections.forEach(Connection::close);
        threads.shutdownNow();
        try {
            if (!threads.awaitTermination(LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.warn("some streams are still ending");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
