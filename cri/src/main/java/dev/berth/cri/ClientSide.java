package dev.berth.cri;

import dev.berth.cri.streaming.ClientStreams;
import dev.berth.cri.streaming.TerminalSizes;
import dev.berth.kernel.Fault;
import dev.berth.linux.Fd;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a client does while it gets a process's output: it types, changes the size of its terminal, goes. A thread for each.
 * Their work may come too late, since the process may end at any moment; that is nobody's error.
 */
final class ClientSide {
    private static final Logger LOG = LoggerFactory.getLogger(ClientSide.class);

    private final ClientStreams client;
    private final List<Thread> threads = new ArrayList<>();

    ClientSide(ClientStreams client) {
        this.client = client;
    }

    /**
     * Carries the client's input into a pipe.
     *
     * @param atEnd when no more will come: the input has ended, or the client is gone
     */
    void input(InputStream from, Fd to, Runnable atEnd) {
        threads.add(InputCopy.start(from, to, () -> quietly("end the input", atEnd)));
    }

    /** Does something with each size that the client's terminal gets. */
    void sizes(Consumer<TerminalSizes.Size> resize) {
        TerminalSizes sizes = client.sizes();
        if (sizes != null) {
            threads.add(Thread.ofVirtual().name("terminal size").start(() -> {
                for (var size = sizes.next(); size != null; size = sizes.next()) {
                    var now = size;
                    quietly("resize", () -> resize.accept(now));
                }
            }));
        }
    }

    /** Does something when the client is gone. */
    void whenGone(Runnable step) {
        threads.add(Thread.ofVirtual().name("client").start(() -> {
            try {
                client.client().awaitGone();
                quietly("follow a client that is gone", step);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // stop()
            }
        }));
    }

    private static void quietly(String what, Runnable step) {
        try {
            step.run();
        } catch (Fault e) {
            LOG.debug("cannot {}: {}", what, e.getMessage());
        }
    }

    /** Ends all of it; nothing is done any more when this has returned. */
    void stop() throws InterruptedException {
        threads.forEach(Thread::interrupt);
        for (Thread thread : threads) {
            thread.join();
        }
    }
}
