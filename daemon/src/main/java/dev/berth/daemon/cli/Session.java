package dev.berth.daemon.cli;

import dev.berth.kernel.Namespace;
import java.nio.file.Path;
import java.time.InstantSource;

/** What a command works with. */
record Session(
        DaemonClient daemon,
        Library library,
        Terminal terminal,
        Path socket,
        Namespace namespace,
        InstantSource clock) {

    /** A command whose words are understood. */
    interface Action {
        /** Does it, and returns the exit code. */
        int run(Session session) throws java.io.IOException, InterruptedException;
    }
}
