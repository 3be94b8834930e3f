package dev.berth.cri.streaming;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

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

    OutputStream out() {
        return new Out((bytes, offset, length) -> socket.send(WebSocket.BINARY, NOTHING, bytes, offset, length));
    }

    /** As {@link #out}, for what is no move of the session. */
    OutputStream quiet() {
        return new Out((bytes, offset, length) -> socket.sendQuietly(WebSocket.BINARY, bytes, offset, length));
    }

    /** Sends one message. */
    private interface Sender {
        void send(byte[] bytes, int offset, int length) throws IOException;
    }

    private static final class Out extends OutputStream {
        private final Sender sender;

        Out(Sender sender) {
            this.sender = sender;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            sender.send(bytes, offset, length);
        }
    }
}
