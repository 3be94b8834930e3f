package dev.berth.shim.runtime;

import dev.berth.kernel.Fault;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The OCI runtimes of this machine: those that can be used, and why the others cannot.
 *
 * <p>Each is looked at and tried on a thread of its own as soon as this object is made; whoever asks for one waits until that
 * is done. Thread-safe.
 */
public final class Runtimes implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Runtimes.class);
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final Duration AT_THE_END = Duration.ofSeconds(5);

    /** The names that are looked for when a client asks for none, best first. */
    private static final List<String> PREFERRED = List.of("crun", "runc");

    /**
     * A runtime that was looked for.
     *
     * @param program empty if it was not found or did not tell its version
     * @param reason why it cannot be used; empty if it can
     * @param features what it prints when asked for them, as JSON, or the part of it that is known without
     *     asking; empty if nothing is
     */
    public record Candidate(
            String name, Optional<RuntimeProgram> program, String reason, String remedy, String features) {
        static Candidate unusable(String name, Optional<RuntimeProgram> program, String reason, String remedy) {
            return new Candidate(name, program, reason, remedy, "");
        }

        /** True if containers can be run with it. */
        public boolean usable() {
            return program.isPresent() && reason.isEmpty();
        }
    }

    /** Runs a small container and fails if that fails. */
    public interface Trial {
        void run(RuntimeProgram program) throws IOException, InterruptedException;
    }

    private final Path scratch;
    private final Launcher launcher;
    private final Trial trial;
    private final Map<String, FutureTask<Candidate>> candidates = new LinkedHashMap<>();
    private final List<Thread> trials = new CopyOnWriteArrayList<>();
    private final Set<String> paths = new HashSet<>();
    private final Map<String, FutureTask<Candidate>> later = new ConcurrentSkipListMap<>();

    private Runtimes(Path scratch, Launcher launcher, Trial trial) {
        this.scratch = scratch;
        this.launcher = launcher;
        this.trial = trial;
    }

    /**
     * Begins to look for crun and runc in the directories of PATH, and for those of the config where it says.
     *
     * @param configured paths by name; they go before what is found
     * @param directories where to look, as in PATH
     * @param scratch a directory for a moment's files
     */
    public static Runtimes find(
            Map<String, Path> configured, List<Path> directories, Path scratch, Launcher launcher, Trial trial) {
        Runtimes runtimes = new Runtimes(scratch, launcher, trial);
        configured.forEach((name, path) -> runtimes.add(name, Optional.of(path)));
        for (String name : PREFERRED) {
            if (!configured.containsKey(name)) {
                runtimes.add(name, search(name, directories));
            }
        }
        return runtimes;
    }

    private static Optional<Path> search(String name, List<Path> directories) {
        return directories.stream()
                .map(directory -> directory.resolve(name))
                .filter(path -> path.isAbsolute() && Files.isExecutable(path))
                .findFirst();
    }

    private void add(String name, Optional<Path> path) {
        FutureTask<Candidate> look = new FutureTask<>(() -> look(name, path));
        candidates.put(name, look);
        path.ifPresent(it -> paths.add(it.toString()));
        begin(name, look);
    }

    private void begin(String name, FutureTask<Candidate> look) {
        trials.add(Thread.ofVirtual().name("try " + name).start(look));
    }

    /** Begins to try programs that the config of a later daemon names, unless that was done before. */
    public void also(Collection<String> more) {
        for (String path : more) {
            if (path.startsWith("/") && !paths.contains(path)) {
                later.computeIfAbsent(path, _ -> {
                    FutureTask<Candidate> look = lookAt(path);
                    begin(path, look);
                    return look;
                });
            }
        }
    }

    private FutureTask<Candidate> lookAt(String path) {
        return new FutureTask<>(() -> look(path, Optional.of(Path.of(path))));
    }

    /** By name; those of later daemons by path. */
    private Map<String, FutureTask<Candidate>> everything() {
        Map<String, FutureTask<Candidate>> all = new LinkedHashMap<>(candidates);
        all.putAll(later);
        return all;
    }

    private Candidate look(String name, Optional<Path> path) throws InterruptedException {
        Candidate candidate = path.isPresent()
                ? examine(name, path.get())
                : Candidate.unusable(name, Optional.empty(), "there is no " + name + " in PATH", "Install " + name);
        if (!candidate.usable()) {
            LOG.info("OCI runtime {} is not used: {}. {}", name, candidate.reason(), candidate.remedy());
        }
        return candidate;
    }

    private Candidate examine(String name, Path path) throws InterruptedException {
        Optional<RuntimeProgram> program = Optional.empty();
        if (!Files.isExecutable(path)) {
            return Candidate.unusable(
                    name, program, "there is no program " + path, "Install it, or correct the handler's path");
        }
        try {
            program = RuntimeProgram.recognise(name, path, output(List.of(path.toString(), "--version")));
            if (program.isEmpty()) {
                return Candidate.unusable(name, program, path + " does not tell its version", "Name an OCI runtime");
            }
            RuntimeProgram found = program.get();
            if (!found.isRecentEnough()) {
                return Candidate.unusable(
                        name,
                        program,
                        path + " is version " + found.version() + ", which has known holes",
                        "Install version " + found.kind().minimum() + " or later");
            }
            trial.run(found);
            return new Candidate(name, program, "", "", features(found));
        } catch (IOException | Fault e) {
            return Candidate.unusable(
                    name,
                    program,
                    path + " failed to run a container: " + e.getMessage(),
                    "Make it run one by hand, then restart the supervisor");
        }
    }

    private String features(RuntimeProgram program) throws InterruptedException {
        try {
            return output(List.of(program.path().toString(), "features"));
        } catch (IOException e) {
            // crun before 1.9 has no such command, but has known this option since 1.4.
            return program.kind() == RuntimeProgram.Kind.CRUN ? "{\"mountOptions\":[\"rro\"]}" : "";
        }
    }

    /** What a program prints that ends well. */
    private String output(List<String> argv) throws IOException, InterruptedException {
        Printed printed = run(argv, false);
        if (!printed.status().isSuccess()) {
            throw new IOException(String.join(" ", argv) + " ended with status "
                    + printed.status().number());
        }
        return printed.text();
    }

    /** What a program prints, also of its errors, however it ends. */
    String said(List<String> argv) throws IOException, InterruptedException {
        return run(argv, true).text();
    }

    private record Printed(ExitStatus status, String text) {}

    private Printed run(List<String> argv, boolean errors) throws IOException, InterruptedException {
        Path file = Files.createTempFile(scratch, "output", "");
        try (Fd out = Fd.open(file, Fd.O_WRONLY | Fd.O_APPEND)) {
            var streams = new Launcher.Streams(null, out, errors ? out : null);
            Launcher.Ended ended =
                    launcher.run(new Launcher.Command(Path.of(argv.getFirst()), argv, scratch, streams, LIMIT));
            if (ended.timedOut()) {
                throw new IOException(String.join(" ", argv) + " did not end within " + LIMIT.toSeconds() + " s");
            }
            return new Printed(
                    ended.status(), new String(Files.readAllBytes(file), StandardCharsets.UTF_8)); // whatever it is
        } finally {
            Files.delete(file);
        }
    }

    /** Lets the trials end, for some seconds: one that is broken off leaves a container behind. */
    @Override
    public void close() {
        try {
            for (Thread trial : trials) {
                trial.join(AT_THE_END);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** What came of all that were looked for; waits for the last. */
    public List<Candidate> all() throws InterruptedException {
        List<Candidate> all = new ArrayList<>();
        for (FutureTask<Candidate> look : everything().values()) {
            all.add(result(look));
        }
        return all;
    }

    /** What is known now; those that are still being tried cannot be used yet. */
    public List<Candidate> tried() throws InterruptedException {
        List<Candidate> now = new ArrayList<>();
        for (Map.Entry<String, FutureTask<Candidate>> each : everything().entrySet()) {
            now.add(
                    each.getValue().isDone()
                            ? result(each.getValue())
                            : Candidate.unusable(each.getKey(), Optional.empty(), "it is being tried", "Wait"));
        }
        return now;
    }

    /**
     * The runtime of a name or path; the best one that can be used if the name is empty. Waits until it has been tried.
     *
     * @throws Fault FAILED_PRECONDITION if it cannot be used, with the reason
     */
    public RuntimeProgram get(String name) throws InterruptedException {
        if (name.isEmpty()) {
            return best();
        }
        FutureTask<Candidate> known = candidates.get(name);
        Candidate candidate = known == null ? byPath(name) : result(known);
        if (!candidate.usable()) {
            throw Fault.precondition("use the OCI runtime " + candidate.name(), candidate.reason(), candidate.remedy());
        }
        return candidate.program().orElseThrow();
    }

    private RuntimeProgram best() throws InterruptedException {
        StringBuilder reasons = new StringBuilder();
        for (FutureTask<Candidate> look : candidates.values()) {
            Candidate candidate = present(result(look));
            if (candidate.usable()) {
                return candidate.program().orElseThrow();
            }
            reasons.append(reasons.isEmpty() ? "" : "; ").append(candidate.reason());
        }
        throw Fault.precondition("find an OCI runtime", reasons.toString(), "Install crun or runc");
    }

    /** Unless it was removed since it was tried: then the next best is as good. */
    private static Candidate present(Candidate candidate) {
        Optional<Path> path = candidate.program().map(RuntimeProgram::path);
        return path.isEmpty() || Files.isExecutable(path.get())
                ? candidate
                : Candidate.unusable(
                        candidate.name(), candidate.program(), "there is no program " + path.get(), "Install it");
    }

    private Candidate byPath(String path) throws InterruptedException {
        for (FutureTask<Candidate> look : candidates.values()) {
            Candidate candidate = result(look);
            if (candidate
                    .program()
                    .filter(p -> p.path().toString().equals(path))
                    .isPresent()) {
                return candidate;
            }
        }
        if (!path.startsWith("/")) {
            throw Fault.precondition(
                    "find the OCI runtime " + path, "it is not one of " + candidates.keySet(), "Name it in the config");
        }
        return added(path);
    }

    /** One that the config of a later daemon names. What could not be used may be mended by now, and is tried anew. */
    private Candidate added(String path) throws InterruptedException {
        FutureTask<Candidate> known = later.get(path);
        if (known != null && known.isDone() && !result(known).usable()) {
            later.remove(path, known);
        }
        FutureTask<Candidate> look = later.computeIfAbsent(path, this::lookAt);
        look.run(); // does nothing if another thread has begun
        return result(look);
    }

    private static Candidate result(FutureTask<Candidate> look) throws InterruptedException {
        try {
            return look.get();
        } catch (ExecutionException e) {
            throw Fault.internal("try an OCI runtime", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }
}
