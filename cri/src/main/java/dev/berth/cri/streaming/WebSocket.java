package dev.berth.cri.streaming;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The server's side of a WebSocket after its handshake. Messages are read in pieces, so that their length costs nothing; one
 * thread reads, any may write.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc6455">RFC 6455</a>
 */
final class WebSocket {
    static final int TEXT = 1;
    static final int BINARY = 2;

    static final int NORMAL = 1000;
    private static final int PROTOCOL_ERROR = 1002;

    private static final byte[] NOTHING = {};
    private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    private static final int KEY_BYTES = 16;
    private static final int CONTINUATION = 0;
    private static final int CLOSE = 8;
    private static final int PING = 9;
    private static final int PONG = 10;
    private static final int LAST = 0x80;
    private static final int RESERVED = 0x70;
    private static final int MASKED = 0x80;
    private static final int LONGEST_CONTROL_FRAME = 125;
    private static final int TWO_BYTES = 126;
    private static final int EIGHT_BYTES = 127;

    private final DataInputStream in;
    private final OutputStream out;
    private final OutputStream quiet;
    private final ReentrantLock writing = new ReentrantLock();

    /** The answer to the last ping, which is the only one that wants one; null when it is given. */
    private final AtomicReference<@Nullable ByteBuffer> owed = new AtomicReference<>();

    private final byte[] mask = new byte[4];
    private long left;
    private int maskAt;
    private boolean lastFrame = true;
    private boolean closed;

    /** @param quiet as {@code out}, for what is no move of the session */
    WebSocket(InputStream in, OutputStream out, OutputStream quiet) {
        this.in = new DataInputStream(in);
        this.out = out;
        this.quiet = quiet;
    }

    /** Whether a request is the beginning of one. */
    static boolean isWanted(HttpRequest request) {
        return request.wantsUpgradeTo("websocket");
    }

    /** The headers that agree to a request. */
    static List<String> agree(HttpRequest request, String protocol) throws HttpRefusal {
        if (!request.has("sec-websocket-version", "13")) {
            throw new HttpRefusal(
                    426,
                    "Upgrade Required",
                    "only version 13 of WebSocket is spoken",
                    List.of("Sec-WebSocket-Version: 13"));
        }
        List<String> keys = request.values("sec-websocket-key");
        if (!request.method().equals("GET") || keys.size() != 1 || !isKey(keys.getFirst())) {
            throw HttpRefusal.badRequest("a WebSocket begins with GET and one Sec-WebSocket-Key");
        }
        String accept = "Sec-WebSocket-Accept: " + digest(keys.getFirst() + GUID);
        return protocol.isEmpty() ? List.of(accept) : List.of(accept, "Sec-WebSocket-Protocol: " + protocol);
    }

    private static boolean isKey(String key) {
        try {
            return Base64.getDecoder().decode(key).length == KEY_BYTES;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static String digest(String text) {
        try {
            return Base64.getEncoder()
                    .encodeToString(
                            MessageDigest.getInstance("SHA-1").digest(text.getBytes(StandardCharsets.ISO_8859_1)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-1", e);
        }
    }

    /**
     * Waits for the next message; what was not read of the last one is skipped.
     *
     * @return false when the client has closed
     */
    boolean next() throws IOException {
        var skipped = new byte[4096];
        int n;
        do {
            n = read(skipped, 0, skipped.length);
        } while (n >= 0);
        return frame(false);
    }

    /** Reads of the current message; -1 at its end. */
    int read(byte[] bytes, int offset, int length) throws IOException {
        while (left == 0) {
            if (lastFrame) {
                return -1;
            }
            if (!frame(true)) {
                throw new IOException("the client closed within a message");
            }
        }
        int n = in.read(bytes, offset, (int) Math.min(left, length));
        if (n < 0) {
            throw new IOException("the client went within a message");
        }
        unmask(bytes, offset, n);
        left -= n;
        return n;
    }

    /** What is left of the current message. */
    InputStream message() {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] bytes, int offset, int length) throws IOException {
                return WebSocket.this.read(bytes, offset, length);
            }
        };
    }

    /** Finds the next frame with data; answers what comes before it. */
    private boolean frame(boolean within) throws IOException {
        while (true) {
            int first = in.read();
            if (first < 0) {
                return false;
            }
            int opcode = first & 0xf;
            long length = length(in.readUnsignedByte());
            in.readFully(mask);
            maskAt = 0;
            if ((first & RESERVED) != 0) {
                throw violation("reserved bits");
            }
            if (opcode >= CLOSE) {
                if (!control(opcode, (first & LAST) != 0, length)) {
                    return false;
                }
            } else if (within ? opcode != CONTINUATION : (opcode != TEXT && opcode != BINARY)) {
                throw violation("a frame of type " + opcode);
            } else {
                left = length;
                lastFrame = (first & LAST) != 0;
                return true;
            }
        }
    }

    private long length(int second) throws IOException {
        if ((second & MASKED) == 0) {
            throw violation("a frame without a mask");
        }
        long length = switch (second & ~MASKED) {
            case TWO_BYTES -> in.readUnsignedShort();
            case EIGHT_BYTES -> in.readLong();
            default -> second & ~MASKED;
        };
        if (length < 0) {
            throw violation("a frame of negative length");
        }
        return length;
    }

    private boolean control(int opcode, boolean whole, long length) throws IOException {
        if (!whole || length > LONGEST_CONTROL_FRAME) {
            throw violation("a control frame that is too long");
        }
        byte[] body = new byte[(int) length];
        in.readFully(body);
        unmask(body, 0, body.length);
        switch (opcode) {
            case CLOSE -> {
                close(NORMAL);
                return false;
            }
            case PING -> answer(body);
            case PONG -> {}
            default -> throw violation("a control frame of type " + opcode);
        }
        return true;
    }

    /** At once if the line is free, else as soon as it is: a client that takes no output must still be heard. */
    private void answer(byte[] ping) throws IOException {
        owed.set(framed(PONG, NOTHING, ping, 0, ping.length));
        answerIfFree();
    }

    /** Whoever has had the line must look, since who came meanwhile did not wait for it. */
    private void answerIfFree() throws IOException {
        while (owed.get() != null && writing.tryLock()) {
            try {
                ByteBuffer pong = owed.getAndSet(null);
                if (pong != null && !closed) {
                    write(out, pong);
                }
            } finally {
                writing.unlock();
            }
        }
    }

    private void unmask(byte[] bytes, int offset, int length) {
        for (int i = offset; i < offset + length; i++) {
            bytes[i] ^= mask[maskAt];
            maskAt = (maskAt + 1) & 3;
        }
    }

    /**
     * Feels for the client, unless somebody is writing to it, who will notice himself that it has gone. By an answer without a
     * question: those of the client are not read now, and Go's gives up after a minute without any.
     */
    void feel() throws IOException {
        if (writing.tryLock()) {
            try {
                sendQuietly(PONG, NOTHING, 0, 0);
            } finally {
                writing.unlock();
            }
        }
    }

    /** Sends one message that is no move of the session. */
    void sendQuietly(int opcode, byte[] bytes, int offset, int length) throws IOException {
        send(quiet, opcode, NOTHING, bytes, offset, length);
    }

    /** Sends one message that consists of two parts. */
    void send(int opcode, byte[] head, byte[] bytes, int offset, int length) throws IOException {
        send(out, opcode, head, bytes, offset, length);
    }

    private void send(OutputStream to, int opcode, byte[] head, byte[] bytes, int offset, int length)
            throws IOException {
        ByteBuffer frame = framed(opcode, head, bytes, offset, length);
        writing.lock();
        try {
            if (closed) {
                throw new IOException("the WebSocket is closed");
            }
            closed = opcode == CLOSE;
            write(to, frame);
        } finally {
            writing.unlock();
        }
        answerIfFree();
    }

    private static void write(OutputStream to, ByteBuffer frame) throws IOException {
        to.write(frame.array(), frame.arrayOffset(), frame.position());
        to.flush();
    }

    private static ByteBuffer framed(int opcode, byte[] head, byte[] bytes, int offset, int length) {
        int all = head.length + length;
        ByteBuffer frame = ByteBuffer.allocate(10 + all).put((byte) (LAST | opcode));
        if (all < TWO_BYTES) {
            frame.put((byte) all);
        } else if (all <= 0xffff) {
            frame.put((byte) TWO_BYTES).putShort((short) all);
        } else {
            frame.put((byte) EIGHT_BYTES).putLong(all);
        }
        return frame.put(head).put(bytes, offset, length);
    }

    /** Says that no more will come. Calling it again is harmless. */
    void close(int code) throws IOException {
        writing.lock();
        try {
            if (!closed) {
                byte[] body = {(byte) (code >> 8), (byte) code};
                send(CLOSE, NOTHING, body, 0, body.length);
            }
        } finally {
            writing.unlock();
        }
    }

    private IOException violation(String what) throws IOException {
        close(PROTOCOL_ERROR);
        return new IOException("the client does not keep to WebSocket: it sent " + what);
    }
}
