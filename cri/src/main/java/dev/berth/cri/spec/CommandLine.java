package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.ContainerConfig.EnvVar;
import dev.berth.kernel.Fault;
import dev.berth.oci.ImageConfig;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What is run, with which environment, where: the request's words over the image's. */
final class CommandLine {
    private static final String PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private CommandLine() {}

    /**
     * The request's command replaces the image's entrypoint and makes its arguments void; the request's arguments alone
     * replace only the image's.
     *
     * @throws Fault INVALID_ARGUMENT if nothing is left to run
     */
    static List<String> args(ContainerConfig config, ImageConfig.Execution image) {
        List<String> args = new ArrayList<>();
        if (config.command().isEmpty()) {
            args.addAll(image.entrypoint().equals(List.of("")) ? List.of() : image.entrypoint());
            args.addAll(config.args().isEmpty() ? image.cmd() : config.args());
        } else {
            args.addAll(config.command());
            args.addAll(config.args());
        }
        if (args.isEmpty() || args.getFirst().isEmpty()) {
            throw Fault.invalid(
                    "create container",
                    "there is nothing to run: neither the request nor the image names a command",
                    "Give a command");
        }
        for (String arg : args) {
            refuseNul("an argument of the command", arg);
        }
        return List.copyOf(args);
    }

    /** Defaults, then the image's variables, then the host's name, then the request's; the last one of a name counts. */
    static List<String> env(ContainerConfig config, ImageConfig.Execution image, String hostname) {
        Map<String, String> env = new LinkedHashMap<>();
        env.put("PATH", PATH);
        if (config.tty()) {
            env.put("TERM", "xterm");
        }
        for (String line : image.env()) {
            int equals = line.indexOf('=');
            refuseNul("a variable of the image", line);
            if (equals > 0) { // anything else is no variable, and an image must not fail for it
                env.put(line.substring(0, equals), line.substring(equals + 1));
            }
        }
        env.put("HOSTNAME", hostname);
        for (EnvVar variable : config.env()) {
            refuseNul("a variable", variable.name() + variable.value());
            if (variable.name().isEmpty() || variable.name().indexOf('=') >= 0) {
                throw Fault.invalid(
                        "create container",
                        "\"" + Shown.of(variable.name()) + "\" is not the name of a variable",
                        "Name it without =");
            }
            env.put(variable.name(), variable.value());
        }
        return env.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList();
    }

    /** An absolute path without {@code ..}; the runtime resolves it inside the container's root and makes it if need be. */
    static String directory(ContainerConfig config, ImageConfig.Execution image) {
        boolean asked = !config.workingDir().isEmpty();
        String wanted = asked ? config.workingDir() : image.workingDir();
        if (wanted.isEmpty()) {
            return "/";
        }
        if (asked && !wanted.startsWith("/")) {
            throw Fault.invalid(
                    "create container",
                    "the working directory \"" + Shown.of(wanted) + "\" is not absolute",
                    "Begin it with /");
        }
        refuseNul("the working directory", wanted);
        try {
            Path path = Path.of("/").resolve(wanted).normalize();
            if (path.startsWith("/proc") && path.toString().contains("/fd")) {
                // a descriptor that a runtime leaks would lead to the host
                throw Fault.invalid(
                        "create container", "the working directory lies among descriptors in /proc", "Use another");
            }
            return path.toString();
        } catch (InvalidPathException e) {
            throw Fault.invalid("create container", "the working directory is not a path", "Give an absolute path")
                    .causedBy(e);
        }
    }

    private static void refuseNul(String what, String text) {
        if (text.indexOf('\0') >= 0) {
            throw Fault.invalid("create container", what + " has a NUL in it", "Take it out");
        }
    }
}
