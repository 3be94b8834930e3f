package dev.berth.cri.streaming;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection to a port of a pod. It ends when the pod's side has said its last, because clients wait for that; the end
 * of the client's side only closes that direction.
 */
record PortForward(int port, Inbox in, OutputStream out, OutputStream error) {
    private static final Logger LOG = LoggerFactory.getLogger(PortForward.class);
    private static final int CHUNK_BYTES = 32 << 10;

    /** Runs to its end; what goes wrong is told on the error stream. */
    void run(PortOpener opener, ExecutorService threads) throws InterruptedException {
        try (SocketChannel socket = opener.open(port)) {
            threads.execute(() -> toPod(socket));
            fromPod(socket);
        } catch (IOException | Fault e) {
            tell("error forwarding port " + port + ": " + e.getMessage());
        } finally {
            in.close();
            close(out);
            close(error);
        }
    }

    private void fromPod(SocketChannel socket) {
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
        try {
            while (socket.read(chunk.clear()) >= 0) {
                out.write(chunk.array(), 0, chunk.position());
            }
        } catch (IOException e) {
            LOG.debug("port {}: the connection broke: {}", port, e.toString());
        }
    }

    private void toPod(SocketChannel socket) {
        byte[] chunk = new byte[CHUNK_BYTES];
        try {
            for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                ByteBuffer bytes = ByteBuffer.wrap(chunk, 0, n);
                while (bytes.hasRemaining()) {
                    socket.write(bytes);
                }
            }
            socket.shutdownOutput();
        } catch (IOException e) {
            LOG.debug("port {}: nothing more goes to the pod: {}", port, e.toString());
            in.close();
            abort(socket);
        }
    }

    /** The client is gone, or the pod's side: the other direction has no sense any more. */
    private void abort(SocketChannel socket) {
        try {
            socket.close();
        } catch (IOException e) {
            LOG.debug("port {}: closed anyway", port, e);
        }
    }

    void tell(String trouble) {
        LOG.debug("{}", trouble);
        try {
            error.write(trouble.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            LOG.debug("port {}: there is nobody to tell", port, e);
        }
    }

    private void close(OutputStream stream) {
        try {
            stream.close();
        } catch (IOException e) {
            LOG.debug("port {}: the client is gone", port, e);
        }
    }
}
