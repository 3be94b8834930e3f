package dev.berth.shim;

import dev.berth.kernel.Fault;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The supervisor's command line: {@code --state DIR --root DIR [--version VERSION] [--runtime NAME=PATH]...
 * [--without SHORTCUT]...}.
 *
 * @param state what is lost with a reboot: socket, journal, what runtimes know
 * @param root what outlives a reboot
 * @param version who we are to the daemon, which replaces one that is not what it would start
 * @param runtimes paths of OCI runtimes by name, before those that are found in PATH
 * @param shortcuts ways to be faster that are not turned off
 */
record Options(Path state, Path root, String version, Map<String, Path> runtimes, Set<Shortcut> shortcuts) {
    static final String USAGE =
            "supervisor --state DIR --root DIR [--version VERSION] [--runtime NAME=PATH]... [--without SHORTCUT]...; shortcuts are "
                    + Arrays.stream(Shortcut.values()).map(Shortcut::option).toList();

    private static final String UNKNOWN_VERSION = "unknown";

    static Options parse(List<String> arguments) {
        @Nullable Path state = null;
        Path root = Path.of("/var/lib/berth");
        String version = UNKNOWN_VERSION;
        Map<String, Path> runtimes = new LinkedHashMap<>();
        Set<Shortcut> shortcuts = EnumSet.allOf(Shortcut.class);
        for (int i = 0; i < arguments.size(); i += 2) {
            String option = arguments.get(i);
            if (i + 1 == arguments.size()) {
                throw bad(option + " has no value");
            }
            String value = arguments.get(i + 1);
            switch (option) {
                case "--state" -> state = absolute(option, value);
                case "--root" -> root = absolute(option, value);
                case "--version" -> version = value;
                case "--runtime" -> addRuntime(runtimes, value);
                case "--without" -> shortcuts.remove(shortcut(value));
                default -> throw bad(option + " is not known");
            }
        }
        if (state == null) {
            throw bad("--state is missing");
        }
        return new Options(state, root, version, Map.copyOf(runtimes), Set.copyOf(shortcuts));
    }

    private static Shortcut shortcut(String name) {
        return Arrays.stream(Shortcut.values())
                .filter(each -> each.option().equals(name))
                .findFirst()
                .orElseThrow(() -> bad("there is no shortcut " + name));
    }

    private static void addRuntime(Map<String, Path> runtimes, String value) {
        int equals = value.indexOf('=');
        if (equals < 1) {
            throw bad("--runtime wants NAME=PATH, not " + value);
        }
        runtimes.put(value.substring(0, equals), absolute("--runtime", value.substring(equals + 1)));
    }

    private static Path absolute(String option, String value) {
        Path path = Path.of(value).normalize();
        if (!path.isAbsolute()) {
            throw bad(option + " wants an absolute path, not " + value);
        }
        return path;
    }

    private static Fault bad(String why) {
        return Fault.invalid("start the supervisor", why, "Usage: " + USAGE);
    }
}
