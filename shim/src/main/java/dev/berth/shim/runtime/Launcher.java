package dev.berth.shim.runtime;

import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Runs a runtime's program to its end; who implements it decides in which namespaces and cgroups it is born. */
@FunctionalInterface
public interface Launcher {
    /**
     * Runs the program and waits for its end; if the time is over it is killed first.
     *
     * @throws IOException if it cannot be started
     */
    Ended run(Command command) throws IOException, InterruptedException;

    /** What a program and all that it starts have as standard input, output and error; null is /dev/null. */
    record Streams(
            @Nullable Fd input,
            @Nullable Fd output,
            @Nullable Fd error) {
        public static final Streams NONE = new Streams(null, null, null);
    }

    /**
     * A call of a program.
     *
     * @param program the file to run
     * @param argv the program's name first
     * @param limit how long it may run
     */
    record Command(Path program, List<String> argv, Path directory, Streams streams, Duration limit) {
        public Command {
            argv = List.copyOf(argv);
        }
    }

    /** How it ended. */
    record Ended(ExitStatus status, boolean timedOut) {}
}
