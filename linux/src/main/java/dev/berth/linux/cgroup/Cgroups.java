package dev.berth.linux.cgroup;

import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The hierarchies of this host: where each controller is. */
public final class Cgroups {
    /** Which versions the host runs. */
    public enum Layout {
        V1,
        /** Controllers on version 1, version 2 mounted beside it. */
        HYBRID,
        V2
    }

    private static final Set<String> CONTROLLERS = Set.of(
            "cpu",
            "cpuacct",
            "cpuset",
            "memory",
            "devices",
            "freezer",
            "blkio",
            "pids",
            "hugetlb",
            "net_cls",
            "net_prio",
            "perf_event",
            "rdma",
            "misc");

    private final Map<String, Hierarchy> v1;
    private final @Nullable Hierarchy unified;
    private final Ticker ticker;

    /**
     * One mounted hierarchy.
     *
     * @param mount where it is mounted
     * @param root the cgroup that appears there; {@code /} unless we live in a container
     */
    record Hierarchy(Path mount, String root) {
        /** The directory of a cgroup. */
        Path directory(String path) {
            boolean below = !root.equals("/") && (path.equals(root) || path.startsWith(root + "/"));
            String relative = below ? path.substring(root.length()) : path;
            int from = 0;
            while (from < relative.length() && relative.charAt(from) == '/') {
                from++;
            }
            return mount.resolve(relative.substring(from));
        }
    }

    private Cgroups(Map<String, Hierarchy> v1, @Nullable Hierarchy unified, Ticker ticker) {
        this.v1 = v1;
        this.unified = unified;
        this.ticker = ticker;
    }

    /**
     * Looks at what is mounted for this process.
     *
     * @throws IOException if no cgroup file system is mounted
     */
    public static Cgroups detect(Ticker ticker) throws IOException {
        return of(Files.readAllLines(Path.of("/proc/self/mountinfo")), ticker);
    }

    static Cgroups of(List<String> mountinfo, Ticker ticker) throws IOException {
        Map<String, Hierarchy> v1 = new LinkedHashMap<>();
        Hierarchy unified = null;
        for (String line : mountinfo) {
            List<String> fields = Arrays.asList(line.split(" ", -1));
            int dash = fields.indexOf("-");
            if (dash < 6 || fields.size() < dash + 4 || !fields.get(dash + 1).startsWith("cgroup")) {
                continue;
            }
            var found = new Hierarchy(Path.of(unescape(fields.get(4))), unescape(fields.get(3)));
            if (fields.get(dash + 1).equals("cgroup2")) {
                unified = unified == null ? found : unified;
                continue;
            }
            for (String option : fields.get(dash + 3).split(",", -1)) {
                if (CONTROLLERS.contains(option) || option.startsWith("name=")) {
                    v1.putIfAbsent(option, found);
                }
            }
        }
        if (v1.isEmpty() && unified == null) {
            throw new IOException("no cgroup file system is mounted; mount cgroup2 on /sys/fs/cgroup");
        }
        return new Cgroups(v1, unified, ticker);
    }

    public Layout layout() {
        boolean none = v1.keySet().stream().noneMatch(CONTROLLERS::contains);
        return unified == null ? Layout.V1 : none ? Layout.V2 : Layout.HYBRID;
    }

    /** The controllers that limits can be set with. */
    public Set<String> controllers() throws IOException {
        Set<String> names = new TreeSet<>();
        if (layout() == Layout.V2 && unified != null) {
            names.addAll(List.of(ControlFile.read(unified.mount().resolve("cgroup.controllers"))
                    .split(" ", -1)));
        }
        v1.keySet().stream().filter(CONTROLLERS::contains).forEach(names::add);
        names.remove("");
        return names;
    }

    /** Whether the kernel counts swap by cgroup; where it does not, a limit for it cannot be set. */
    public boolean swapCounted() throws IOException {
        Hierarchy memory = v1.get("memory");
        if (memory != null) {
            return Files.exists(memory.mount().resolve("memory.memsw.limit_in_bytes"));
        }
        if (unified == null) {
            return false;
        }
        try (var children = Files.newDirectoryStream(unified.mount(), Files::isDirectory)) {
            for (Path child : children) { // the root itself has no limits
                if (Files.exists(child.resolve("memory.swap.max"))) {
                    return true;
                }
            }
        }
        return false;
    }

    /**
     * Whether a thread can join a cgroup alone, so that what it starts is born there. On version 1 that spares the wait for
     * an RCU grace period (8 to 16 ms) that moving a process costs; version 2 keeps a process whole.
     */
    public boolean threadsMoveAlone() {
        return layout() != Layout.V2;
    }

    /**
     * A cgroup, whether it exists or not.
     *
     * @param cgroupsPath {@code /a/b} or systemd's {@code slice:prefix:name}
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT if it is neither
     */
    public Cgroup cgroup(String cgroupsPath) {
        String path = CgroupPath.resolve(cgroupsPath);
        if (layout() == Layout.V2 && unified != null) {
            return new CgroupV2(path, unified, ticker);
        }
        return new CgroupV1(path, v1, unified, ticker);
    }

    /**
     * The cgroup of a process in each hierarchy: by controller on version 1, under the empty name on version 2. Empty if
     * there is no such process.
     */
    public static Map<String, String> of(int pid) throws IOException {
        Map<String, String> paths = new HashMap<>();
        for (String line : ControlFile.lines(Path.of("/proc/" + pid + "/cgroup"))) {
            String[] fields = line.split(":", 3);
            if (fields.length == 3) {
                for (String controller : fields[1].split(",", -1)) {
                    paths.put(controller, fields[2]);
                }
            }
        }
        return paths;
    }

    /** Blanks and backslashes stand in mountinfo as a backslash and three octal digits. */
    private static String unescape(String text) {
        if (text.indexOf('\\') < 0) {
            return text;
        }
        return text.replace("\\040", " ")
                .replace("\\011", "\t")
                .replace("\\012", "\n")
                .replace("\\134", "\\");
    }
}
