package dev.berth.cri.streaming;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An exec or attach over SPDY: the client opens a stream for each thing; when all are there the command runs. */
final class SpdyCommand {
    private static final Logger LOG = LoggerFactory.getLogger(SpdyCommand.class);

    /** How long a client may take to open its streams. */
    private static final Duration OPENING = Duration.ofSeconds(30);

    private static final String ERROR = "error";
    private static final String STDIN = "stdin";
    private static final String STDOUT = "stdout";
    private static final String STDERR = "stderr";
    private static final String RESIZE = "resize";

    private final Session.Command session;
    private final String protocol;
    private final SpdyConnection spdy;
    private final Connection connection;
    private final ExecutorService threads;
    private final Map<String, @Nullable SpdyStream> wanted = new HashMap<>();
    private final CountDownLatch missing;

    SpdyCommand(
            Session.Command session,
            String protocol,
            SpdyConnection spdy,
            Connection connection,
            ExecutorService threads) {
        this.session = session;
        this.protocol = protocol;
        this.spdy = spdy;
        this.connection = connection;
        this.threads = threads;
        Session.Wanted streams = session.wanted();
        want(ERROR, true);
        want(STDIN, streams.stdin());
        want(STDOUT, streams.stdout());
        want(STDERR, streams.stderr());
        want(RESIZE, streams.terminal() && Protocols.resizes(protocol));
        this.missing = new CountDownLatch(wanted.size());
    }

    private void want(String type, boolean really) {
        if (really) {
            wanted.put(type, null);
        }
    }

    /** Reads the connection until the client has closed it. */
    void serve() throws IOException {
        threads.execute(() -> CommandRun.talk(session, connection, this::dropInput, this::talk));
        try {
            spdy.serve(this::arrived);
        } finally {
            while (missing.getCount() > 0) { // none will come any more
                missing.countDown();
            }
        }
    }

    private void arrived(SpdyStream stream) throws IOException {
        String type = stream.header("streamtype");
        boolean first;
        synchronized (wanted) {
            first = wanted.containsKey(type) && wanted.get(type) == null;
            if (first) {
                wanted.put(type, stream);
            }
        }
        if (first) {
            stream.accept();
            missing.countDown();
        } else {
            LOG.debug("a stream of type \"{}\" is not wanted", type);
            stream.reset(SpdyConnection.REFUSED);
        }
    }

    private void talk() throws IOException, InterruptedException {
        if (!missing.await(OPENING.toMillis(), TimeUnit.MILLISECONDS) || !hasAll()) {
            LOG.info("{}: the client did not open its streams", session.kind());
            return;
        }
        sayGoodbye(CommandRun.run(session, streams()));
    }

    private boolean hasAll() {
        synchronized (wanted) {
            return !wanted.containsValue(null);
        }
    }

    private void dropInput() {
        synchronized (wanted) {
            for (SpdyStream stream : wanted.values()) {
                if (stream != null) {
                    stream.in().close();
                }
            }
        }
    }

    private ClientStreams streams() {
        SpdyStream stdin = stream(STDIN);
        SpdyStream resize = stream(RESIZE);
        return new ClientStreams(
                stdin == null ? null : stdin.in(),
                out(STDOUT),
                out(STDERR),
                resize == null ? null : new TerminalSizes(resize.in()),
                connection::awaitReaderEnd);
    }

    private @Nullable OutputStream out(String type) {
        SpdyStream stream = stream(type);
        return stream == null ? null : stream.out();
    }

    private @Nullable SpdyStream stream(String type) {
        synchronized (wanted) {
            return wanted.get(type);
        }
    }

    private void sayGoodbye(Status status) throws IOException, InterruptedException {
        dropInput();
        for (String type : new String[] {STDIN, RESIZE, STDOUT, STDERR}) {
            SpdyStream stream = stream(type);
            if (stream != null) {
                stream.out().close();
            }
        }
        SpdyStream error = stream(ERROR);
        if (error != null) {
            byte[] words = status.bytes(Protocols.structuredStatus(protocol));
            if (words.length > 0) {
                error.out().write(words);
            }
            error.out().close();
        }
        spdy.goAway();
        connection.awaitEnd(CommandRun.CLOSING);
    }
}
