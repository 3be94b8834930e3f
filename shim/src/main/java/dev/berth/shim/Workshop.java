package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Subreaper;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.shim.runtime.BundleConfig;
import dev.berth.shim.runtime.Launcher;
import dev.berth.shim.runtime.OciRuntime;
import dev.berth.shim.runtime.RuntimeProgram;
import dev.berth.shim.runtime.Runtimes;
import dev.berth.shim.stdio.ProcessIo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Where containers are made and taken apart: what to do with the runtime, the mounts and the cgroups, one method for each
 * step of a container's life. Knows no states and keeps nothing.
 */
final class Workshop {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final StateDir directories;
    private final Runtimes runtimes;
    private final Cgroups cgroups;
    private final Pins pins;
    private final PodMemory memory;
    private final boolean hybrid;

    Workshop(StateDir directories, Runtimes runtimes, Cgroups cgroups, Pins pins, PodMemory memory, boolean hybrid) {
        this.directories = directories;
        this.runtimes = runtimes;
        this.cgroups = cgroups;
        this.pins = pins;
        this.memory = memory;
        this.hybrid = hybrid;
    }

    /** Decides how a container will be made; what it says is enough to remove it again. */
    TaskRecord plan(Tasks.NewTask wanted, BundleConfig config) throws InterruptedException {
        Tasks.Options options = wanted.options();
        RuntimeProgram program = runtimes.get(options.runtime());
        String cgroup = config.cgroupsPath().orElse("");
        checkIsFree(wanted.key(), cgroup);
        Path root = options.root().isEmpty()
                ? directories.runtimeRoot(program.name(), wanted.key().namespace())
                : Path.of(options.root());
        return new TaskRecord(
                wanted.key().namespace(),
                wanted.key().id(),
                wanted.bundle().toString(),
                new TaskRecord.Driver(
                        program.name(), program.kind(), program.path().toString(), program.version(), root.toString()),
                options.systemdCgroup() ? OciRuntime.Cgroups.SYSTEMD : OciRuntime.Cgroups.RUNTIME,
                cgroup);
    }

    /** What a container's cgroup holds is killed with the container, so nobody else may be in it. */
    private void checkIsFree(TaskKey key, String path) {
        try {
            if (!path.isEmpty() && !cgroups.cgroup(path).pids().isEmpty()) {
                throw Fault.precondition(
                        "create task " + key.id(),
                        "there are processes in its cgroup " + path,
                        "Give it another cgroup");
            }
        } catch (IOException e) {
            throw Fault.internal("look at cgroup " + path, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    OciRuntime runtime(TaskRecord record) {
        return new OciRuntime(
                record.runtime().program(),
                Path.of(record.runtime().root()),
                directories.work(record.key()),
                record.cgroups());
    }

    /** Makes the container and returns the process id of its init. */
    int create(Task task, Tasks.NewTask wanted, BundleConfig config) throws InterruptedException {
        Path work = directories.work(task.key());
        try {
            StateDir.make(work);
            Path root = wanted.rootfs().isEmpty()
                    ? wanted.bundle().resolve(config.rootPath().orElse("rootfs"))
                    : directories.rootfs();
            config.withRootPath(root).write(work);
        } catch (IOException e) {
            throw Fault.internal("write " + work, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
        ProcessIo io = task.init().streams();
        var create = new OciRuntime.Create(
                task.key().id(),
                work,
                work.resolve("pid"),
                io.consoleSocket(),
                wanted.options().noPivot(),
                wanted.options().noNewKeyring());
        Map<Path, DetachedMount> shared = memory.mounts(config.mountSources(memory.prefix()));
        try {
            Launcher birth = Births.ofContainer(
                    wanted.rootfs(), directories.rootfs(), shared, hidesHybrid(task.runtime()), null);
            return task.runtime().create(create, config.command(), streams(io), birth);
        } finally {
            shared.values().forEach(DetachedMount::close);
        }
    }

    void start(Task task) throws InterruptedException {
        task.runtime().start(task.key().id(), birth(task.runtime()));
    }

    /** Starts a further process and returns its id. */
    int exec(Task task, String execId, ProcessIo io) throws InterruptedException {
        Path process = processFile(task, execId);
        var exec = new OciRuntime.Exec(
                task.key().id(), process, process.resolveSibling("exec." + execId + ".pid"), io.consoleSocket());
        return task.runtime().exec(exec, BundleConfig.commandOf(process), streams(io), birth(task.runtime()));
    }

    Path processFile(Task task, String execId) {
        return directories.work(task.key()).resolve("exec." + execId + ".json");
    }

    void removeExec(Task task, String execId) throws IOException {
        Path process = processFile(task, execId);
        Files.deleteIfExists(process);
        Files.deleteIfExists(process.resolveSibling("exec." + execId + ".pid"));
    }

    void killAll(Task task, int signal) throws IOException, InterruptedException {
        Optional<Cgroup> cgroup = cgroup(task.record());
        if (cgroup.isPresent()) {
            cgroup.get().signal(signal);
        } else {
            task.runtime().kill(task.key().id(), signal, true, birth(task.runtime()));
        }
    }

    void pause(Task task) throws InterruptedException {
        task.runtime().pause(task.key().id(), birth(task.runtime()));
    }

    void resume(Task task) throws InterruptedException {
        task.runtime().resume(task.key().id(), birth(task.runtime()));
    }

    void update(Task task, String resources) throws IOException, InterruptedException {
        Path file = directories.work(task.key()).resolve("resources.json");
        Files.writeString(file, resources);
        try {
            task.runtime().update(task.key().id(), file, birth(task.runtime()));
        } finally {
            Files.deleteIfExists(file);
        }
    }

    Set<Integer> pids(Task task) throws IOException {
        return ownCgroup(task, "list the processes of").pids();
    }

    CgroupStats stats(Task task) throws IOException {
        return ownCgroup(task, "read the counters of").stats();
    }

    private Cgroup ownCgroup(Task task, String what) {
        return cgroup(task.record())
                .orElseThrow(() -> Fault.precondition(
                        what + " " + task.key().id(), "its config names no cgroup", "Give it a cgroupsPath"));
    }

    /**
     * Removes everything that was made for a container; harmless if little or nothing is there.
     *
     * @param alive whether its processes may still be running
     */
    void remove(TaskRecord record, boolean alive) throws InterruptedException {
        OciRuntime runtime = runtime(record);
        try {
            Optional<Cgroup> cgroup = cgroup(record).filter(Cgroup::exists);
            Set<Integer> orphans = cgroup.isPresent() && alive ? cgroup.get().pids() : Set.of();
            if (Files.isDirectory(directories.work(record.key()))) {
                runtime.delete(record.id(), alive, birth(runtime));
            }
            if (cgroup.isPresent() && !(cgroup.get().kill(LIMIT) && cgroup.get().remove(LIMIT))) {
                throw new IOException("cgroup " + record.cgroup() + " is still in use");
            }
            reap(orphans);
            pins.drop(record.key());
            StateDir.removeTree(directories.work(record.key()));
        } catch (IOException e) {
            throw Fault.internal("remove task " + record.id(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** Processes of a container that was not finished: nobody else waits for them, and they are dead. */
    private static void reap(Set<Integer> orphans) throws IOException {
        for (int pid : orphans) {
            try {
                Subreaper.reap(pid);
            } catch (LinuxException e) {
                if (!e.is(Errno.ECHILD)) {
                    throw e; // else its parent was another process of the container
                }
            }
        }
    }

    /** The container's own cgroup; empty if it has none. */
    Optional<Cgroup> cgroup(TaskRecord record) {
        return record.cgroup().isEmpty() ? Optional.empty() : Optional.of(cgroups.cgroup(record.cgroup()));
    }

    private Launcher birth(OciRuntime runtime) {
        return hidesHybrid(runtime) ? Births.withoutHybridCgroups(null) : Births.plain();
    }

    private boolean hidesHybrid(OciRuntime runtime) {
        return hybrid && runtime.program().kind() == RuntimeProgram.Kind.CRUN;
    }

    private static Launcher.Streams streams(ProcessIo io) {
        return new Launcher.Streams(io.input(), io.output(), io.error());
    }
}
