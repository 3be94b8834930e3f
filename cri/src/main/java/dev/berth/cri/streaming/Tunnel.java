package dev.berth.cri.streaming;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;

/** The bytes of another protocol in the binary messages of a WebSocket, whose borders mean nothing. */
final class Tunnel {
    private static final byte[] NOTHING = {};

    private final WebSocket socket;
    private boolean within;

    Tunnel(WebSocket socket) {
        this.socket = socket;
    }

    InputStream in() {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] bytes, int offset, int length) throws IOException {
                if (length == 0) {
                    return 0;
                }
                while (true) {
                    if (within) {
                        int n = socket.read(bytes, offset, length);
                        if (n > 0) {
                            return n;
                        }
                    }
                    within = socket.next();
                    if (!within) {
                        return -1;
                    }
                }
            }
        };
    }

    /** As {@link #out}, for what is no move of the session. */
    OutputStream quiet() {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                socket.sendQuietly(WebSocket.BINARY, new byte[] {(byte) b});
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                socket.sendQuietly(WebSocket.BINARY, Arrays.copyOfRange(bytes, offset, offset + length));
            }
        };
    }

    OutputStream out() {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                socket.send(WebSocket.BINARY, NOTHING, bytes, offset, length);
            }
        };
    }
}
