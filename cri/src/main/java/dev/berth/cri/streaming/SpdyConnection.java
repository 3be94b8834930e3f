package dev.berth.cri.streaming;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The server's side of a SPDY/3.1 connection, as Go's spdystream speaks it: the client opens streams, both sides send data
 * and end their half by FIN. Windows are not kept, because that client never enlarges ours: a slow client holds up our
 * writes by TCP. It is told of room again all the same, for clients that do wait.
 *
 * <p>{@link #serve} reads on the caller's thread; any thread may write. Who reads never waits for one who writes: a client that
 * takes no output must still be heard.
 */
final class SpdyConnection {
    /** Takes a stream that the client opened: accepts it or resets it. Must not wait for anything but the client. */
    interface Arrival {
        void arrived(SpdyStream stream) throws IOException;
    }

    static final int PROTOCOL_ERROR = 1;
    static final int REFUSED = 3;
    static final int INTERNAL_ERROR = 6;

    private static final int VERSION = 0x8003;
    private static final int SYN_STREAM = 1;
    private static final int SYN_REPLY = 2;
    private static final int RST_STREAM = 3;
    private static final int PING = 6;
    private static final int GOAWAY = 7;
    private static final int HEADERS = 8;
    private static final int WINDOW_UPDATE = 9;

    private static final int FIN = 1;
    private static final int ID_MASK = 0x7fffffff;
    private static final int HEADER_BYTES = 8;
    private static final int LONGEST_CONTROL_FRAME = 64 << 10;
    private static final int CHUNK_BYTES = 32 << 10;
    private static final int MOST_LATER = 4096;

    private final DataInputStream in;
    private final OutputStream out;
    private final OutputStream quiet;
    private final int mostStreams;
    private final Reserve reserve;
    private final Map<Integer, SpdyStream> streams = new ConcurrentHashMap<>();
    private final SpdyHeaders.Empty replies = new SpdyHeaders.Empty();
    private final ReentrantLock writing = new ReentrantLock();

    /** What waits for the line to be free; whoever has it sends this first. */
    private final Queue<Later> later = new ConcurrentLinkedQueue<>();

    private final AtomicInteger late = new AtomicInteger();
    private final AtomicInteger uncredited = new AtomicInteger();
    private int lastId;
    private int lastPing;

    /** A frame, made when it is sent; null if there is nothing to say any more. */
    private interface Later {
        @Nullable
        ByteBuffer frame() throws IOException;
    }

    /** @param quiet as {@code out}, for what is no move of the session */
    SpdyConnection(InputStream in, OutputStream out, OutputStream quiet, Reserve reserve, int mostStreams) {
        this.in = new DataInputStream(in);
        this.out = out;
        this.quiet = quiet;
        this.reserve = reserve;
        this.mostStreams = mostStreams;
    }

    /** For what streams have received and nobody has read yet. */
    Reserve reserve() {
        return reserve;
    }

    /**
     * Reads until the client is gone. Then every stream that has not ended is broken.
     *
     * @throws IOException if the client does not keep to the protocol or the connection breaks
     */
    void serve(Arrival arrival) throws IOException {
        try (var headers = new SpdyHeaders()) {
            boolean more;
            do {
                more = frame(headers, arrival);
            } while (more);
        } finally {
            streams.values().forEach(stream -> stream.in().breakOff("the client is gone"));
        }
    }

    private boolean frame(SpdyHeaders headers, Arrival arrival) throws IOException {
        int first;
        try {
            first = in.readInt();
        } catch (EOFException e) {
            return false;
        }
        int second = in.readInt();
        int flags = second >>> 24;
        int length = second & 0xffffff;
        if (first >= 0) {
            data(first, flags, length);
        } else if (first >>> 16 == VERSION) {
            control(first & 0xffff, flags, length, headers, arrival);
        } else {
            throw violation("a frame of version " + ((first >>> 16) & 0x7fff));
        }
        return true;
    }

    private void data(int id, int flags, int length) throws IOException {
        SpdyStream stream = streams.get(id);
        int left = length;
        do {
            byte[] chunk = new byte[Math.min(left, CHUNK_BYTES)];
            in.readFully(chunk);
            left -= chunk.length;
            if (stream != null
                    && !stream.hasReceivedLast()) { // what comes for a stream that is gone is on its way still
                stream.receive(chunk, left == 0 && (flags & FIN) != 0);
            } else {
                credit(chunk.length);
            }
        } while (left > 0);
        if (stream != null) {
            forgetIfDone(stream);
        }
    }

    private void control(int type, int flags, int length, SpdyHeaders headers, Arrival arrival) throws IOException {
        if (length > LONGEST_CONTROL_FRAME) {
            throw violation("a control frame of " + length + " bytes");
        }
        byte[] bytes = new byte[length];
        in.readFully(bytes);
        ByteBuffer body = ByteBuffer.wrap(bytes);
        int least = switch (type) {
            case SYN_STREAM -> 10;
            case RST_STREAM, GOAWAY, WINDOW_UPDATE -> 8;
            case SYN_REPLY, PING, HEADERS -> 4;
            default -> 0;
        };
        if (length < least) {
            throw violation("a control frame of type " + type + " with " + length + " bytes");
        }
        switch (type) {
            case SYN_STREAM -> open(body, flags, headers, arrival);
            case SYN_REPLY, HEADERS -> {
                int _ = body.getInt();
                headers.read(rest(body)); // the stream of headers goes on in the next frame
            }
            case RST_STREAM -> abort(body.getInt() & ID_MASK);
            case PING -> pong(body.getInt());
            default -> {} // settings, windows, priorities: nothing that we would do differently
        }
    }

    private void open(ByteBuffer body, int flags, SpdyHeaders headers, Arrival arrival) throws IOException {
        int id = body.getInt() & ID_MASK;
        body.position(10);
        Map<String, String> values = headers.read(rest(body));
        if (id <= lastId || id % 2 == 0) {
            throw violation("stream " + id + " after " + lastId);
        }
        lastId = id;
        var stream = new SpdyStream(this, id, values);
        if (streams.size() >= mostStreams) {
            sendReset(stream, REFUSED);
            return;
        }
        streams.put(id, stream);
        if ((flags & FIN) != 0) {
            stream.endOfInput();
        }
        arrival.arrived(stream);
    }

    private static byte[] rest(ByteBuffer body) {
        byte[] rest = new byte[body.remaining()];
        body.get(rest);
        return rest;
    }

    private void abort(int id) {
        SpdyStream stream = streams.remove(id);
        if (stream != null) {
            stream.setSentLast();
            stream.in().breakOff("the client has given the stream up");
        }
    }

    private void pong(int id) throws IOException {
        if (id % 2 != 0) { // the client's own; an even one would be an answer
            sendLater(() -> control(PING, 0, 4).putInt(id));
        }
    }

    /** Feels for the client, unless somebody is writing to it, who will notice himself that it has gone. */
    void feel() throws IOException {
        if (writing.tryLock()) {
            try {
                lastPing = (lastPing + 2) & ID_MASK; // even ones are ours
                quiet.write(control(PING, 0, 4).putInt(lastPing).array());
                quiet.flush();
            } finally {
                writing.unlock();
            }
            sendLateIfFree();
        }
    }

    void sendReply(int id) throws IOException {
        sendLater(() -> {
            byte[] block = replies.next(); // with the line: the blocks are one stream
            return control(SYN_REPLY, 0, 4 + block.length).putInt(id).put(block);
        });
    }

    void sendReset(SpdyStream stream, int code) throws IOException {
        streams.remove(stream.id());
        sendLater(() -> {
            if (stream.hasSentLast() && stream.hasReceivedLast()) {
                return null;
            }
            stream.setSentLast();
            return control(RST_STREAM, 0, 8).putInt(stream.id()).putInt(code);
        });
    }

    /** Bytes have been taken from any stream: the connection has a window too. */
    void credit(int bytes) throws IOException {
        credit(0, uncredited, bytes);
    }

    /** Tells a client that keeps windows from time to time how many bytes have been taken. */
    void credit(int id, AtomicInteger untold, int bytes) throws IOException {
        if (untold.addAndGet(bytes) >= Inbox.ROOM_BYTES / 2) {
            int all = untold.getAndSet(0);
            if (all > 0) {
                sendLater(() -> control(WINDOW_UPDATE, 0, 8).putInt(id).putInt(all));
            }
        }
    }

    /** At once if the line is free, else as soon as it is. Waits only if the client takes nothing and asks for more and more. */
    private void sendLater(Later frame) throws IOException {
        later.add(frame);
        if (late.incrementAndGet() > MOST_LATER) {
            writing.lock();
            try {
                sendLate();
            } finally {
                writing.unlock();
            }
        }
        sendLateIfFree();
    }

    /** Whoever has had the line must look, since who came meanwhile did not wait for it. */
    private void sendLateIfFree() throws IOException {
        while (!later.isEmpty() && writing.tryLock()) {
            try {
                sendLate();
            } finally {
                writing.unlock();
            }
        }
    }

    private void sendLate() throws IOException {
        for (Later next = later.poll(); next != null; next = later.poll()) {
            late.decrementAndGet();
            ByteBuffer frame = next.frame();
            if (frame != null) {
                write(frame);
            }
        }
    }

    void sendData(SpdyStream stream, byte[] bytes, int offset, int length, boolean last) throws IOException {
        writing.lock();
        try {
            sendLate();
            if (stream.hasSentLast()) {
                if (last) {
                    return;
                }
                throw new IOException("the stream is closed");
            }
            ByteBuffer frame = ByteBuffer.allocate(HEADER_BYTES + length)
                    .putInt(stream.id())
                    .putInt((last ? FIN << 24 : 0) | length)
                    .put(bytes, offset, length);
            if (last) {
                stream.setSentLast();
            }
            write(frame);
        } finally {
            writing.unlock();
        }
        sendLateIfFree();
        forgetIfDone(stream);
    }

    /** Says that no more streams are taken. */
    void goAway() throws IOException {
        send(control(GOAWAY, 0, 8).putInt(lastId).putInt(0));
    }

    /** Nothing more is expected of a stream, whatever the client still sends. */
    void forget(SpdyStream stream) {
        streams.remove(stream.id());
    }

    private void forgetIfDone(SpdyStream stream) {
        if (stream.hasSentLast() && stream.hasReceivedLast()) {
            streams.remove(stream.id());
        }
    }

    private static ByteBuffer control(int type, int flags, int length) {
        return ByteBuffer.allocate(HEADER_BYTES + length)
                .putInt((VERSION << 16) | type)
                .putInt((flags << 24) | length);
    }

    private void send(ByteBuffer frame) throws IOException {
        writing.lock();
        try {
            sendLate();
            write(frame);
        } finally {
            writing.unlock();
        }
        sendLateIfFree();
    }

    private void write(ByteBuffer frame) throws IOException {
        out.write(frame.array(), frame.arrayOffset(), frame.position());
        out.flush();
    }

    private IOException violation(String what) throws IOException {
        send(control(GOAWAY, 0, 8).putInt(lastId).putInt(PROTOCOL_ERROR));
        return new IOException("the client does not keep to SPDY/3.1: it sent " + what);
    }
}
