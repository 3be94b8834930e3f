package dev.berth.linux.cgroup;

import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A cgroup of version 1: the same path in several trees. */
final class CgroupV1 extends Cgroup {
    /** Hierarchies in which every process of a container surely is; the first that exists tells who is in. */
    private static final List<String> WITNESSES = List.of("freezer", "devices", "pids", "memory", "cpu");

    private static final Duration STANDSTILL = Duration.ofMillis(100);

    /** Controller to directory; controllers mounted together share one. */
    private final Map<String, Path> byController = new LinkedHashMap<>();

    private final Set<Path> directories;
    private final @Nullable Path unified;

    /** @param unified on a hybrid host the tree of version 2, in which some runtimes make a cgroup too */
    CgroupV1(
            String path,
            Map<String, Cgroups.Hierarchy> hierarchies,
            Cgroups.@Nullable Hierarchy unified,
            Ticker ticker) {
        super(path, ticker);
        this.unified = unified == null ? null : unified.directory(path);
        hierarchies.forEach((controller, hierarchy) -> byController.put(controller, hierarchy.directory(path)));
        directories = new LinkedHashSet<>(byController.values());
    }

    @Override
    Collection<Path> directories() {
        return directories;
    }

    @Override
    Collection<Path> leftovers() {
        Set<Path> all = new LinkedHashSet<>(directories);
        if (unified != null) {
            all.add(unified);
        }
        return all;
    }

    @Override
    Path membership() {
        for (String witness : WITNESSES) {
            Path directory = byController.get(witness);
            if (directory != null) {
                return directory;
            }
        }
        return directories.iterator().next();
    }

    @Override
    void make() throws IOException {
        try (var undo = new Rollback()) {
            for (Path directory : directories) {
                boolean cpuset = directory.equals(byController.get("cpuset"));
                if (make(directory, cpuset)) {
                    undo.add("cgroup " + directory, () -> Files.deleteIfExists(directory));
                }
            }
            undo.commit();
        }
    }

    /** Makes a directory and its parents; returns whether the directory itself is new. */
    private static boolean make(Path directory, boolean cpuset) throws IOException {
        List<Path> missing = new ArrayList<>();
        for (Path each = directory; each != null && !Files.isDirectory(each); each = each.getParent()) {
            missing.add(each);
        }
        boolean made = false;
        for (Path each : missing.reversed()) {
            try {
                Files.createDirectory(each);
                made = true;
            } catch (FileAlreadyExistsException e) {
                made = false; // somebody else was faster
            }
        }
        if (cpuset) {
            inherit(directory, "cpuset.cpus");
            inherit(directory, "cpuset.mems");
        }
        return made;
    }

    /**
     * A new cpuset is empty, and nobody can join an empty one. Parents come first: one that somebody else has just made may
     * be empty still.
     *
     * @return what the directory has now
     */
    private static String inherit(Path directory, String file) throws IOException {
        Path control = directory.resolve(file);
        String own = ControlFile.read(control);
        Path parent = directory.getParent();
        if (!own.isEmpty() || parent == null || !Files.exists(control)) {
            return own;
        }
        String inherited = inherit(parent, file);
        ControlFile.write(control, inherited);
        return inherited;
    }

    @Override
    public void limit(CgroupLimits limits) throws IOException {
        new LimitsV1(this).apply(limits);
    }

    @Override
    public boolean devices(List<DeviceRule> rules) throws IOException {
        Path directory = need("devices");
        for (DeviceRule rule : rules) {
            ControlFile.write(directory.resolve(rule.allow() ? "devices.allow" : "devices.deny"), rule.line());
        }
        return true;
    }

    @Override
    public void attach(int pid) throws IOException {
        for (Path directory : directories) {
            ControlFile.write(directory.resolve("cgroup.procs"), pid);
        }
    }

    @Override
    public void attachThisThread() throws IOException {
        if (Thread.currentThread().isVirtual()) {
            throw new UnsupportedOperationException("a virtual thread would move its carrier into " + path());
        }
        for (Path directory : directories) {
            ControlFile.write(directory.resolve("tasks"), "0");
        }
    }

    @Override
    public CgroupStats stats() throws IOException {
        return StatsV1.read(this);
    }

    @Override
    public CgroupStats usage() throws IOException {
        return StatsV1.usage(this);
    }

    @Override
    public long oomKills() throws IOException {
        Path memory = byController.get("memory");
        long kills = 0;
        if (memory != null) {
            for (Path directory : tree(memory)) { // on version 1 each level counts only its own
                kills += ControlFile.table(directory.resolve("memory.oom_control"))
                        .getOrDefault("oom_kill", 0L);
            }
        }
        return kills;
    }

    @Override
    public OomWatch watchOom() throws IOException {
        return OomWatch.V1.open(this, need("memory"));
    }

    @Override
    public boolean freeze(Duration limit) throws IOException, InterruptedException {
        Path state = need("freezer").resolve("freezer.state");
        return until(limit, () -> {
            if (holdsUs()) {
                return false;
            }
            ControlFile.write(state, "FROZEN"); // again each time: a fork in between can get through the first
            return ControlFile.read(state).equals("FROZEN");
        });
    }

    @Override
    public void thaw() throws IOException {
        ControlFile.write(need("freezer").resolve("freezer.state"), "THAWED");
    }

    @Override
    public boolean frozen() throws IOException {
        Path directory = byController.get("freezer");
        return directory != null
                && ControlFile.read(directory.resolve("freezer.state")).equals("FROZEN");
    }

    /** While frozen nobody forks and no number is used again, so the list is right when the signals go out. */
    @Override
    void killRound() throws IOException, InterruptedException {
        if (!byController.containsKey("freezer")) {
            killAll();
            return;
        }
        try {
            freeze(STANDSTILL);
            killAll();
        } finally {
            thaw();
        }
    }

    /** The directory of a controller, or null if the host has none. */
    @Nullable
    Path find(String controller) {
        return byController.get(controller);
    }

    Path need(String controller) throws IOException {
        Path directory = byController.get(controller);
        if (directory == null) {
            throw new IOException("cgroup " + path() + ": this host has no " + controller + " controller mounted");
        }
        return directory;
    }
}
