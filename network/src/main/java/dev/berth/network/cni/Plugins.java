package dev.berth.network.cni;

import dev.berth.kernel.Fault;
import dev.berth.linux.Child;
import dev.berth.linux.Execution;
import dev.berth.linux.LinuxException;
import dev.berth.network.PodNetworkRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The programs: found in the directories, run with their environment, their refusals turned into faults. */
final class Plugins {
    /** What a plugin is asked to do. */
    enum Command {
        ADD,
        CHECK,
        DEL,
        STATUS,
        GC,
        VERSION
    }

    private static final String PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    private static final int MOST_OUTPUT_BYTES = 1 << 20;
    private static final int MOST_ERROR_BYTES = 16 << 10;
    private static final int MOST_SHOWN = 1000;
    private static final int TRY_AGAIN_LATER = 11;
    private static final int NOT_AVAILABLE = 50;
    private static final int LIMITED = 51;
    private static final String LOOK = "Look at the plugin's configuration and its own log";

    private final List<Path> directories;
    private final Duration limit;

    Plugins(List<Path> directories, Duration limit) {
        this.directories = directories;
        this.limit = limit;
    }

    /** Where the program of a plugin is; empty if it is nowhere. The type was checked to be no path. */
    Optional<Path> find(String type) {
        return directories.stream()
                .map(directory -> directory.resolve(type))
                .filter(file -> Files.isRegularFile(file) && Files.isExecutable(file))
                .findFirst();
    }

    /**
     * Where the program of a plugin is.
     *
     * @throws Fault FAILED_PRECONDITION if it is nowhere
     */
    Path require(String type) {
        return find(type)
                .orElseThrow(() -> Fault.precondition(
                        "CNI plugin " + type,
                        "there is no program " + type + " in " + directories(),
                        "Install the plugin or name its directory in network.bin_dirs"));
    }

    String directories() {
        return directories.stream().map(Path::toString).collect(Collectors.joining(", "));
    }

    /**
     * Runs a command that belongs to a pod.
     *
     * @return what the plugin printed
     * @throws Fault FAILED_PRECONDITION if there is no such plugin, DEADLINE_EXCEEDED if it does not end, UNAVAILABLE if it
     *     asks to be tried later, INTERNAL if it fails
     */
    String run(Command command, JsonObject config, PodArguments pod) throws InterruptedException {
        Map<String, String> variables = new LinkedHashMap<>();
        variables.put("CNI_CONTAINERID", pod.id());
        // Only DEL is asked of a pod whose namespace is gone, and then it must be told so.
        variables.put("CNI_NETNS", Files.exists(Path.of(pod.netns())) ? pod.netns() : "");
        variables.put("CNI_IFNAME", PodNetworkRequest.INTERFACE);
        variables.put("CNI_ARGS", pod.args());
        return run(command, config, variables);
    }

    /** Runs a command that belongs to no pod. */
    String run(Command command, JsonObject config) throws InterruptedException {
        return run(command, config, Map.of());
    }

    /** Whether a plugin says which versions it speaks, and this one is not among them. */
    boolean lacks(String type, CniVersion version) throws InterruptedException {
        try {
            JsonObject question = JsonObject.of("type", type).with("cniVersion", version.text());
            JsonObject answer = Json.object(run(Command.VERSION, question).getBytes(StandardCharsets.UTF_8));
            List<String> spoken = answer.texts("supportedVersions");
            return !spoken.isEmpty() && !spoken.contains(version.text());
        } catch (Fault | IllegalArgumentException e) {
            return false; // it does not say
        }
    }

    private String run(Command command, JsonObject config, Map<String, String> variables) throws InterruptedException {
        String type = config.text("type");
        String what = "CNI plugin " + type + " " + command;
        Path program = require(type);
        Map<String, String> environment =
                new LinkedHashMap<>(System.getenv()); // proxies and the like are meant for it too
        environment.putIfAbsent("PATH", PATH);
        environment.keySet().removeIf(name -> name.startsWith("CNI_"));
        environment.put("CNI_COMMAND", command.name());
        environment.put("CNI_PATH", directories.stream().map(Path::toString).collect(Collectors.joining(":")));
        environment.putAll(variables);
        try {
            return answer(
                    what,
                    Execution.run(
                            Child.command(program.toString()).environment(environment),
                            config.bytes(),
                            new Execution.Limits(limit, MOST_OUTPUT_BYTES, MOST_ERROR_BYTES)));
        } catch (LinuxException e) {
            throw Fault.internal(what, String.valueOf(e.getMessage()), "").causedBy(e);
        }
    }

    private String answer(String what, Execution.Outcome outcome) {
        return switch (outcome) {
            case Execution.Outcome.TimedOut timedOut ->
                throw Fault.deadline(
                        what,
                        "it did not end within " + limit.toSeconds() + " s and was killed" + said(timedOut.errors()),
                        "Look at the plugin's own log");
            case Execution.Outcome.Ended ended -> {
                if (!ended.status().isSuccess()) {
                    throw refusal(what, ended);
                }
                if (ended.tooMuch()) {
                    throw Fault.internal(what, "it printed more than a result can have", "");
                }
                yield ended.output();
            }
        };
    }

    /** A plugin that refuses prints why as JSON; one that breaks prints anything. */
    private static Fault refusal(String what, Execution.Outcome.Ended ended) {
        JsonObject error = JsonObject.EMPTY;
        try {
            error = Json.object(ended.output().getBytes(StandardCharsets.UTF_8));
        } catch (IllegalArgumentException notOne) {
            // Then its exit status and what it wrote to stderr must do.
            error = JsonObject.EMPTY;
        }
        if (!error.has("msg") && !error.has("code")) {
            String end = ended.status().signal() == 0
                    ? "it ended with code " + ended.status().code()
                    : "it was killed by signal " + ended.status().signal();
            return Fault.internal(what, end + said(ended.errors()) + said(ended.output()), LOOK);
        }
        String details = error.text("details");
        String why = shown(error.text("msg") + (details.isEmpty() ? "" : ": " + details))
                + error.integer("code").map(c -> " (CNI error " + c + ")").orElse("");
        return switch (error.integer("code").orElse(0)) {
            case TRY_AGAIN_LATER, NOT_AVAILABLE, LIMITED -> Fault.unavailable(what, why, "Try again later");
            default -> Fault.internal(what, why, LOOK);
        };
    }

    private static String said(String printed) {
        String text = shown(printed.strip());
        return text.isEmpty() ? "" : "; it said: " + text;
    }

    private static String shown(String text) {
        return text.length() > MOST_SHOWN ? text.substring(0, MOST_SHOWN) + "…" : text;
    }
}
