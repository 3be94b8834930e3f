package dev.berth.shim.runtime;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Poller;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The command line of one OCI runtime with one state directory.
 *
 * <p>Every call runs the program once and waits for it. A call that fails throws a {@link Fault} with the runtime's own
 * reason, and leaves what the runtime left: undoing is the caller's.
 */
public final class OciRuntime {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final int PRINTED_FLAGS = Fd.O_WRONLY | Fd.O_CREAT | Fd.O_APPEND;
    private static final int PRINTED_MODE = 0600;

    /** Who makes the cgroups of a container and moves it there. */
    public enum Cgroups {
        /** The runtime, by writing into cgroupfs. */
        RUNTIME,
        /** The runtime, by asking systemd. */
        SYSTEMD,
        /** We: the runtime is born in them and stays there. Only crun can be told so. */
        OURS
    }

    /**
     * What a container is made of.
     *
     * @param bundle directory of config.json
     * @param pidFile where the runtime writes the process id of the container's init
     * @param consoleSocket where it sends the terminal; null without one
     */
    public record Create(
            String id,
            Path bundle,
            Path pidFile,
            @Nullable Path consoleSocket,
            boolean noPivot,
            boolean noNewKeyring) {}

    /**
     * A further process in a container.
     *
     * @param process file with the OCI process as JSON
     */
    public record Exec(
            String id, Path process, Path pidFile, @Nullable Path consoleSocket) {}

    /**
     * The state of a container's processes that is to be written down.
     *
     * @param images directory for it
     * @param work directory for what is told of the work
     * @param cgroupsMode how cgroups are written down: soft, full, strict, ignore; empty for the runtime's own choice
     * @param emptyNamespaces kinds of namespaces whose content is left out
     */
    public record Checkpoint(
            String id, Path images, Path work, Set<Kept> kept, String cgroupsMode, List<String> emptyNamespaces) {
        public Checkpoint {
            kept = Set.copyOf(kept);
            emptyNamespaces = List.copyOf(emptyNamespaces);
        }
    }

    /** What a checkpoint may take in or leave. */
    public enum Kept {
        RUNNING("--leave-running"),
        CONNECTIONS("--tcp-established"),
        UNIX_CONNECTIONS("--ext-unix-sk"),
        TERMINAL("--shell-job"),
        FILE_LOCKS("--file-locks");

        private final String option;

        Kept(String option) {
            this.option = option;
        }
    }

    /**
     * A container that goes on from a checkpoint.
     *
     * @param create what it is made of
     * @param images where its state is
     * @param work directory for what is told of the work
     */
    public record Restore(Create create, Path images, Path work) {}

    private static final String START_FIFO = "exec.fifo";
    private static final Duration UNTIL_INIT_WAITS = Duration.ofSeconds(5);

    private final RuntimeProgram program;
    private final Path executable;
    private final Path root;
    private final Path logs;
    private final Cgroups cgroups;
    private final AtomicLong calls = new AtomicLong();

    /**
     * A runtime.
     *
     * @param executable the program's file, or a copy of it
     * @param root the runtime's own state directory
     * @param logs an existing directory for what each call says, which is removed after the call
     */
    public OciRuntime(RuntimeProgram program, Path executable, Path root, Path logs, Cgroups cgroups) {
        this.program = program;
        this.executable = executable;
        this.root = root;
        this.logs = logs;
        this.cgroups = cgroups;
    }

    public RuntimeProgram program() {
        return program;
    }

    /** The directory in which the runtime keeps what it knows of a container. */
    public Path stateOf(String id) {
        return root.resolve(id);
    }

    /**
     * Makes a container and returns the process id of its init, which waits for {@link #start}.
     *
     * @param command the first word of its command, for the message if it is not there
     */
    public int create(Create create, String command, Launcher.Streams streams, Launcher launcher)
            throws InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("create"));
        add(arguments, "--bundle", create.bundle());
        add(arguments, "--pid-file", create.pidFile());
        add(arguments, "--console-socket", create.consoleSocket());
        if (create.noPivot()) {
            arguments.add("--no-pivot");
        }
        if (create.noNewKeyring()) {
            arguments.add("--no-new-keyring");
        }
        arguments.add(create.id());
        run("OCI runtime create failed", command, arguments, streams, launcher);
        return pid(create.pidFile());
    }

    /**
     * Writes down the state of a container's processes.
     *
     * @param limit how long it may take
     * @param criu the program that does it
     */
    public void checkpoint(Checkpoint wanted, Duration limit, Launcher.Helper criu, Launcher launcher)
            throws InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("checkpoint"));
        add(arguments, "--image-path", wanted.images());
        add(arguments, "--work-path", wanted.work());
        for (Kept each : Kept.values()) {
            if (wanted.kept().contains(each)) {
                arguments.add(each.option);
            }
        }
        if (!wanted.cgroupsMode().isEmpty()) {
            arguments.add("--manage-cgroups-mode");
            arguments.add(wanted.cgroupsMode());
        }
        for (String namespace : wanted.emptyNamespaces()) {
            arguments.add("--empty-ns");
            arguments.add(namespace);
        }
        arguments.add(wanted.id());
        run(new Run("OCI runtime checkpoint failed", "", arguments, Launcher.Streams.NONE, limit, criu), launcher);
    }

    /** Makes a container whose processes go on from a checkpoint, and returns the process id of its init, which runs. */
    public int restore(
            Restore wanted, Duration limit, Launcher.Streams streams, Launcher.Helper criu, Launcher launcher)
            throws InterruptedException {
        Create create = wanted.create();
        List<String> arguments = new ArrayList<>(List.of("restore", "--detach"));
        add(arguments, "--bundle", create.bundle());
        add(arguments, "--pid-file", create.pidFile());
        add(arguments, "--console-socket", create.consoleSocket());
        add(arguments, "--image-path", wanted.images());
        add(arguments, "--work-path", wanted.work());
        for (Kept each : List.of(Kept.CONNECTIONS, Kept.UNIX_CONNECTIONS, Kept.FILE_LOCKS)) {
            arguments.add(each.option); // harmless where the checkpoint has none
        }
        if (create.noPivot() && program.kind() != RuntimeProgram.Kind.CRUN) {
            arguments.add("--no-pivot");
        }
        arguments.add(create.id());
        run(new Run("OCI runtime restore failed", "", arguments, streams, limit, criu), launcher);
        return pid(create.pidFile());
    }

    /** Lets the program of a created container begin. */
    public void start(String id, Launcher launcher) throws InterruptedException {
        run("OCI runtime start failed", "", List.of("start", id), Launcher.Streams.NONE, launcher);
    }

    /**
     * Lets the program of a created container begin without running the runtime: its init waits in a FIFO of the runtime's
     * state directory. Only for containers without hooks.
     *
     * @return false if that is not possible; then nothing has been done
     */
    public boolean startByFifo(String id) throws IOException, InterruptedException {
        Path fifo = stateOf(id).resolve(START_FIFO);
        return switch (program.kind()) {
            case CRUN -> writeStart(fifo);
            case RUNC -> readStart(fifo);
            case OTHER -> false;
        };
    }

    /** crun's init reads until somebody writes. */
    private static boolean writeStart(Path fifo) throws IOException {
        try (Fd writer = Fifo.openWriter(fifo)) {
            Files.delete(fifo);
            return writer.write(new byte[] {0}) == 1;
        } catch (LinuxException e) {
            return refused(e);
        }
    }

    /** runc's init writes as soon as somebody reads. */
    private static boolean readStart(Path fifo) throws IOException, InterruptedException {
        try (Fd reader = Fifo.openReader(fifo)) {
            if (!Poller.awaitReadable(reader, UNTIL_INIT_WAITS) || reader.read(new byte[1]) != 1) {
                return false;
            }
            Files.delete(fifo);
            return true;
        } catch (LinuxException e) {
            return refused(e);
        }
    }

    private static boolean refused(LinuxException e) throws LinuxException {
        if (e.is(Errno.ENOENT) || e.is(Errno.ENXIO)) {
            return false;
        }
        throw e;
    }

    /**
     * Removes what the runtime knows of a container without running it. Only for a container that has ended, without hooks,
     * whose cgroup somebody else removes.
     *
     * @return false if this runtime may keep more than that; then nothing has been done
     */
    public boolean forget(String id) throws IOException {
        if (program.kind() == RuntimeProgram.Kind.OTHER) {
            return false;
        }
        Path state = stateOf(id);
        if (Files.isDirectory(state)) {
            try (Stream<Path> files = Files.list(state)) {
                for (Path file : files.toList()) {
                    Files.delete(file); // plain files; a directory is none of those that we know, and stops us
                }
            }
            Files.delete(state);
        }
        return true;
    }

    /** Starts a further process and returns its process id. */
    public int exec(Exec exec, String command, Launcher.Streams streams, Launcher launcher)
            throws InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("exec", "--detach"));
        add(arguments, "--process", exec.process());
        add(arguments, "--pid-file", exec.pidFile());
        add(arguments, "--console-socket", exec.consoleSocket());
        arguments.add(exec.id());
        run("OCI runtime exec failed", command, arguments, streams, launcher);
        return pid(exec.pidFile());
    }

    /** Sends a signal to the init, or to all processes of the container. */
    public void kill(String id, int signal, boolean all, Launcher launcher) throws InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("kill"));
        if (all) {
            arguments.add("--all");
        }
        arguments.add(id);
        arguments.add(Integer.toString(signal));
        run("OCI runtime kill failed", "", arguments, Launcher.Streams.NONE, launcher);
    }

    /**
     * Removes what the runtime knows of a container; harmless if it knows nothing of it.
     *
     * @param force kill it first if it is alive
     */
    public void delete(String id, boolean force, Launcher launcher) throws InterruptedException {
        List<String> arguments = force ? List.of("delete", "--force", id) : List.of("delete", id);
        try {
            run("OCI runtime delete failed", "", arguments, Launcher.Streams.NONE, launcher);
        } catch (Fault fault) {
            if (Files.exists(stateOf(id))) {
                throw fault;
            }
        }
    }

    public void pause(String id, Launcher launcher) throws InterruptedException {
        run("OCI runtime pause failed", "", List.of("pause", id), Launcher.Streams.NONE, launcher);
    }

    public void resume(String id, Launcher launcher) throws InterruptedException {
        run("OCI runtime resume failed", "", List.of("resume", id), Launcher.Streams.NONE, launcher);
    }

    /**
     * Sets limits of a running container.
     *
     * @param resources file with the OCI resources as JSON
     */
    public void update(String id, Path resources, Launcher launcher) throws InterruptedException {
        List<String> arguments = List.of("update", "--resources", resources.toString(), id);
        run("OCI runtime update failed", "", arguments, Launcher.Streams.NONE, launcher);
    }

    private void run(String what, String command, List<String> arguments, Launcher.Streams streams, Launcher launcher)
            throws InterruptedException {
        run(new Run(what, command, arguments, streams, LIMIT, null), launcher);
    }

    private record Run(
            String what,
            String command,
            List<String> arguments,
            Launcher.Streams streams,
            Duration limit,
            Launcher.@Nullable Helper helper) {}

    /** A call without streams of a container has a standard error of its own, for what is not in its log. */
    private void run(Run run, Launcher launcher) throws InterruptedException {
        long call = calls.incrementAndGet();
        Path log = logs.resolve("log." + call);
        Path printed = logs.resolve("printed." + call);
        Launcher.Streams streams = run.streams();
        try (Fd own = streams.error() == null ? Fd.open(printed, PRINTED_FLAGS, PRINTED_MODE) : null) {
            var all = new Launcher.Streams(streams.input(), streams.output(), own == null ? streams.error() : own);
            Launcher.Ended ended = launcher.run(
                    new Launcher.Command(executable, argv(log, run.arguments()), logs, all, run.limit(), run.helper()));
            if (ended.timedOut()) {
                throw tooLate(run);
            }
            if (!ended.status().isSuccess()) {
                throw RuntimeError.of(
                        run.what(), run.command(), log, withoutReason(ended.status(), own == null ? null : printed));
            }
        } catch (IOException e) {
            if (isForMemory(e)) {
                throw Fault.exhausted(
                                run.what(),
                                "there is not even the memory to begin: " + e.getMessage(),
                                "Give the container a higher limit of memory, or make room on the node")
                        .causedBy(e);
            }
            throw cannotBeRun(run.what(), e).causedBy(e);
        } finally {
            discard(log);
            discard(printed);
        }
    }

    private Fault tooLate(Run run) {
        return Fault.deadline(
                run.what(),
                program.name() + " did not end within " + run.limit().toSeconds() + " s",
                run.helper() == null
                        ? "Look for a file system that hangs below the container's root or volumes"
                        : "Give it more time: what takes it is the memory of the container, and the disk");
    }

    private Fault cannotBeRun(String what, IOException e) {
        String why = program.path() + " cannot be run: " + e.getMessage();
        String remedy = "Install it, or correct the handler's path";
        return Files.isExecutable(program.path())
                ? Fault.internal(what, why, remedy)
                : Fault.precondition(what, why, remedy);
    }

    /** Whoever enters the cgroup of a container with a tiny limit can hardly open a file. */
    private static boolean isForMemory(IOException e) {
        return e instanceof LinuxException linux
                ? linux.is(Errno.ENOMEM)
                : String.valueOf(e.getMessage()).contains("Cannot allocate memory");
    }

    /** What there is to say of a call that left no error in its log. */
    private String withoutReason(ExitStatus status, @Nullable Path printed) {
        String ended = program.path() + " ended with status " + status.number();
        if (printed == null) {
            return ended + " and told no reason; what it printed, if anything, is in the container's own output";
        }
        String said = RuntimeError.end(printed);
        return said.isEmpty() ? ended + " and said nothing" : ended + " and said: " + said;
    }

    /** The whole command line: what is common to all calls, then the call's own part. */
    List<String> argv(Path log, List<String> arguments) {
        List<String> argv = new ArrayList<>();
        argv.add(program.path().toString());
        add(argv, "--root", root);
        add(argv, "--log", log);
        argv.add("--log-format");
        argv.add("json");
        if (cgroups == Cgroups.SYSTEMD) {
            argv.add("--systemd-cgroup");
        } else if (cgroups == Cgroups.OURS) {
            argv.add("--cgroup-manager=disabled");
        }
        argv.addAll(arguments);
        return argv;
    }

    private static void add(List<String> arguments, String option, @Nullable Path value) {
        if (value != null) {
            arguments.add(option);
            arguments.add(value.toString());
        }
    }

    private static int pid(Path file) {
        try {
            String text = Files.readString(file, StandardCharsets.US_ASCII).strip();
            return Optional.of(Integer.parseInt(text)).filter(pid -> pid > 0).orElseThrow(NumberFormatException::new);
        } catch (IOException | NumberFormatException e) {
            throw Fault.internal("read " + file, "the runtime left no process id there", "")
                    .causedBy(e);
        }
    }

    private static void discard(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            // It lies in the task's own directory, which is removed as a whole.
        }
    }
}
