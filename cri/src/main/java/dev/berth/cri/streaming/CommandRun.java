package dev.berth.cri.streaming;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs a session's command, finds the words for its end, and ends the connection. */
final class CommandRun {
    /** How long a client may take to close when all is said. */
    static final Duration CLOSING = Duration.ofSeconds(10);

    private static final Logger LOG = LoggerFactory.getLogger(CommandRun.class);

    /** A session from its first stream to the last word, over one protocol. */
    interface Talk {
        void run() throws IOException, InterruptedException;
    }

    private CommandRun() {}

    /**
     * Talks, however that goes, and closes the connection.
     *
     * @param dropInput throws away what still comes, so that whoever reads the connection never waits for it
     */
    static void talk(Session.Command session, Connection connection, Runnable dropInput, Talk talk) {
        try {
            talk.run();
        } catch (IOException e) {
            LOG.debug("{}: the client went before it was told the end", session.kind(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            dropInput.run();
            connection.close();
        }
    }

    static Status run(Session.Command session, ClientStreams client) throws InterruptedException {
        try {
            return Status.exited(session.body().run(client));
        } catch (Fault e) {
            LOG.info("{} failed: {}", session.kind(), e.getMessage());
            return Status.failed(String.valueOf(e.getMessage()));
        } catch (IOException | RuntimeException e) {
            LOG.warn("{} failed", session.kind(), e);
            return Status.failed(session.kind() + ": " + e);
        }
    }
}
