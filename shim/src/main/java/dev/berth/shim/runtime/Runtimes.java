package dev.berth.shim.runtime;

import dev.berth.kernel.Fault;
import dev.berth.linux.Fd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The OCI runtimes of this machine: those that can be used, and why the others cannot. Immutable. */
public final class Runtimes {
    private static final Logger LOG = LoggerFactory.getLogger(Runtimes.class);
    private static final Duration LIMIT = Duration.ofSeconds(20);

    /** The names that are looked for when a client asks for none, best first. */
    private static final List<String> PREFERRED = List.of("crun", "runc");

    /**
     * A runtime that was looked for.
     *
     * @param program empty if it was not found or did not tell its version
     * @param reason why it cannot be used; empty if it can
     */
    public record Candidate(String name, Optional<RuntimeProgram> program, String reason, String remedy) {
        public boolean usable() {
            return program.isPresent() && reason.isEmpty();
        }

        Candidate refused(String because, String whatToDo) {
            return new Candidate(name, program, because, whatToDo);
        }
    }

    private final Map<String, Candidate> candidates;

    private Runtimes(Map<String, Candidate> candidates) {
        this.candidates = candidates;
    }

    /**
     * Looks for crun and runc in the directories of PATH, and for those of the config where it says.
     *
     * @param configured paths by name; they go before what is found
     * @param directories where to look, as in PATH
     * @param scratch a directory for a moment's files
     */
    public static Runtimes find(Map<String, Path> configured, List<Path> directories, Path scratch, Launcher launcher)
            throws InterruptedException {
        Map<String, Candidate> found = new LinkedHashMap<>();
        for (Map.Entry<String, Path> each : configured.entrySet()) {
            found.put(each.getKey(), candidate(each.getKey(), each.getValue(), scratch, launcher));
        }
        for (String name : PREFERRED) {
            if (!found.containsKey(name)) {
                found.put(name, search(name, directories, scratch, launcher));
            }
        }
        return new Runtimes(found);
    }

    private static Candidate search(String name, List<Path> directories, Path scratch, Launcher launcher)
            throws InterruptedException {
        for (Path directory : directories) {
            Path path = directory.resolve(name);
            if (path.isAbsolute() && Files.isExecutable(path)) {
                return candidate(name, path, scratch, launcher);
            }
        }
        return new Candidate(name, Optional.empty(), "there is no " + name + " in PATH", "apt-get install " + name);
    }

    private static Candidate candidate(String name, Path path, Path scratch, Launcher launcher)
            throws InterruptedException {
        try {
            Optional<RuntimeProgram> program = RuntimeProgram.recognise(
                    name, path, output(List.of(path.toString(), "--version"), scratch, launcher));
            if (program.isEmpty()) {
                return new Candidate(name, program, path + " does not tell its version", "Name an OCI runtime");
            }
            Candidate candidate = new Candidate(name, program, "", "");
            RuntimeProgram found = program.get();
            if (!found.isRecentEnough()) {
                String minimum = found.kind().minimum();
                return candidate.refused(
                        path + " is version " + found.version() + ", which has known holes",
                        "Install version " + minimum + " or later");
            }
            return candidate;
        } catch (IOException e) {
            return new Candidate(
                    name,
                    Optional.empty(),
                    path + " cannot be run: " + e.getMessage(),
                    "Install it or change the config");
        }
    }

    /** What a program prints. */
    static String output(List<String> argv, Path scratch, Launcher launcher) throws IOException, InterruptedException {
        Path file = Files.createTempFile(scratch, "output", "");
        try (Fd out = Fd.open(file, Fd.O_WRONLY)) {
            var streams = new Launcher.Streams(null, out, null);
            Launcher.Ended ended = launcher.run(new Launcher.Command(argv, scratch, streams, LIMIT));
            if (!ended.status().isSuccess()) {
                throw new IOException("it ended with status " + ended.status().number());
            }
            return Files.readString(file);
        } finally {
            Files.delete(file);
        }
    }

    /** The same with those refused that fail a trial. */
    public Runtimes tried(Trial trial) throws InterruptedException {
        Map<String, Candidate> tried = new LinkedHashMap<>();
        for (Candidate candidate : candidates.values()) {
            tried.put(candidate.name(), candidate.usable() ? tryOut(candidate, trial) : candidate);
        }
        return new Runtimes(tried);
    }

    /** Runs a small container. */
    public interface Trial {
        void run(RuntimeProgram program) throws IOException, InterruptedException;
    }

    private static Candidate tryOut(Candidate candidate, Trial trial) throws InterruptedException {
        try {
            trial.run(candidate.program().orElseThrow());
            return candidate;
        } catch (Fault | IOException e) {
            LOG.warn("{} cannot be used: {}", candidate.name(), e.getMessage());
            return candidate.refused(String.valueOf(e.getMessage()), "Make it run a container by hand, then restart");
        }
    }

    public List<Candidate> all() {
        return new ArrayList<>(candidates.values());
    }

    /**
     * The runtime of a name or path; the best one that can be used if the name is empty.
     *
     * @throws Fault FAILED_PRECONDITION if it cannot be used, with the reason
     */
    public RuntimeProgram get(String name) {
        if (name.isEmpty()) {
            return candidates.values().stream()
                    .filter(Candidate::usable)
                    .findFirst()
                    .flatMap(Candidate::program)
                    .orElseThrow(this::none);
        }
        Candidate candidate = candidates.get(name);
        if (candidate == null) {
            candidate = candidates.values().stream()
                    .filter(each -> each.program()
                            .map(program -> program.path().toString().equals(name))
                            .orElse(false))
                    .findFirst()
                    .orElseThrow(() -> Fault.precondition(
                            "find the OCI runtime " + name,
                            "it is not one of " + candidates.keySet(),
                            "Name it in the config"));
        }
        if (!candidate.usable()) {
            throw Fault.precondition("use the OCI runtime " + candidate.name(), candidate.reason(), candidate.remedy());
        }
        return candidate.program().orElseThrow();
    }

    private Fault none() {
        StringBuilder reasons = new StringBuilder();
        candidates
                .values()
                .forEach(each -> reasons.append(reasons.isEmpty() ? "" : "; ")
                        .append(each.name())
                        .append(": ")
                        .append(each.reason()));
        return Fault.precondition("find an OCI runtime", reasons.toString(), "Install crun or runc");
    }
}
