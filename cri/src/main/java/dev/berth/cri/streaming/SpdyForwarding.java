package dev.berth.cri.streaming;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Port-forwarding over SPDY: for each connection the client opens two streams, one for data and one for errors, that belong
 * together by their request id.
 */
final class SpdyForwarding {
    private static final Logger LOG = LoggerFactory.getLogger(SpdyForwarding.class);

    /** How long the second stream of a pair may take. */
    private static final Duration OPENING = Duration.ofSeconds(30);

    private static final int MOST_PAIRS = 256;
    private static final int HIGHEST_PORT = 65535;
    private static final Pattern PORT = Pattern.compile("[0-9]{1,5}");

    private final Session.Forwarding session;
    private final SpdyConnection spdy;
    private final ExecutorService threads;
    private final Map<String, Pair> pairs = new ConcurrentHashMap<>();

    SpdyForwarding(Session.Forwarding session, SpdyConnection spdy, ExecutorService threads) {
        this.session = session;
        this.spdy = spdy;
        this.threads = threads;
    }

    /** The two streams of one connection. */
    private static final class Pair {
        private final CountDownLatch whole = new CountDownLatch(2);
        private volatile @Nullable SpdyStream data;
        private volatile @Nullable SpdyStream error;

        /** False if there is one already. */
        synchronized boolean add(SpdyStream stream, boolean isData) {
            if ((isData ? data : error) != null) {
                return false;
            }
            if (isData) {
                data = stream;
            } else {
                error = stream;
            }
            whole.countDown();
            return true;
        }
    }

    /** Reads the connection until the client has closed it; all that it forwards ends then. */
    void serve() throws IOException {
        spdy.serve(this::arrived);
    }

    private void arrived(SpdyStream stream) throws IOException {
        String type = stream.header("streamtype");
        boolean isData = type.equals("data");
        int port = port(stream.header("port"));
        if (port == 0 || (!isData && !type.equals("error"))) {
            LOG.debug("a stream of type \"{}\" for port \"{}\" is refused", type, stream.header("port"));
            stream.reset(SpdyConnection.PROTOCOL_ERROR);
            return;
        }
        String request = request(stream, isData);
        if (pairs.size() >= MOST_PAIRS) { // streams that were opened and given up at once count too
            stream.reset(SpdyConnection.REFUSED);
            return;
        }
        var fresh = new Pair();
        Pair known = pairs.putIfAbsent(request, fresh);
        Pair pair = known == null ? fresh : known;
        if (!pair.add(stream, isData)) {
            stream.reset(SpdyConnection.PROTOCOL_ERROR);
            return;
        }
        stream.accept();
        if (known == null) {
            threads.execute(() -> run(request, pair, port));
        }
    }

    private static int port(String text) {
        int port = PORT.matcher(text).matches() ? Integer.parseInt(text) : 0;
        return port <= HIGHEST_PORT ? port : 0;
    }

    /** The first clients sent no id: they opened the stream for errors, and the one for data right after it. */
    private static String request(SpdyStream stream, boolean isData) {
        String id = stream.header("requestid");
        return id.isEmpty() ? "stream " + (isData ? stream.id() - 2 : stream.id()) : id;
    }

    private void run(String request, Pair pair, int port) {
        try {
            boolean _ = pair.whole.await(OPENING.toMillis(), TimeUnit.MILLISECONDS);
            SpdyStream data = pair.data;
            SpdyStream error = pair.error;
            if (data != null && error != null) {
                new PortForward(port, data.in(), data.out(), error.out()).run(session.opener(), threads);
            } else if (error != null) {
                error.out().write("the stream for data did not come".getBytes(StandardCharsets.UTF_8));
                error.out().close();
            }
        } catch (IOException e) {
            LOG.debug("port {}: the client is gone", port, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            pairs.remove(request);
            forget(pair.data);
            forget(pair.error);
        }
    }

    private void forget(@Nullable SpdyStream stream) {
        if (stream != null) {
            stream.in().close();
            spdy.forget(stream);
        }
    }
}
