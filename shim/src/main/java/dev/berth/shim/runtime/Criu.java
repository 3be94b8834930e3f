package dev.berth.shim.runtime;

import dev.berth.kernel.Fault;
import dev.berth.linux.FileSizeLimit;
import dev.berth.linux.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * CRIU, the program that writes down the state of processes and makes them anew from it, for runtimes that run it.
 *
 * <p>Killed in the middle it would leave the processes that it writes down with its own code in them, their connections in
 * repair and their network locked. So where it shall end early its next write into a file fails: then it does what it does
 * when the disk is full, takes everything back and lets them run. For that it is started through a script that makes it
 * ignore the signal for a file that is too long.
 *
 * @see <a href="https://criu.org/CLI">CRIU: its options, files and logs</a>
 */
public final class Criu {
    /**
     * Names a file with options for it. Whoever describes a container must not choose them: one is a program that it runs as
     * root of the node.
     */
    public static final String ANNOTATION = "org.criu.config";

    private static final Logger LOG = LoggerFactory.getLogger(Criu.class);
    private static final String NAME = "criu";
    private static final String CONFIG = "CRIU_CONFIG_FILE";

    private final List<Path> directories;
    private final Path place;
    private final Probe probe;

    /** Runs a program and returns what it printed, however it ended. */
    interface Probe {
        String saidBy(List<String> argv) throws IOException, InterruptedException;
    }

    /**
     * The one of this machine, if it has one.
     *
     * @param directories where to look, as in PATH, each time that it is needed: it may be installed later
     * @param place a directory for the script, from which programs can be run
     * @param runtimes which can run it
     */
    public Criu(List<Path> directories, Path place, Runtimes runtimes) {
        this(directories, place, runtimes::said);
    }

    Criu(List<Path> directories, Path place, Probe probe) {
        this.directories = List.copyOf(directories);
        this.place = place;
        this.probe = probe;
    }

    /**
     * Makes sure that there is one and that the runtime can use it.
     *
     * @throws Fault FAILED_PRECONDITION if not, with what is missing
     */
    public void require(String what, RuntimeProgram runtime) throws InterruptedException {
        if (runtime.kind() == RuntimeProgram.Kind.CRUN && !canUseIt(runtime)) {
            throw Fault.precondition(
                    what,
                    runtime.path() + " is built without CRIU",
                    "Install runc or a crun that shows +CRIU with its version, and name it in the runtime handler");
        }
        program(what);
    }

    private boolean canUseIt(RuntimeProgram runtime) throws InterruptedException {
        try {
            return probe.saidBy(List.of(runtime.path().toString(), "--version")).contains("+CRIU");
        } catch (IOException e) {
            LOG.warn("{} does not tell what it is made with", runtime.path(), e);
            return true; // it will say so itself
        }
    }

    private Path program(String what) {
        return directories.stream()
                .map(directory -> directory.resolve(NAME))
                .filter(path -> path.isAbsolute() && Files.isExecutable(path))
                .findFirst()
                .orElseThrow(() -> Fault.precondition(
                        what,
                        "there is no program criu in PATH, which writes down the state of processes",
                        "Install criu 4 or later on the node"));
    }

    /**
     * How a runtime runs it.
     *
     * @param config a file with further options for it; need not exist
     */
    public Launcher.Helper helper(String what, Path config) {
        return helper(what, config, () -> false);
    }

    /**
     * As {@link #helper(String, Path)}.
     *
     * @param vain whether what it works on is on its end, so that no good order is needed when it shall come to its own
     */
    public Launcher.Helper helper(String what, Path config, BooleanSupplier vain) {
        Path program = program(what);
        return new Launcher.Helper(
                script(program), Map.of(CONFIG, config.toString()), pid -> endBelow(pid, program, vain.getAsBoolean()));
    }

    /** The directory of the script, or of the program where no script can be had. */
    private Path script(Path program) {
        Path script = place.resolve(NAME);
        try {
            String text = """
                    #!/bin/sh
                    # A write that is refused shall fail and not kill.
                    trap '' XFSZ
                    exec '%s' "$@"
                    """.formatted(program.toString().replace("'", "'\\''"));
            if (!Files.exists(script) || !Files.readString(script).equals(text)) {
                Files.createDirectories(place);
                Path fresh = Files.createTempFile(place, NAME, "");
                Files.writeString(fresh, text);
                Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rwx------"));
                Files.move(fresh, script, StandardCopyOption.ATOMIC_MOVE);
            }
            if (Files.isExecutable(script)) {
                return place;
            }
            LOG.warn("{} cannot be run: a checkpoint that is late is ended by force", script);
        } catch (IOException e) {
            LOG.warn("{} cannot be written: a checkpoint that is late is ended by force", script, e);
        }
        return program.resolveSibling("");
    }

    /** Ends those that a program has started, in good order or by force. */
    private static void endBelow(int pid, Path program, boolean force) throws IOException {
        Path file = program.toRealPath();
        try (Stream<ProcessHandle> below = ProcessHandle.of(pid).stream().flatMap(ProcessHandle::descendants)) {
            for (ProcessHandle each : below.toList()) {
                if (each.info().command().filter(file.toString()::equals).isPresent()) {
                    boolean _ = force
                            ? Signals.send((int) each.pid(), Signals.KILL)
                            : FileSizeLimit.set((int) each.pid(), 0);
                }
            }
        }
    }

    /**
     * What a failed call of a runtime that ran it means.
     *
     * @param log where it wrote what it did
     */
    public Fault explain(String what, Fault failed, Path log) throws InterruptedException {
        if (failed.code() == Fault.Code.DEADLINE_EXCEEDED || failed.code() == Fault.Code.FAILED_PRECONDITION) {
            return failed;
        }
        String said =
                CriuLog.errorsIn(log).map(errors -> "; criu says: " + errors).orElse("");
        Optional<String> reason = cannot(what);
        return reason.isPresent()
                ? Fault.precondition(
                                what,
                                "criu cannot do its work on this kernel: " + reason.get() + said,
                                "Install a criu that is as new as the kernel, 4 or later")
                        .causedBy(failed)
                : Fault.of(failed.code(), what, failed.getMessage() + said, "").causedBy(failed);
    }

    /** Why it cannot do its work on this machine; empty if it can, or does not tell. */
    private Optional<String> cannot(String what) throws InterruptedException {
        try {
            String said = probe.saidBy(List.of(program(what).toString(), "check"));
            return said.contains("Looks good") ? Optional.empty() : CriuLog.errors(said);
        } catch (IOException e) {
            LOG.warn("criu cannot be asked whether it can work here", e);
            return Optional.empty();
        }
    }
}
