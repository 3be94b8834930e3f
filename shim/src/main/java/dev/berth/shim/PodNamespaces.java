package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Namespaces.Kind;
import dev.berth.linux.netlink.Sysctl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Makes the IPC and UTS namespaces of a pod and writes its host name and kernel settings inside. */
final class PodNamespaces {
    private static final Set<String> IPC_SETTINGS = Set.of(
            "kernel/msgmax",
            "kernel/msgmnb",
            "kernel/msgmni",
            "kernel/sem",
            "kernel/shmall",
            "kernel/shmmax",
            "kernel/shmmni",
            "kernel/shm_rmid_forced");

    private PodNamespaces() {}

    /**
     * Makes the namespaces.
     *
     * @param kinds IPC, UTS or both
     * @param sysctls by name, with dots or slashes
     * @param network file of the pod's network namespace; empty for the host's
     * @return an open descriptor of each
     * @throws Fault INVALID_ARGUMENT if a setting would reach beyond the pod
     */
    static Map<Kind, Fd> make(Set<Kind> kinds, String hostname, Map<String, String> sysctls, String network)
            throws IOException, InterruptedException {
        Map<String, String> inside = new TreeMap<>();
        Map<String, String> net = new TreeMap<>();
        for (Map.Entry<String, String> each : sysctls.entrySet()) {
            sort(each.getKey(), each.getValue(), kinds, !network.isEmpty(), inside, net);
        }
        if (!hostname.isEmpty()) {
            inside.put("kernel/hostname", hostname);
        }
        if (!net.isEmpty()) {
            try (Fd namespace = Namespaces.open(Path.of(network))) {
                Namespaces.enter(List.of(namespace), () -> write(net));
            }
        }
        return kinds.isEmpty()
                ? Map.of()
                : Namespaces.inNew(kinds, () -> {
                    write(inside);
                    return open(kinds);
                });
    }

    private static void sort(
            String name,
            String value,
            Set<Kind> kinds,
            boolean ownNetwork,
            Map<String, String> inside,
            Map<String, String> net) {
        String path = withSlashes(name);
        if (value.indexOf('\n') >= 0) {
            throw refused(name, "its value has a line break");
        }
        if (path.startsWith("net/") && ownNetwork) {
            net.put(path, value);
        } else if (kinds.contains(Kind.IPC) && (IPC_SETTINGS.contains(path) || path.startsWith("fs/mqueue/"))) {
            inside.put(path, value);
        } else if (kinds.contains(Kind.UTS) && path.equals("kernel/domainname")) {
            inside.put(path, value);
        } else {
            throw refused(name, "it does not belong to the pod alone");
        }
    }

    private static Fault refused(String name, String why) {
        return Fault.invalid(
                "set " + name.replaceAll("\\p{Cntrl}", "?"), why, "Name settings of the pod's own namespaces");
    }

    /** Dots separate, unless a slash comes first: then dots are part of a name, as in sysctl(8). */
    static String withSlashes(String name) {
        int slash = name.indexOf('/');
        int dot = name.indexOf('.');
        if (slash >= 0 && (dot < 0 || slash < dot)) {
            return name;
        }
        return name.replace('/', '\0').replace('.', '/').replace('\0', '.');
    }

    private static boolean write(Map<String, String> settings) throws IOException {
        for (Map.Entry<String, String> each : settings.entrySet()) {
            try {
                Sysctl.write(each.getKey(), each.getValue());
            } catch (IllegalArgumentException | IOException e) {
                throw Fault.invalid("set " + each.getKey(), String.valueOf(e.getMessage()), "")
                        .causedBy(e);
            }
        }
        return true;
    }

    private static Map<Kind, Fd> open(Set<Kind> kinds) throws IOException {
        Map<Kind, Fd> opened = new EnumMap<>(Kind.class);
        try {
            for (Kind kind : EnumSet.copyOf(kinds)) {
                opened.put(kind, Namespaces.openSelf(kind));
            }
            return opened;
        } catch (IOException e) {
            opened.values().forEach(Fd::close);
            throw e;
        }
    }
}
