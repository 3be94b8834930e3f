package dev.berth.linux.cgroup;

import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A cgroup of version 2: one directory. */
final class CgroupV2 extends Cgroup {
    private static final Logger LOG = LoggerFactory.getLogger(CgroupV2.class);
    private static final Set<String> WANTED =
            Set.of("cpu", "cpuset", "memory", "pids", "io", "hugetlb", "rdma", "misc");

    private final Path mount;
    private final Path directory;

    CgroupV2(String path, Cgroups.Hierarchy hierarchy, Ticker ticker) {
        super(path, ticker);
        mount = hierarchy.mount();
        directory = hierarchy.directory(path);
    }

    @Override
    Collection<Path> directories() {
        return List.of(directory);
    }

    @Override
    Collection<Path> leftovers() {
        return List.of(directory);
    }

    @Override
    Path membership() {
        return directory;
    }

    @Override
    void make() throws IOException {
        try (var undo = new Rollback()) {
            Path parent = mount;
            for (Path name : mount.relativize(directory)) {
                Path each = parent.resolve(name);
                handDown(parent);
                try {
                    Files.createDirectory(each);
                    undo.add("cgroup " + each, () -> Files.deleteIfExists(each));
                } catch (FileAlreadyExistsException e) {
                    LOG.trace("{} is there already", each);
                }
                parent = each;
            }
            undo.commit();
        }
    }

    /** Controllers work in a cgroup only if its parent hands them down. */
    private static void handDown(Path parent) throws IOException {
        Set<String> missing = words(parent.resolve("cgroup.controllers"));
        missing.retainAll(WANTED);
        Path control = parent.resolve("cgroup.subtree_control");
        missing.removeAll(words(control));
        if (missing.isEmpty()) {
            return;
        }
        try {
            ControlFile.write(control, "+" + String.join(" +", missing));
        } catch (IOException all) {
            for (String each : missing) {
                handDownOne(control, each);
            }
        }
    }

    /**
     * One controller that cannot be handed down (processes live in the parent, real-time tasks) must not take the others
     * with it; a limit that needs it fails later, with its name.
     */
    private static void handDownOne(Path control, String controller) {
        try {
            ControlFile.write(control, "+" + controller);
        } catch (IOException e) {
            LOG.debug("controller {} is not handed down: {}", controller, e.getMessage());
        }
    }

    private static Set<String> words(Path file) throws IOException {
        Set<String> words = new TreeSet<>(List.of(ControlFile.read(file).split(" ", -1)));
        words.remove("");
        return words;
    }

    @Override
    public void limit(CgroupLimits limits) throws IOException {
        new LimitsV2(path(), directory).apply(limits);
    }

    @Override
    public boolean devices(List<DeviceRule> rules) {
        return false;
    }

    @Override
    public void attach(int pid) throws IOException {
        ControlFile.write(directory.resolve("cgroup.procs"), pid);
    }

    @Override
    public void attachThisThread() {
        throw new UnsupportedOperationException("version 2 keeps the threads of a process together: attach a process");
    }

    @Override
    public CgroupStats stats() throws IOException {
        return StatsV2.read(directory);
    }

    @Override
    public CgroupStats usage() throws IOException {
        return StatsV2.usage(directory);
    }

    @Override
    public long oomKills() throws IOException {
        return ControlFile.table(directory.resolve("memory.events")).getOrDefault("oom_kill", 0L);
    }

    @Override
    public OomWatch watchOom() throws IOException {
        return new OomWatch.V2(this, directory.resolve("memory.events"));
    }

    @Override
    public boolean freeze(Duration limit) throws IOException, InterruptedException {
        ControlFile.write(directory.resolve("cgroup.freeze"), "1");
        return until(limit, this::frozen);
    }

    @Override
    public void thaw() throws IOException {
        ControlFile.write(directory.resolve("cgroup.freeze"), "0");
    }

    @Override
    public boolean frozen() throws IOException {
        return ControlFile.table(directory.resolve("cgroup.events")).getOrDefault("frozen", 0L) == 1;
    }

    /** The kernel kills the whole tree at once, frozen or forking. */
    @Override
    void killRound() throws IOException {
        Path kill = directory.resolve("cgroup.kill");
        if (Files.exists(kill)) {
            ControlFile.write(kill, "1");
        } else {
            killAll();
        }
    }
}
