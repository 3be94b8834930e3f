package dev.berth.cri;

import dev.berth.linux.Fd;
import dev.berth.linux.Poller;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries what a client sends into a pipe, as fast as the process reads. */
final class InputCopy {
    private static final Logger LOG = LoggerFactory.getLogger(InputCopy.class);
    private static final int CHUNK_BYTES = 16 << 10;

    private InputCopy() {}

    /**
     * Begins, on a thread of its own, which ends when the client's input has ended, or the pipe is closed, or when it is
     * interrupted.
     *
     * @param atEnd runs when no more will come because of the client: its input has ended, or it is gone
     */
    static Thread start(InputStream client, Fd pipe, Runnable atEnd) {
        return Thread.ofVirtual().name("input").start(() -> {
            boolean ended = copy(client, pipe);
            drop(client);
            if (ended) {
                atEnd.run();
            }
        });
    }

    /** Throws away what comes, so that nobody waits for it to be read. */
    static void drop(InputStream client) {
        try {
            client.close();
        } catch (IOException e) {
            LOG.debug("a client's input is closed anyway", e);
        }
    }

    /** True if it was the client's side that ended. */
    private static boolean copy(InputStream client, Fd pipe) {
        byte[] chunk = new byte[CHUNK_BYTES];
        while (true) {
            int n;
            try {
                n = client.read(chunk);
            } catch (IOException e) {
                LOG.debug("a client's input broke: {}", e.getMessage());
                return !Thread.currentThread().isInterrupted();
            }
            if (n < 0) {
                return true;
            }
            try {
                write(pipe, ByteBuffer.wrap(chunk, 0, n));
            } catch (IOException e) {
                LOG.debug("nobody reads the input any more: {}", e.getMessage());
                return false;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
    }

    private static void write(Fd pipe, ByteBuffer bytes) throws IOException, InterruptedException {
        while (bytes.hasRemaining()) {
            if (pipe.write(bytes) == 0) {
                Poller.awaitWritable(pipe, Poller.FOREVER);
            }
        }
    }
}
