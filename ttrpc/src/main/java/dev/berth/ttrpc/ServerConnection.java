package dev.berth.ttrpc;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.TtrpcStatus.Code;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The answering end of one connection. */
final class ServerConnection {
    private static final Logger LOG = LoggerFactory.getLogger(ServerConnection.class);
    private static final int MAX_CALLS = 16_384;

    /** A peer that takes nothing for so long is given up. */
    private static final Duration STALLED = Duration.ofSeconds(30);

    private final SocketChannel channel;
    private final Map<String, Service> services;
    private final Ticker ticker;
    private final Outbox outbox;
    private final ConcurrentHashMap<Integer, Running> running = new ConcurrentHashMap<>();
    private final AtomicBoolean closed = new AtomicBoolean();
    private int lastStream;

    /** A call that has no answer yet; {@code in} is null unless its client streams. */
    private static final class Running {
        final @Nullable Inbox in;
        volatile @Nullable Call call;

        Running(@Nullable Inbox in) {
            this.in = in;
        }
    }

    ServerConnection(SocketChannel channel, Map<String, Service> services, Ticker ticker) {
        this.channel = channel;
        this.services = services;
        this.ticker = ticker;
        this.outbox = new Outbox(channel);
    }

    /** Reads and answers until the peer goes or {@link #close} is called. */
    void serve() {
        Thread writer = Thread.ofVirtual().name("ttrpc answers").start(this::write);
        try {
            var input = new FrameReader(channel);
            for (Frame frame = input.read(); frame != null; frame = input.read()) {
                receive(frame);
            }
        } catch (IOException e) {
            if (!closed.get()) {
                LOG.debug("a ttrpc client was lost", e);
            }
        } finally {
            close(false);
        }
        try {
            writer.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits until what was answered is on its way. */
    void flush(Duration limit) {
        outbox.flush(limit);
    }

    boolean isIdle() {
        return running.isEmpty();
    }

    /** Ends the connection. Calls go on to their end, unless they asked for an interrupt or {@code interrupt} is set. */
    void close(boolean interrupt) {
        if (closed.compareAndSet(false, true)) {
            outbox.close();
            try {
                channel.close();
            } catch (IOException e) {
                LOG.debug("closing a ttrpc connection", e);
            }
        }
        for (Running call : running.values()) {
            gone(call, interrupt);
        }
    }

    private static void gone(Running running, boolean interrupt) {
        if (running.in != null) {
            running.in.end(new TtrpcStatus(Code.UNAVAILABLE, "the client is gone"));
        }
        Call call = running.call;
        if (call != null) {
            call.gone(interrupt);
        }
    }

    private void write() {
        try {
            outbox.run();
        } catch (IOException e) {
            LOG.debug("a ttrpc client was lost", e);
        } finally {
            close(false);
        }
    }

    private void receive(Frame frame) {
        int stream = frame.stream();
        if (frame.tooLong()) {
            refuse(stream, Code.RESOURCE_EXHAUSTED, "the message is above the limit of " + Frame.MAX_DATA + " bytes");
        } else if ((stream & 1) == 0) {
            refuse(stream, Code.INVALID_ARGUMENT, "the stream id of a client must be odd");
        } else {
            switch (frame.type()) {
                case Frame.REQUEST -> request(frame);
                case Frame.DATA -> data(frame);
                default -> {} // from a newer peer
            }
        }
    }

    private void request(Frame frame) {
        int stream = frame.stream();
        if (Integer.compareUnsigned(stream, lastStream) <= 0) {
            refuse(stream, Code.INVALID_ARGUMENT, "a stream id cannot be used again and must grow");
            return;
        }
        lastStream = stream;
        Envelope.Request request;
        try {
            request = Envelope.Request.decode(frame.data());
        } catch (Wire.Malformed e) {
            refuse(stream, Code.INVALID_ARGUMENT, "not a ttrpc request: " + e.getMessage());
            return;
        }
        Service service = services.get(request.service());
        Service.Method method = service == null ? null : service.method(request.method());
        if (method == null) {
            String what = service == null ? "service " + request.service() : "method " + request.method();
            refuse(stream, Code.UNIMPLEMENTED, what);
        } else if (running.size() >= MAX_CALLS) {
            refuse(stream, Code.RESOURCE_EXHAUSTED, MAX_CALLS + " calls are running on this connection");
        } else {
            start(stream, request, method, frame.has(Frame.REMOTE_OPEN));
        }
    }

    private void start(int stream, Envelope.Request request, Service.Method method, boolean open) {
        boolean sends = method instanceof Service.ManyToOne || method instanceof Service.ManyToMany;
        var call = new Running(sends ? new Inbox() : null);
        if (call.in != null) {
            if (request.payload().length > 0) {
                call.in.add(request.payload()); // the first message may travel with the request
            }
            if (!open) {
                call.in.end(null);
            }
        }
        running.put(stream, call);
        Thread.ofVirtual()
                .name("ttrpc " + request.service() + "/" + request.method())
                .start(() -> run(stream, request, method, call));
    }

    private void data(Frame frame) {
        Running call = running.get(frame.stream());
        if (call == null || call.in == null) {
            refuse(frame.stream(), Code.INVALID_ARGUMENT, "the stream is not open for data");
            return;
        }
        if (!frame.has(Frame.NO_DATA)) {
            call.in.add(frame.data());
        }
        if (frame.has(Frame.REMOTE_CLOSED)) {
            call.in.end(null);
        }
    }

    private void run(int stream, Envelope.Request request, Service.Method method, Running running) {
        long start = ticker.nanos();
        long limit = request.timeoutNanos();
        var call = new Call(
                request,
                () -> limit <= 0 ? TtrpcClient.FOREVER : Duration.ofNanos(limit).minus(ticker.since(start)));
        running.call = call;
        if (closed.get()) {
            gone(running, false); // close() may have looked before the line above
        }
        try {
            answer(stream, method, call, request.payload(), running.in);
        } catch (InterruptedException e) {
            refuse(stream, Code.CANCELLED, "the call was interrupted");
        } catch (TtrpcStatus e) {
            respond(stream, new Envelope.Response(e, Envelope.NOTHING));
        } catch (Fault e) {
            respond(stream, new Envelope.Response(TtrpcStatus.of(e), Envelope.NOTHING));
        } catch (Exception | Error e) {
            LOG.error("{}/{} failed", request.service(), request.method(), e);
            refuse(stream, Code.INTERNAL, e.toString());
        } finally {
            this.running.remove(stream);
        }
    }

    private void answer(int stream, Service.Method method, Call call, byte[] payload, @Nullable Inbox inbox)
            throws Exception {
        Service.In in = () -> inbox == null ? null : inbox.take(TtrpcClient.nanos(call.remaining()));
        Service.Out out = message -> send(stream, Frame.DATA, 0, message);
        switch (method) {
            case Service.OneToOne(var handler) -> respond(stream, Envelope.Response.ok(handler.call(call, payload)));
            case Service.ManyToOne(var handler) -> respond(stream, Envelope.Response.ok(handler.call(call, in)));
            case Service.OneToMany(var handler) -> {
                handler.call(call, payload, out);
                send(stream, Frame.DATA, Frame.REMOTE_CLOSED | Frame.NO_DATA, Envelope.NOTHING);
            }
            case Service.ManyToMany(var handler) -> {
                handler.call(call, in, out);
                send(stream, Frame.DATA, Frame.REMOTE_CLOSED | Frame.NO_DATA, Envelope.NOTHING);
            }
        }
    }

    private void refuse(int stream, Code code, String why) {
        respond(stream, new Envelope.Response(new TtrpcStatus(code, why), Envelope.NOTHING));
    }

    /** Sends the answer, or why it cannot be sent; a client that is gone gets none and that is no error. */
    private void respond(int stream, Envelope.Response response) {
        try {
            byte[] data = response.encode();
            if (data.length > Frame.MAX_DATA) {
                refuse(stream, Code.RESOURCE_EXHAUSTED, "the response of " + data.length + " bytes is above the limit");
            } else {
                send(stream, Frame.RESPONSE, 0, data);
            }
        } catch (TtrpcStatus e) {
            LOG.debug("nobody is there for the answer", e);
        }
    }

    private void send(int stream, byte type, int flags, byte[] data) {
        if (data.length > Frame.MAX_DATA) {
            throw new TtrpcStatus(Code.RESOURCE_EXHAUSTED, "a message of " + data.length + " bytes is above the limit");
        }
        boolean interrupted = Thread.interrupted(); // the answer of an interrupted handler should still go out
        try {
            if (!outbox.reserve(Frame.HEADER + data.length, STALLED.toNanos())) {
                LOG.warn("a ttrpc client has taken nothing for {} s: connection closed", STALLED.toSeconds());
                close(false);
            }
        } catch (InterruptedException e) {
            interrupted = true;
            close(false);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        if (closed.get()) {
            throw new TtrpcStatus(Code.UNAVAILABLE, "the client is gone");
        }
        outbox.add(Frame.encode(stream, type, flags, data));
    }
}
