package dev.berth.cri.streaming;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Several streams on one WebSocket: the first byte of each message names the channel, the rest is for it. In the base64
 * protocols both are text.
 */
final class SocketChannels {
    /** In the place of a channel: the byte after it names one whose input has ended. */
    private static final int CLOSE_SIGNAL = 255;

    private static final int CHUNK_BYTES = 32 << 10;

    private final WebSocket socket;
    private final boolean base64;
    private final boolean halfClose;
    private final List<Inbox> inboxes;

    /** On what and how channels are spoken. */
    record Setting(WebSocket socket, String protocol, Reserve reserve) {}

    SocketChannels(Setting setting, int count) {
        this.socket = setting.socket();
        this.base64 = Protocols.base64(setting.protocol());
        this.halfClose = Protocols.halfClose(setting.protocol());
        var sender = new Inbox.Sender() {
            @Override
            public void feel() throws IOException {
                socket.feel();
            }

            @Override
            public void taken(int bytes) {
                // There is no word for it.
            }
        };
        this.inboxes = IntStream.range(0, count)
                .mapToObj(_ -> new Inbox(setting.reserve(), sender))
                .toList();
    }

    /** What the client sends on a channel. */
    Inbox in(int channel) {
        return inboxes.get(channel);
    }

    /** Writing sends one message each; closing sends nothing, the protocols have no word for it. */
    OutputStream out(int channel) {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                send(channel, bytes, offset, length);
            }
        };
    }

    private void send(int channel, byte[] bytes, int offset, int length) throws IOException {
        if (!base64) {
            socket.send(WebSocket.BINARY, new byte[] {(byte) channel}, bytes, offset, length);
            return;
        }
        byte[] part =
                offset == 0 && length == bytes.length ? bytes : Arrays.copyOfRange(bytes, offset, offset + length);
        byte[] text = Base64.getEncoder().encode(part);
        byte[] head = String.valueOf(channel).getBytes(StandardCharsets.US_ASCII);
        socket.send(WebSocket.TEXT, head, text, 0, text.length);
    }

    /** Reads until the client is gone. Then every channel that has not ended is broken. */
    void serve() throws IOException {
        try {
            while (socket.next()) {
                InputStream message = socket.message();
                int first = message.read();
                if (halfClose && first == CLOSE_SIGNAL) {
                    int channel = message.read();
                    if (channel >= 0 && channel < inboxes.size()) {
                        inboxes.get(channel).end();
                    }
                } else {
                    int channel = base64 ? first - '0' : first;
                    if (channel >= 0 && channel < inboxes.size()) {
                        deliver(message, inboxes.get(channel));
                    }
                }
            }
        } finally {
            inboxes.forEach(inbox -> inbox.breakOff("the client is gone"));
        }
    }

    private void deliver(InputStream message, Inbox inbox) throws IOException {
        InputStream content = base64 ? Base64.getDecoder().wrap(message) : message;
        var chunk = new byte[CHUNK_BYTES];
        for (int n = content.read(chunk); n >= 0; n = content.read(chunk)) {
            inbox.put(Arrays.copyOf(chunk, n));
        }
    }
}
