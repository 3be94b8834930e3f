package dev.berth.tasks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Every supervisor of a state directory as a process: one that serves, one that still boots and one that hangs, whoever
 * started it. The lock in the directory does not tell: a process that boots does not hold it yet, but will.
 *
 * <p>A process is one of them if its command line says so and if it sees the host's mounts as we do: what runs in a
 * container may call itself what it likes.
 */
final class Incumbents implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Incumbents.class);
    private static final Path PROC = Path.of("/proc");
    private static final String MAIN = "dev.berth.shim.Main";

    private final List<SupervisorProcess> processes;

    private Incumbents(List<SupervisorProcess> processes) {
        this.processes = processes;
    }

    /**
     * Those that are there now.
     *
     * @param known one more, which may have ended
     */
    static Incumbents find(TasksConfig config, @Nullable SupervisorProcess known)
            throws IOException, InterruptedException {
        var found = new ArrayList<SupervisorProcess>();
        try (DirectoryStream<Path> pids = Files.newDirectoryStream(PROC, "[1-9]*")) {
            for (Path each : pids) {
                if (works(each, config.state())) {
                    hold(each, config).ifPresent(found::add);
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        if (known != null && !known.hasEnded() && found.stream().noneMatch(each -> each.pid() == known.pid())) {
            SupervisorProcess.running(known.pid(), config).ifPresent(found::add);
        }
        return new Incumbents(List.copyOf(found));
    }

    /** Tells all of them to go. */
    void end() throws IOException {
        for (SupervisorProcess each : processes) {
            each.end();
        }
    }

    /** Waits until all have ended; false if the time is over. */
    boolean awaitEnd(Duration limit) throws IOException, InterruptedException {
        for (SupervisorProcess each : processes) {
            if (!each.awaitEnd(limit)) {
                return false;
            }
        }
        return true;
    }

    /** Gives all of them some time to go, kills those that do not, and returns when all are gone. */
    void awaitEndOrKill(Duration limit) throws IOException, InterruptedException {
        if (!awaitEnd(limit)) {
            kill("does not go");
        }
    }

    /** Kills those that are still there, and returns when they are gone. */
    void kill(String why) throws IOException, InterruptedException {
        for (SupervisorProcess each : processes) {
            if (!each.hasEnded()) {
                LOG.error("supervisor {} {}: killed", each.pid(), why);
                each.killAndAwait();
            }
        }
    }

    /** Lets go of them; they run on. */
    @Override
    public void close() {
        processes.forEach(SupervisorProcess::close);
    }

    /** The number may have gone to another process before we took hold of it, but not after. */
    private static Optional<SupervisorProcess> hold(Path process, TasksConfig config) throws IOException {
        int pid = Integer.parseInt(process.getFileName().toString());
        Optional<SupervisorProcess> held = SupervisorProcess.running(pid, config);
        if (held.isPresent() && !works(process, config.state())) {
            held.get().close();
            return Optional.empty();
        }
        return held;
    }

    private static boolean works(Path process, Path state) {
        try {
            String line = Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1);
            return line.contains(MAIN) && works(List.of(line.split("\0", -1)), state) && seesOurMounts(process);
        } catch (IOException goneOrNotOurs) {
            return false;
        }
    }

    static boolean works(List<String> arguments, Path state) {
        int main = arguments.indexOf(MAIN);
        if (main < 0) {
            return false;
        }
        List<String> options = arguments.subList(main, arguments.size());
        int option = options.indexOf("--state");
        return option > 0 && option + 1 < options.size() && same(options.get(option + 1), state);
    }

    private static boolean same(String there, Path state) {
        try {
            // as bytes until now: a name need not be text in our own character set
            String name = new String(there.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
            Path other = Path.of(name);
            return other.equals(state) || Files.isSameFile(other, state);
        } catch (IOException | InvalidPathException noSuchDirectory) {
            return false;
        }
    }

    private static boolean seesOurMounts(Path process) throws IOException {
        Path mounts = Path.of("ns/mnt");
        return Files.readSymbolicLink(process.resolve(mounts))
                .equals(Files.readSymbolicLink(PROC.resolve("self").resolve(mounts)));
    }
}
