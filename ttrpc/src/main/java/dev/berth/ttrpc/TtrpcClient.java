package dev.berth.ttrpc;

import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.TtrpcStatus.Code;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The calling end of one connection. Any number of threads may call at once; each waits for its own answer.
 *
 * <p>When the peer closes, sends garbage or {@link #close()} is called, every waiting call fails with UNAVAILABLE and so does
 * every later one: a client does not reconnect, its owner does.
 */
public final class TtrpcClient implements AutoCloseable {
    /** A timeout for calls that may take as long as they like, such as waiting for a process to exit. */
    public static final Duration FOREVER = Duration.ofSeconds(Long.MAX_VALUE);

    private final Path socket;
    private final Ticker ticker;
    private final SocketChannel channel;
    private final Outbox outbox;
    private final ConcurrentHashMap<Integer, Pending> pending = new ConcurrentHashMap<>();
    private final ReentrantLock ids = new ReentrantLock();
    private final AtomicReference<@Nullable TtrpcStatus> end = new AtomicReference<>();
    private final CountDownLatch threads = new CountDownLatch(2);
    private int nextId = 1;

    /**
     * @param isEnd an OK response with nothing in it is the end of the stream and not an empty message
     */
    private record Pending(Inbox inbox, boolean isEnd) {}

    private TtrpcClient(Path socket, SocketChannel channel, Ticker ticker) {
        this.socket = socket;
        this.channel = channel;
        this.ticker = ticker;
        this.outbox = new Outbox(channel);
    }

    /**
     * Connects to a server.
     *
     * @throws IOException if nothing listens there
     */
    public static TtrpcClient connect(Path socket, Ticker ticker) throws IOException {
        SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        var client = new TtrpcClient(socket, channel, ticker);
        Thread.ofVirtual().name("ttrpc read " + socket).start(client::read);
        Thread.ofVirtual().name("ttrpc write " + socket).start(client::write);
        return client;
    }

    /**
     * Makes a call with one request and one response.
     *
     * @param timeout how long the caller waits; the server is told too
     * @return the response's payload
     * @throws TtrpcStatus what the server answered; DEADLINE_EXCEEDED if it did not in time; UNAVAILABLE if the connection is
     *     gone; CANCELLED if the calling thread was interrupted (its flag is set again); RESOURCE_EXHAUSTED if the request
     *     or the response is above 4 MiB
     */
    public byte[] call(
            String service, String method, byte[] payload, Duration timeout, Map<String, List<String>> metadata) {
        long start = ticker.nanos();
        long limit = nanos(timeout);
        var request = new Envelope.Request(service, method, payload, wireNanos(limit), metadata);
        var inbox = new Inbox();
        int id = send(request.encode(), 0, new Pending(inbox, false), limit);
        try {
            byte[] response = inbox.take(left(limit, start));
            if (response == null) {
                throw new TtrpcStatus(Code.INTERNAL, "the server of " + service + "/" + method + " answered nothing");
            }
            return response;
        } finally {
            pending.remove(id);
        }
    }

    /**
     * Opens a stream on which only the server sends after this one request. ttrpc knows no way to tell the server that its
     * messages are no longer wanted, except closing the connection.
     */
    public ClientStream serverStream(
            String service, String method, byte[] payload, Duration timeout, Map<String, List<String>> metadata) {
        return open(
                new Envelope.Request(service, method, payload, wireNanos(nanos(timeout)), metadata), timeout, false);
    }

    /** Opens a stream on which the client sends; the server answers with one message at the end or with a stream. */
    public ClientStream stream(String service, String method, Duration timeout, Map<String, List<String>> metadata) {
        var request = new Envelope.Request(service, method, Envelope.NOTHING, wireNanos(nanos(timeout)), metadata);
        return open(request, timeout, true);
    }

    /** True until the connection is lost or closed. */
    public boolean isOpen() {
        return end.get() == null;
    }

    /** Waits until the connection is lost or closed; false if that did not happen in time. */
    public boolean awaitClosed(Duration timeout) throws InterruptedException {
        return threads.await(nanos(timeout), TimeUnit.NANOSECONDS);
    }

    /** Where the server listens. */
    public Path socket() {
        return socket;
    }

    /** Closes the connection; every waiting call fails with UNAVAILABLE. Calling it again does nothing. */
    @Override
    public void close() {
        fail("the connection was closed by its owner");
        boolean interrupted = Thread.interrupted();
        try {
            threads.await();
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    void send(int id, byte[] message, boolean last, long nanos) {
        int flags = last ? Frame.REMOTE_CLOSED | Frame.NO_DATA : 0;
        reserve(message, nanos);
        outbox.add(Frame.encode(id, Frame.DATA, flags, message));
    }

    void forget(int id) {
        pending.remove(id);
    }

    private ClientStream open(Envelope.Request request, Duration timeout, boolean sends) {
        long start = ticker.nanos();
        long limit = nanos(timeout);
        var inbox = new Inbox();
        byte flags = sends ? Frame.REMOTE_OPEN : Frame.REMOTE_CLOSED;
        int id = send(request.encode(), flags, new Pending(inbox, !sends), limit);
        return new ClientStream(this, id, inbox, () -> left(limit, start), sends);
    }

    /** Sends a request under the next id. Ids must reach the server in order, so choosing and queueing are one step. */
    private int send(byte[] data, int flags, Pending call, long nanos) {
        reserve(data, nanos);
        ids.lock();
        try {
            int id = nextId;
            if (id == -1) { // the last odd number in 32 bits
                fail("all call numbers of the connection are used up");
            }
            nextId += 2;
            pending.put(id, call);
            TtrpcStatus lost = end.get();
            if (lost != null) {
                pending.remove(id);
                throw new TtrpcStatus(lost.code(), lost.reason());
            }
            outbox.add(Frame.encode(id, Frame.REQUEST, flags, data));
            return id;
        } finally {
            ids.unlock();
        }
    }

    private void reserve(byte[] data, long nanos) {
        if (data.length > Frame.MAX_DATA) {
            throw new TtrpcStatus(
                    Code.RESOURCE_EXHAUSTED,
                    "a message of " + data.length + " bytes is above the limit of " + Frame.MAX_DATA);
        }
        try {
            if (nanos <= 0 || !outbox.reserve(Frame.HEADER + data.length, nanos)) {
                throw new TtrpcStatus(Code.DEADLINE_EXCEEDED, "the server did not take the request in time");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TtrpcStatus(Code.CANCELLED, "the caller was interrupted");
        }
        TtrpcStatus lost = end.get();
        if (lost != null) {
            throw new TtrpcStatus(lost.code(), lost.reason());
        }
    }

    private void read() {
        String why = "the server closed the connection";
        try {
            var input = new FrameReader(channel);
            for (Frame frame = input.read(); frame != null; frame = input.read()) {
                deliver(frame);
            }
        } catch (IOException e) {
            why = "the connection was lost: " + e;
        } finally {
            fail(why);
            threads.countDown();
        }
    }

    private void write() {
        String why = "the connection was closed";
        try {
            outbox.run();
        } catch (IOException e) {
            why = "the connection was lost: " + e;
        } finally {
            fail(why);
            threads.countDown();
        }
    }

    private void deliver(Frame frame) {
        Pending call = pending.get(frame.stream());
        if (call == null) {
            return; // its caller has given up
        }
        Inbox inbox = call.inbox();
        if (frame.tooLong()) {
            inbox.end(new TtrpcStatus(Code.RESOURCE_EXHAUSTED, "the response is above " + Frame.MAX_DATA + " bytes"));
            return;
        }
        switch (frame.type()) {
            case Frame.RESPONSE -> respond(call, frame.data());
            case Frame.DATA -> {
                if (!frame.has(Frame.NO_DATA)) {
                    inbox.add(frame.data());
                }
                if (frame.has(Frame.REMOTE_CLOSED)) {
                    inbox.end(null);
                }
            }
            default -> {} // from a newer peer
        }
    }

    private static void respond(Pending call, byte[] data) {
        try {
            var response = Envelope.Response.decode(data);
            if (response.failure() == null && (response.payload().length > 0 || !call.isEnd())) {
                call.inbox().add(response.payload());
            }
            call.inbox().end(response.failure());
        } catch (Wire.Malformed e) {
            call.inbox().end(new TtrpcStatus(Code.INTERNAL, "the response is not a ttrpc message: " + e.getMessage()));
        }
    }

    private void fail(String why) {
        var status = new TtrpcStatus(Code.UNAVAILABLE, socket + ": " + why);
        if (!end.compareAndSet(null, status)) {
            return;
        }
        outbox.close();
        try {
            channel.close();
        } catch (IOException e) {
            status.addSuppressed(e); // there is nothing more to be done with this descriptor
        }
        pending.values().forEach(call -> call.inbox().end(status));
    }

    private long left(long limit, long start) {
        return limit == Long.MAX_VALUE ? limit : limit - (ticker.nanos() - start);
    }

    private static long wireNanos(long nanos) {
        return nanos == Long.MAX_VALUE ? 0 : nanos;
    }

    /** Saturates where {@link Duration#toNanos()} would overflow. */
    static long nanos(Duration time) {
        return TimeUnit.NANOSECONDS.convert(time);
    }
}
