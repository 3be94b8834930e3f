package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Namespaces.Kind;
import dev.berth.linux.UserNamespace;
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

    private static final String HOSTNAME = "kernel/hostname";
    private static final String DOMAINNAME = "kernel/domainname";

    private PodNamespaces() {}

    /**
     * Makes the namespaces, and writes settings in them and in the pod's network namespace.
     *
     * @return an open descriptor of each; with a user namespace of the pod also that and, unless the pod has the host's, a
     *     network namespace
     * @throws Fault INVALID_ARGUMENT if a setting would reach beyond the pod, or the kernel does not map ids so
     */
    static Map<Kind, Fd> make(Pods.NewPod wanted) throws IOException, InterruptedException {
        Set<Kind> kinds = wanted.namespaces();
        Map<String, String> inside = new TreeMap<>();
        Map<String, String> net = new TreeMap<>();
        for (Map.Entry<String, String> each : wanted.sysctls().entrySet()) {
            sort(each.getKey(), each.getValue(), kinds, !wanted.network().isEmpty(), inside, net);
        }
        if (wanted.users().isPresent()) {
            return makeOwned(wanted, wanted.users().get(), inside, net);
        }
        if (!wanted.hostname().isEmpty()) {
            inside.put(HOSTNAME, wanted.hostname());
        }
        if (!net.isEmpty()) {
            try (Fd namespace = Namespaces.open(Path.of(wanted.network()))) {
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

    /** All of them below a user namespace, so that its root may do in them what root does. */
    private static Map<Kind, Fd> makeOwned(
            Pods.NewPod wanted, PodRecord.Users ids, Map<String, String> inside, Map<String, String> net)
            throws IOException, InterruptedException {
        Set<Kind> kinds = EnumSet.noneOf(Kind.class);
        kinds.addAll(wanted.namespaces());
        if (!wanted.network().isEmpty()) {
            kinds.add(Kind.NET);
        }
        try (UserNamespace made = UserNamespace.create(ranges(ids.users()), ranges(ids.groups()), kinds)) {
            if (!net.isEmpty()) {
                Namespaces.enter(List.of(made.get(Kind.NET)), () -> write(net));
            }
            if (!wanted.hostname().isEmpty()) {
                Namespaces.enter(List.of(made.get(Kind.UTS)), () -> write(Map.of(HOSTNAME, wanted.hostname())));
            }
            for (Map.Entry<String, String> each : inside.entrySet()) {
                writeOwned(each.getKey(), each.getValue(), made);
            }
            Map<Kind, Fd> opened = new EnumMap<>(Kind.class);
            kinds.add(Kind.USER);
            for (Kind kind : kinds) {
                opened.put(kind, made.get(kind).dup());
            }
            return opened;
        } catch (LinuxException e) {
            throw Fault.invalid(
                            "make the user namespace of pod " + wanted.key().id(),
                            String.valueOf(e.getMessage()),
                            "Map ranges that do not overlap, and see /proc/sys/user/max_user_namespaces")
                    .causedBy(e);
        }
    }

    private static List<UserNamespace.IdRange> ranges(List<PodRecord.Users.Range> ranges) {
        try {
            return ranges.stream()
                    .map(range -> new UserNamespace.IdRange(range.inside(), range.outside(), range.length()))
                    .toList();
        } catch (IllegalArgumentException e) {
            throw Fault.invalid("make a user namespace", String.valueOf(e.getMessage()), "Ids are below 2^32")
                    .causedBy(e);
        }
    }

    /** The settings of an IPC namespace are its owner's, and nobody else may write them; the names are the host's root's. */
    private static void writeOwned(String name, String value, UserNamespace made)
            throws IOException, InterruptedException {
        if (name.equals(DOMAINNAME)) {
            Namespaces.enter(List.of(made.get(Kind.UTS)), () -> write(Map.of(name, value)));
            return;
        }
        try {
            UserNamespace.write(
                    made.get(Kind.USER), Map.of(Kind.IPC, made.get(Kind.IPC)), Path.of("/proc/sys", name), value);
        } catch (LinuxException e) {
            throw Fault.invalid("set " + name, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
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
        } else if (kinds.contains(Kind.UTS) && path.equals(DOMAINNAME)) {
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
