package dev.berth.cri.streaming;

import dev.berth.kernel.Ticker;
import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A client's connection, which is closed when nothing has moved on it for its limit. */
final class Connection implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Connection.class);
    private static final int BUFFER_BYTES = 8 << 10;
    private static final int MOST_IGNORED_BYTES = 1 << 20;

    /** The limit grows when a session begins, and may then be shorter than what the watch was told before. */
    private static final Duration LOOK_AT_LEAST = Duration.ofSeconds(10);

    private final Socket socket;
    private final Socket secret;
    private final Ticker ticker;
    private final InputStream in;
    private final OutputStream out;
    private final OutputStream quiet;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread watch;
    private volatile Duration limit;
    private volatile long lastMove;
    private volatile boolean moving;

    /**
     * Takes over a socket.
     *
     * @param secret the same with TLS around it; the socket itself without
     * @param limit for the whole of what comes before {@link #upgraded}
     */
    Connection(Socket socket, Socket secret, Ticker ticker, Duration limit) throws IOException {
        this.socket = socket;
        this.secret = secret;
        this.ticker = ticker;
        this.limit = limit;
        this.lastMove = ticker.nanos();
        socket.setTcpNoDelay(true);
        this.in = new Watched(new BufferedInputStream(secret.getInputStream(), BUFFER_BYTES));
        this.quiet = secret.getOutputStream();
        this.out = new Telling(quiet);
        this.watch = Thread.ofVirtual().name("idle watch").start(this::watch);
    }

    InputStream in() {
        return in;
    }

    OutputStream out() {
        return out;
    }

    /** Leads to the client too, for what is no move: a connection on which nothing else is sent still ends at its limit. */
    OutputStream quiet() {
        return quiet;
    }

    /** From now on the limit is for the time between two moves. */
    void upgraded(Duration idle) {
        limit = idle;
        moving = true;
        touch();
    }

    private void touch() {
        if (moving) {
            lastMove = ticker.nanos();
        }
    }

    private void watch() {
        try {
            Duration left = limit;
            while (left.isPositive()) {
                ticker.sleep(left.compareTo(LOOK_AT_LEAST) > 0 ? LOOK_AT_LEAST : left);
                left = limit.minus(ticker.since(lastMove));
            }
            LOG.debug("{}: nothing has moved for {}", socket.getRemoteSocketAddress(), limit);
            close();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // closed
        }
    }

    /** Tells that nobody reads any more; see {@link #awaitEnd}. */
    void readerEnded() {
        ended.countDown();
    }

    /** Waits until nobody reads any more: the client is gone. */
    void awaitReaderEnd() throws InterruptedException {
        ended.await();
    }

    /** Gives the client time to take what was sent and to close: closing first would take it out of its hands. */
    void awaitEnd(Duration most) throws InterruptedException {
        boolean _ = ended.await(most.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Says that no more will come and waits until the client has closed, so that it can read what was said. */
    void finish() throws IOException {
        secret.shutdownOutput();
        byte[] ignored = new byte[1024];
        int left = MOST_IGNORED_BYTES;
        for (int n = 0; n >= 0 && left > 0; n = in.read(ignored)) {
            left -= n;
        }
    }

    /** At once: TLS would first wait for a writer that waits for the client. */
    @Override
    public void close() {
        watch.interrupt();
        try {
            socket.close();
        } catch (IOException e) {
            LOG.debug("a connection that is closed anyway", e);
        }
        ended.countDown(); // whoever reads may be waiting for a stream, and not see it
    }

    private final class Watched extends FilterInputStream {
        Watched(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            touch();
            return b;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int n = super.read(bytes, offset, length);
            touch();
            return n;
        }
    }

    private final class Telling extends FilterOutputStream {
        Telling(OutputStream out) {
            super(out);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            out.write(bytes, offset, length);
            touch();
        }
    }
}
