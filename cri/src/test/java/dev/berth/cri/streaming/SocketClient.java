package dev.berth.cri.streaming;

import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/** WebSocket as a client speaks it. */
final class SocketClient implements Closeable {
    static final int CONTINUATION = 0;
    static final int TEXT = 1;
    static final int BINARY = 2;
    static final int CLOSE = 8;
    static final int PING = 9;
    static final int PONG = 10;
    static final int LAST = 0x80;

    private static final byte[] MASK = {1, 2, 3, 4};

    private final HttpClientSide http;
    private final DataInputStream in;
    private final DataOutputStream out;
    private final String protocol;

    /** A message of the server. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Message(int opcode, byte[] body) {
        int channel() {
            return opcode == TEXT ? body[0] - '0' : body[0];
        }

        String text() {
            return new String(body, 1, body.length - 1, StandardCharsets.UTF_8);
        }
    }

    private SocketClient(HttpClientSide http, String protocol) throws IOException {
        this.http = http;
        this.in = new DataInputStream(http.in());
        this.out = new DataOutputStream(http.out());
        this.protocol = protocol;
    }

    static SocketClient open(String url, String... protocols) throws IOException {
        HttpClientSide http = HttpClientSide.connect(url);
        var lines = new ArrayList<>(List.of(
                "GET " + HttpClientSide.path(url) + " HTTP/1.1",
                "Host: x",
                "Connection: keep-alive, Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="));
        if (protocols.length > 0) {
            lines.add("Sec-WebSocket-Protocol: " + String.join(", ", protocols));
        }
        List<String> head = http.ask(lines.toArray(new String[0]));
        if (http.status() != 101 || !head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) {
            http.close();
            throw new IOException(head.toString());
        }
        String chosen = head.stream()
                .filter(line -> line.startsWith("Sec-WebSocket-Protocol: "))
                .map(line -> line.substring(24))
                .findFirst()
                .orElse("");
        return new SocketClient(http, chosen);
    }

    String protocol() {
        return protocol;
    }

    /** Sends one frame; the first byte as it stands. */
    void frame(int first, byte[] body) throws IOException {
        out.writeByte(first);
        if (body.length < 126) {
            out.writeByte(0x80 | body.length);
        } else if (body.length < 1 << 16) {
            out.writeByte(0x80 | 126);
            out.writeShort(body.length);
        } else {
            out.writeByte(0x80 | 127);
            out.writeLong(body.length);
        }
        out.write(MASK);
        byte[] masked = body.clone();
        for (int i = 0; i < masked.length; i++) {
            masked[i] ^= MASK[i % 4];
        }
        out.write(masked);
        out.flush();
    }

    void send(int channel, byte[] bytes) throws IOException {
        byte[] all = new byte[1 + bytes.length];
        all[0] = (byte) channel;
        System.arraycopy(bytes, 0, all, 1, bytes.length);
        frame(LAST | BINARY, all);
    }

    void send(int channel, String text) throws IOException {
        send(channel, text.getBytes(StandardCharsets.UTF_8));
    }

    Message receive() throws IOException {
        int first = in.readUnsignedByte();
        int second = in.readUnsignedByte();
        int length = second < 126 ? second : second == 126 ? in.readUnsignedShort() : (int) in.readLong();
        return new Message(first & 0xf, in.readNBytes(length));
    }

    /** What comes on a channel until some text was in it, or until the server closes. */
    String until(int channel, String wanted) throws IOException {
        var all = new StringBuilder();
        while (all.indexOf(wanted) < 0) {
            Message message = receive();
            if (message.opcode() == CLOSE) {
                throw new IOException("closed before; got " + all);
            }
            if (message.channel() == channel) {
                all.append(message.text());
            }
        }
        return all.toString();
    }

    /** Reads until the server closes, and returns what came on a channel. */
    String rest(int channel) throws IOException {
        var all = new StringBuilder();
        for (Message message = receive(); message.opcode() != CLOSE; message = receive()) {
            if (message.channel() == channel) {
                all.append(message.text());
            }
        }
        return all.toString();
    }

    /** The bytes inside binary messages, as a tunnel has them. */
    @SuppressWarnings("InputStreamSlowMultibyteRead") // little comes here
    InputStream tunnelIn() {
        return new InputStream() {
            private final Deque<Byte> waiting = new ArrayDeque<>();

            @Override
            public int read() throws IOException {
                while (waiting.isEmpty()) {
                    Message message = receive();
                    if (message.opcode() == CLOSE) {
                        return -1;
                    }
                    for (byte b : message.body()) {
                        waiting.add(b);
                    }
                }
                return waiting.remove() & 0xff;
            }
        };
    }

    OutputStream tunnelOut() {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                frame(LAST | BINARY, Arrays.copyOfRange(bytes, offset, offset + length));
            }
        };
    }

    boolean awaitClosed() throws IOException {
        return http.awaitClosed();
    }

    @Override
    public void close() throws IOException {
        http.close();
    }
}
