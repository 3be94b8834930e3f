package dev.berth.shim.runtime;

import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
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
     * A program that the program itself runs.
     *
     * @param directory where it is looked for before all others
     * @param environment what is told to it besides
     * @param plea asks it to come to its end, when it is late or nobody waits any more: killed, it would leave what it works on
     *     as it is in that moment
     */
    record Helper(Path directory, Map<String, String> environment, Plea plea) {
        public Helper {
            environment = Map.copyOf(environment);
        }
    }

    /** What is done with a program that shall come to its end. */
    interface Plea {
        /**
         * Asks for the end of what a program has started.
         *
         * @param pid the program's
         */
        void endBelow(int pid) throws IOException;
    }

    /**
     * A call of a program.
     *
     * @param program the file to run
     * @param argv the program's name first
     * @param limit how long it may run
     * @param helper a program that it runs in turn and that is treated with care; null if there is none
     */
    record Command(
            Path program,
            List<String> argv,
            Path directory,
            Streams streams,
            Duration limit,
            @Nullable Helper helper) {
        public Command {
            argv = List.copyOf(argv);
        }

        public Command(Path program, List<String> argv, Path directory, Streams streams, Duration limit) {
            this(program, argv, directory, streams, limit, null);
        }
    }

    /** How it ended. */
    record Ended(ExitStatus status, boolean timedOut) {}
}
