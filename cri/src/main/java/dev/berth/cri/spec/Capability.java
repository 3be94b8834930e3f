package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig.Capabilities;
import dev.berth.kernel.Fault;
import dev.berth.oci.ProcessSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/** Capabilities of Linux by name, and which of them a container gets. */
final class Capability {
    /** In the kernel's order: the index is the number. */
    static final List<String> NAMES = List.of(
            "CAP_CHOWN",
            "CAP_DAC_OVERRIDE",
            "CAP_DAC_READ_SEARCH",
            "CAP_FOWNER",
            "CAP_FSETID",
            "CAP_KILL",
            "CAP_SETGID",
            "CAP_SETUID",
            "CAP_SETPCAP",
            "CAP_LINUX_IMMUTABLE",
            "CAP_NET_BIND_SERVICE",
            "CAP_NET_BROADCAST",
            "CAP_NET_ADMIN",
            "CAP_NET_RAW",
            "CAP_IPC_LOCK",
            "CAP_IPC_OWNER",
            "CAP_SYS_MODULE",
            "CAP_SYS_RAWIO",
            "CAP_SYS_CHROOT",
            "CAP_SYS_PTRACE",
            "CAP_SYS_PACCT",
            "CAP_SYS_ADMIN",
            "CAP_SYS_BOOT",
            "CAP_SYS_NICE",
            "CAP_SYS_RESOURCE",
            "CAP_SYS_TIME",
            "CAP_SYS_TTY_CONFIG",
            "CAP_MKNOD",
            "CAP_LEASE",
            "CAP_AUDIT_WRITE",
            "CAP_AUDIT_CONTROL",
            "CAP_SETFCAP",
            "CAP_MAC_OVERRIDE",
            "CAP_MAC_ADMIN",
            "CAP_SYSLOG",
            "CAP_WAKE_ALARM",
            "CAP_BLOCK_SUSPEND",
            "CAP_AUDIT_READ",
            "CAP_PERFMON",
            "CAP_BPF",
            "CAP_CHECKPOINT_RESTORE");

    /** What a container has if nobody says anything, the same as with the other runtimes of the field. */
    static final Set<String> DEFAULT = Set.of(
            "CAP_AUDIT_WRITE",
            "CAP_CHOWN",
            "CAP_DAC_OVERRIDE",
            "CAP_FOWNER",
            "CAP_FSETID",
            "CAP_KILL",
            "CAP_MKNOD",
            "CAP_NET_BIND_SERVICE",
            "CAP_NET_RAW",
            "CAP_SETFCAP",
            "CAP_SETGID",
            "CAP_SETPCAP",
            "CAP_SETUID",
            "CAP_SYS_CHROOT");

    private static final String ALL = "ALL";

    private Capability() {}

    /** The capabilities that this process could hand on: the ones it has that are in its bounding set. */
    static Set<String> ofThisProcess() throws IOException {
        long mask = -1;
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("CapBnd:") || line.startsWith("CapPrm:")) {
                mask &= Long.parseUnsignedLong(
                        line.substring(line.indexOf(':') + 1).strip(), 16);
            }
        }
        Set<String> names = new TreeSet<>();
        for (int number = 0; number < NAMES.size(); number++) {
            if ((mask & 1L << number) != 0) {
                names.add(NAMES.get(number));
            }
        }
        return names;
    }

    /**
     * The sets of a container.
     *
     * @param asked what to add and drop; a name in both is dropped
     * @param ours what the host's process has, which is what ALL and "privileged" mean
     * @throws Fault INVALID_ARGUMENT for an unknown name, FAILED_PRECONDITION for one that we do not have ourselves
     */
    static ProcessSpec.Capabilities of(Capabilities asked, boolean privileged, Set<String> ours) {
        Set<String> set = new LinkedHashSet<>();
        Set<String> ambient = new LinkedHashSet<>();
        if (privileged) {
            set.addAll(ours);
        } else {
            Set<String> dropped = names(asked.drop());
            set.addAll(asked.add().stream().anyMatch(Capability::isAll) ? ours : DEFAULT);
            set.retainAll(ours);
            if (asked.drop().stream().anyMatch(Capability::isAll)) {
                set.clear();
            }
            Set<String> wanted = names(asked.add());
            ambient.addAll(names(asked.addAmbient()));
            ambient.removeAll(dropped);
            wanted.addAll(ambient);
            wanted.removeAll(dropped);
            for (String name : wanted) {
                if (!ours.contains(name)) {
                    throw Fault.precondition(
                            "add capability " + name,
                            "this node's runtime does not have it itself",
                            "Do not ask for it, or run the runtime with it");
                }
            }
            set.addAll(wanted);
            set.removeAll(dropped);
        }
        List<String> sorted = set.stream().sorted().toList();
        List<String> raised = ambient.stream().sorted().toList();
        // inheritable stays empty, or an executable with file capabilities could gain from it; the kernel wants every
        // ambient one to be inheritable too
        return new ProcessSpec.Capabilities(sorted, sorted, raised, sorted, raised);
    }

    private static boolean isAll(String name) {
        return name.equalsIgnoreCase(ALL);
    }

    /** Names with their prefix, in upper case, without ALL. */
    private static Set<String> names(Collection<String> given) {
        Set<String> names = new LinkedHashSet<>();
        for (String each : given) {
            if (isAll(each)) {
                continue;
            }
            String upper = each.toUpperCase(Locale.ROOT);
            String name = upper.startsWith("CAP_") ? upper : "CAP_" + upper;
            if (!NAMES.contains(name)) {
                throw Fault.invalid(
                        "capabilities",
                        "there is no capability \"" + Shown.of(each) + "\"",
                        "Write its name as NET_ADMIN, or ALL");
            }
            names.add(name);
        }
        return names;
    }
}
