package dev.berth.cri.spec;

import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.kernel.Fault;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Which kernel settings a pod may have: those of a namespace that is its own, so that no other pod and not the node feels
 * them. Name and value stay apart all the way; nothing joins them into a line (CVE-2022-0811).
 */
public final class Sysctls {
    private static final Pattern PART = Pattern.compile("[A-Za-z0-9_@:.-]{1,128}");
    private static final int MOST = 128;
    private static final int LONGEST_VALUE = 1024;

    /** Settings of an IPC namespace. */
    private static final Set<String> IPC = Set.of(
            "kernel/auto_msgmni",
            "kernel/msgmax",
            "kernel/msgmnb",
            "kernel/msgmni",
            "kernel/msg_next_id",
            "kernel/sem",
            "kernel/sem_next_id",
            "kernel/shmall",
            "kernel/shmmax",
            "kernel/shmmni",
            "kernel/shm_next_id",
            "kernel/shm_rmid_forced");

    private Sysctls() {}

    /**
     * The settings with their names as paths below /proc/sys.
     *
     * @param asked names with dots or with slashes; a slash in the first form stands for a dot in an interface's name
     * @throws Fault INVALID_ARGUMENT if one belongs to no namespace, to one that the pod shares with the node, or is malformed
     */
    public static Map<String, String> check(Map<String, String> asked, NamespaceOptions namespaces) {
        if (asked.size() > MOST) {
            throw Fault.invalid("sysctls of the pod", "there are more than " + MOST, "Set fewer");
        }
        Map<String, String> paths = new TreeMap<>();
        asked.forEach((name, value) -> {
            String path = path(name);
            refuseForeign(name, path, namespaces);
            if (value.length() > LONGEST_VALUE || value.chars().anyMatch(c -> (c < ' ' && c != '\t') || c == 0x7f)) {
                throw bad(name, "its value is too long or has control characters");
            }
            paths.put(path, value);
        });
        return paths;
    }

    private static String path(String name) {
        int dot = name.indexOf('.');
        int slash = name.indexOf('/');
        boolean dotted = dot >= 0 && (slash < 0 || dot < slash);
        String path = dotted ? swapped(name) : name;
        for (String part : path.split("/", -1)) {
            if (part.equals("..") || part.equals(".") || !PART.matcher(part).matches()) {
                throw bad(name, "it is not the name of a sysctl");
            }
        }
        return path;
    }

    private static String swapped(String name) {
        return name.replace('.', '\0').replace('/', '.').replace('\0', '/');
    }

    private static void refuseForeign(String name, String path, NamespaceOptions namespaces) {
        if (path.startsWith("net/")) {
            if (namespaces.network() == Mode.NODE) {
                throw bad(name, "the pod uses the node's network");
            }
        } else if (IPC.contains(path) || path.startsWith("fs/mqueue/")) {
            if (namespaces.ipc() == Mode.NODE) {
                throw bad(name, "the pod uses the node's IPC");
            }
        } else {
            throw bad(name, "it belongs to no namespace of a pod");
        }
    }

    private static Fault bad(String name, String why) {
        return Fault.invalid(
                "sysctl \"" + Shown.of(name) + "\"",
                why,
                "Correct the pod's sysctls; only those of its own namespaces can be set");
    }
}
