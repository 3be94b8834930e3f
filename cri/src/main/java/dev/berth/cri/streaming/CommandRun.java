package dev.berth.cri.streaming;

import dev.berth.kernel.Fault;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs a session's command and finds the words for its end. */
final class CommandRun {
    private static final Logger LOG = LoggerFactory.getLogger(CommandRun.class);

    private CommandRun() {}

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
