package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Timeline;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Subreaper;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.linux.cgroup.CgroupPath;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.shim.runtime.BundleConfig;
import dev.berth.shim.runtime.CgroupPlan;
import dev.berth.shim.runtime.Criu;
import dev.berth.shim.runtime.Launcher;
import dev.berth.shim.runtime.OciRuntime;
import dev.berth.shim.runtime.RuntimeProgram;
import dev.berth.shim.runtime.Runtimes;
import dev.berth.shim.stdio.ProcessIo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where containers are made and taken apart: what to do with the runtime, the mounts and the cgroups, one method for each
 * step of a container's life. Knows no states and keeps nothing.
 */
final class Workshop {
    /** What is needed for work. */
    record Tools(
            StateDir directories,
            Runtimes runtimes,
            Births births,
            Cgroups cgroups,
            PodMemory memory,
            Shortcuts shortcuts,
            Criu criu) {}

    private static final Logger LOG = LoggerFactory.getLogger(Workshop.class);
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final Tools tools;
    private final Pins pins;
    private final Assembly assembly;

    Workshop(Tools tools, Pins pins) {
        this.tools = tools;
        this.pins = pins;
        this.assembly = new Assembly(tools);
    }

    Tools tools() {
        return tools;
    }

    /** Where containers are made. */
    Assembly assembly() {
        return assembly;
    }

    /** Decides how a container will be made; what it says is enough to remove it again. */
    TaskRecord plan(Tasks.NewTask wanted, BundleConfig config) throws InterruptedException {
        Tasks.Options options = wanted.options();
        RuntimeProgram program = tools.runtimes().get(options.runtime());
        String cgroup = config.cgroupsPath().orElse("");
        if (wanted.checkpoint() != null) {
            Checkpoints.checkRestorable(wanted, wanted.checkpoint(), config);
            tools.criu().require("restore task " + wanted.key().id(), program);
        }
        checkIsFree(wanted.key(), cgroup);
        Path root = options.root().isEmpty()
                ? tools.directories().runtimeRoot(program.name(), wanted.key().namespace())
                : Path.of(options.root());
        return new TaskRecord(
                wanted.key().namespace(),
                wanted.key().id(),
                wanted.bundle().toString(),
                new TaskRecord.Driver(
                        program.name(), program.kind(), program.path().toString(), program.version(), root.toString()),
                whoMakesCgroups(wanted, program, config),
                cgroup,
                config.hasHooks(),
                rootOf(config));
    }

    private static TaskRecord.@Nullable Root rootOf(BundleConfig config) {
        return config.userNamespace().isEmpty()
                ? null
                : new TaskRecord.Root(
                        config.rootUser().orElse(0), config.rootGroup().orElse(0));
    }

    /** One that goes on from a checkpoint is moved where it belongs by who restores it. */
    private OciRuntime.Cgroups whoMakesCgroups(Tasks.NewTask wanted, RuntimeProgram program, BundleConfig config) {
        if (wanted.options().systemdCgroup()) {
            return OciRuntime.Cgroups.SYSTEMD;
        }
        String path = config.cgroupsPath().orElse("");
        boolean ours = wanted.checkpoint() == null
                && tools.shortcuts().has(Shortcut.OWN_CGROUPS)
                && program.kind() == RuntimeProgram.Kind.CRUN
                && !path.isEmpty()
                && !CgroupPath.isSystemd(path)
                && tools.cgroups().threadsMoveAlone()
                && isOursToLimit(config);
        return ours ? OciRuntime.Cgroups.OURS : OciRuntime.Cgroups.RUNTIME;
    }

    private static boolean isOursToLimit(BundleConfig config) {
        try {
            return config.cgroupPlan().isPresent();
        } catch (IllegalArgumentException e) {
            throw Fault.invalid("read the limits of a container", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** What a container's cgroup holds is killed with the container, so nobody else may be in it. */
    private void checkIsFree(TaskKey key, String path) {
        try {
            if (!path.isEmpty() && !tools.cgroups().cgroup(path).pids().isEmpty()) {
                throw Fault.precondition(
                        "create task " + key.id(),
                        "there are processes in its cgroup " + path,
                        "Give it another cgroup");
            }
        } catch (IOException e) {
            throw failed("look at cgroup " + path, e);
        }
    }

    OciRuntime runtime(TaskRecord record) {
        RuntimeProgram program = record.runtime().program();
        return new OciRuntime(
                program,
                tools.shortcuts().copies().of(program.path()),
                Path.of(record.runtime().root()),
                tools.directories().work(record.key()),
                record.cgroups());
    }

    /** Whether we make the cgroup in which the container is born. */
    static boolean ownsCgroup(TaskRecord record) {
        return record.cgroups() == OciRuntime.Cgroups.OURS;
    }

    void start(Task task) throws InterruptedException {
        try {
            boolean started = tools.shortcuts().has(Shortcut.OWN_START)
                    && !task.record().hooks()
                    && task.runtime().startByFifo(task.key().id());
            if (!started) {
                task.runtime().start(task.key().id(), birth(task));
            }
        } catch (IOException e) {
            throw failed("start " + task.key().id(), e);
        }
    }

    /** Makes a container that goes on from a checkpoint; what fails leaves nothing. */
    int restore(Task task, Task.Restoration from, Timeline timeline) throws InterruptedException {
        try (Rollback undo = new Rollback()) {
            undo.add("container of " + task.key(), () -> remove(task.record(), true));
            int pid = assembly.restore(task, from.wanted(), from.config(), timeline);
            undo.commit();
            return pid;
        }
    }

    /** Starts a further process and returns its id. */
    int exec(Task task, String execId, ProcessIo io) throws InterruptedException {
        checkMoves(task);
        Path process = processFile(task, execId);
        var exec = new OciRuntime.Exec(
                task.key().id(), process, process.resolveSibling("exec." + execId + ".pid"), io.consoleSocket());
        return task.runtime()
                .exec(exec, BundleConfig.commandOf(process), Assembly.streams(io, task.record()), birth(task));
    }

    /** Somebody else may have frozen it; of ours the thread that enters would stop the whole supervisor. */
    private void checkMoves(Task task) {
        String what = "run a command in " + task.key().id();
        try {
            if (ownsCgroup(task.record()) && ownCgroup(task, what).frozen()) {
                throw Fault.precondition(what, "its cgroup is frozen", "Thaw it first");
            }
        } catch (IOException e) {
            throw failed(what, e);
        }
    }

    Path processFile(Task task, String execId) {
        return tools.directories().work(task.key()).resolve("exec." + execId + ".json");
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
            task.runtime().kill(task.key().id(), signal, true, birth(task));
        }
    }

    /** After SIGKILL, which on version 1 waits until the process may move: somebody may have frozen the cgroup. */
    void letDie(Task task) {
        Optional<Cgroup> cgroup = cgroup(task.record());
        try {
            if (cgroup.isPresent()) {
                cgroup.get().thaw();
            }
        } catch (IOException gone) {
            LOG.debug("{}: its cgroup cannot be thawed, or is gone", task.key(), gone);
        }
    }

    /** Kills what has outlived the init: without a PID namespace of its own the kernel does not. */
    void killRest(TaskRecord record) throws InterruptedException {
        try {
            Optional<Cgroup> cgroup = cgroup(record);
            if (cgroup.isPresent() && !cgroup.get().kill(LIMIT)) {
                LOG.warn("{}: processes are left in {} after the end of its first", record.key(), record.cgroup());
            }
        } catch (IOException e) {
            LOG.warn("{}: what may be left in {} cannot be killed", record.key(), record.cgroup(), e);
        }
    }

    void pause(Task task) throws InterruptedException {
        if (!ownsCgroup(task.record())) {
            task.runtime().pause(task.key().id(), birth(task));
            return;
        }
        Cgroup cgroup = tools.cgroups().cgroup(task.record().cgroup());
        try {
            if (!cgroup.freeze(LIMIT)) {
                cgroup.thaw();
                throw Fault.deadline("pause " + task.key().id(), "a process does not stand still", "Try again");
            }
        } catch (IOException e) {
            throw failed("pause " + task.key().id(), e);
        }
    }

    void resume(Task task) throws InterruptedException {
        if (!ownsCgroup(task.record())) {
            task.runtime().resume(task.key().id(), birth(task));
            return;
        }
        try {
            tools.cgroups().cgroup(task.record().cgroup()).thaw();
        } catch (IOException e) {
            throw failed("resume " + task.key().id(), e);
        }
    }

    void update(Task task, String resources) throws IOException, InterruptedException {
        if (ownsCgroup(task.record())) {
            updateOurs(task, resources);
            return;
        }
        Path file = tools.directories().work(task.key()).resolve("resources.json");
        Files.writeString(file, resources);
        try {
            task.runtime().update(task.key().id(), file, birth(task));
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private void updateOurs(Task task, String resources) {
        String what = "update " + task.key().id();
        try {
            CgroupPlan plan = CgroupPlan.parse(resources)
                    .orElseThrow(() -> Fault.of(
                            Fault.Code.UNIMPLEMENTED,
                            what,
                            "it asks for limits that are only set when a container is made",
                            "Name cpu, memory, pids and huge pages only"));
            tools.cgroups().cgroup(task.record().cgroup()).limit(plan.limits());
        } catch (IOException | IllegalArgumentException e) {
            throw Fault.invalid(what, String.valueOf(e.getMessage()), "").causedBy(e);
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
        Path work = tools.directories().work(record.key());
        try {
            Optional<Cgroup> cgroup = cgroup(record).filter(Cgroup::exists);
            Set<Integer> orphans = cgroup.isPresent() && alive ? cgroup.get().pids() : Set.of();
            if (Files.isDirectory(work)) {
                deleteFromRuntime(record, alive);
            }
            if (cgroup.isPresent() && !(cgroup.get().kill(LIMIT) && cgroup.get().remove(LIMIT))) {
                throw new IOException("cgroup " + record.cgroup() + " is still in use");
            }
            reap(orphans);
            pins.drop(record.key());
            StateDir.removeTree(work);
        } catch (IOException e) {
            throw failed("remove task " + record.id(), e);
        }
    }

    /** Ends calls of the runtime that a supervisor before us began for a task and that are still at work. */
    void endCalls(TaskRecord record) throws InterruptedException {
        String sign = tools.directories().work(record.key()).toString();
        try {
            int ended;
            do {
                ended = Strays.kill(sign, LIMIT);
            } while (ended > 0); // one that had just started another
        } catch (IOException e) {
            throw failed("end what makes task " + record.id(), e);
        }
    }

    private void deleteFromRuntime(TaskRecord record, boolean alive) throws IOException, InterruptedException {
        OciRuntime runtime = runtime(record);
        boolean forgotten = !alive
                && !record.hooks()
                && !record.cgroup().isEmpty()
                && record.cgroups() != OciRuntime.Cgroups.SYSTEMD
                && tools.shortcuts().has(Shortcut.OWN_DELETE)
                && runtime.forget(record.id());
        if (!forgotten) {
            runtime.delete(
                    record.id(), alive, tools.births().of(runtime.program().kind(), null));
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
        return record.cgroup().isEmpty()
                ? Optional.empty()
                : Optional.of(tools.cgroups().cgroup(record.cgroup()));
    }

    private Launcher birth(Task task) {
        Cgroup born =
                ownsCgroup(task.record()) ? tools.cgroups().cgroup(task.record().cgroup()) : null;
        return tools.births().of(task.runtime().program().kind(), born);
    }

    static Fault failed(String what, IOException e) {
        return Fault.internal(what, String.valueOf(e.getMessage()), "").causedBy(e);
    }
}
