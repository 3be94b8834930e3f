package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.oci.ProcessSpec;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.wire.shim.task.ExecProcessRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A further process in a running container, with pipes that end here. Made by {@link Tasks#exec}; it runs after {@link
 * #start()}; {@link #close()} removes it, killing it if need be.
 */
public final class Exec implements AutoCloseable {
    private final Shims shims;
    private final Shims.Of shim;
    private final TaskId task;
    private final String id;
    private final Pipes pipes;
    private final ExecProcessRequest request;
    private boolean registered;
    private boolean started;
    private boolean ended;

    /** FIFOs in the bundle and our ends of them; null where there is none. */
    record Pipes(
            Path directory,
            @Nullable Fd stdin,
            Fd stdout,
            @Nullable Fd stderr) {
        /** Of the names of their directories; the process's id follows. */
        static final String PREFIX = "exec-";

        static Pipes create(Path bundle, String execId, boolean stdin, boolean terminal) throws IOException {
            Path directory = Files.createDirectory(bundle.resolve(PREFIX + execId));
            Fd out = null;
            Fd err = null;
            try {
                out = Fifo.openReader(Bundles.fifo(directory, "stdout"));
                err = terminal ? null : Fifo.openReader(Bundles.fifo(directory, "stderr"));
                // Both ends, so that it can be opened before the process has; closing stdin is a call of its own.
                Fd in = stdin ? Fifo.openBoth(Bundles.fifo(directory, "stdin")) : null;
                return new Pipes(directory, in, out, err);
            } catch (IOException e) {
                if (out != null) {
                    out.close();
                }
                if (err != null) {
                    err.close();
                }
                throw e;
            }
        }

        /** Whose pipes are in a directory. */
        static String execId(Path directory) {
            return directory.getFileName().toString().substring(PREFIX.length());
        }

        String path(String name) {
            Path path = directory.resolve(name);
            return Files.exists(path) ? path.toString() : "";
        }

        void remove() throws IOException {
            for (Fd fd : new Fd[] {stdin, stdout, stderr}) {
                if (fd != null) {
                    fd.close();
                }
            }
            remove(directory);
        }

        /** Removes the files of pipes that nobody has open here. */
        static void remove(Path directory) throws IOException {
            for (String name : new String[] {"stdin", "stdout", "stderr"}) {
                Files.deleteIfExists(directory.resolve(name));
            }
            Files.deleteIfExists(directory);
        }
    }

    /**
     * What to run.
     *
     * @param stdin somebody will write to it
     */
    public record Command(ProcessSpec process, boolean stdin) {}

    Exec(Shims shims, TaskId task, String id, Pipes pipes, ProcessSpec process) {
        this.shims = shims;
        this.shim = shims.of(task);
        this.task = task;
        this.id = id;
        this.pipes = pipes;
        this.request = Shims.Of.request(task, id, process, pipes);
    }

    void register() {
        shim.exec(request);
        registered = true;
    }

    /**
     * Registers and starts the process and waits for its end; empty if the time is over.
     *
     * @param limit zero for none
     */
    Optional<Exit> run(Duration limit) {
        Duration patience = limit.isZero() ? TtrpcClient.FOREVER : limit;
        if (!shims.isOurs(task)) {
            register();
            start();
            return await(patience);
        }
        registered = true;
        started = true;
        try {
            Optional<Exit> exit = shims.runExec(task, request, limit);
            ended = exit.isPresent();
            registered = !ended; // what has ended is removed already
            return exit;
        } catch (Fault e) {
            if (e.code() == Fault.Code.UNAVAILABLE && shim.isStarted(task, id)) {
                return await(patience); // the next supervisor has adopted it
            }
            throw e;
        }
    }

    public String id() {
        return id;
    }

    /** Our end of its standard output, non-blocking; with a terminal, all that it prints. */
    public Fd stdout() {
        return pipes.stdout();
    }

    /** Our end of its standard error; null with a terminal. */
    public @Nullable Fd stderr() {
        return pipes.stderr();
    }

    /** Our end of its standard input; null if it has none. */
    public @Nullable Fd stdin() {
        return pipes.stdin();
    }

    /**
     * Starts the process.
     *
     * @return its pid as the host sees it
     * @throws dev.berth.kernel.Fault with the shim's code, for instance if the program cannot be run
     */
    public int start() {
        int pid = shim.start(task, id, Deadlines.RUNTIME);
        started = true;
        return pid;
    }

    /** Waits for its end; empty if the time is over. */
    public Optional<Exit> await(Duration limit) {
        Optional<Exit> exit = shim.await(task, id, limit);
        ended = ended || exit.isPresent();
        return exit;
    }

    /** Sends it a signal. */
    public void kill(int signal) {
        shim.kill(task, id, signal, false);
    }

    /** Sets the size of its terminal, in characters. */
    public void resize(int width, int height) {
        shim.resize(task, id, width, height);
    }

    /** Says that no more will be written to its standard input. */
    public void closeStdin() {
        if (pipes.stdin() != null) {
            pipes.stdin().close();
        }
        shim.closeStdin(task, id);
    }

    /** Removes it; a process that still runs is killed. Calling it again is harmless. */
    @Override
    public void close() throws IOException {
        try {
            if (registered) {
                registered = false;
                shim.removeExec(task, id, started && !ended);
            }
        } finally {
            pipes.remove();
        }
    }
}
