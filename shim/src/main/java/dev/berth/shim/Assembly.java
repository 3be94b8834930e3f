package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Meanwhile;
import dev.berth.kernel.Timeline;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.shim.runtime.BundleConfig;
import dev.berth.shim.runtime.CgroupPlan;
import dev.berth.shim.runtime.Criu;
import dev.berth.shim.runtime.Launcher;
import dev.berth.shim.runtime.OciRuntime;
import dev.berth.shim.runtime.RuntimeProgram;
import dev.berth.shim.runtime.SeccompCache;
import dev.berth.shim.stdio.ProcessIo;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * How a container is made, anew or from a checkpoint: its config as the runtime reads it, its cgroup, its root and the shared
 * memory of its pod where the runtime sees them.
 */
final class Assembly {
    /** How long a restored container may take to be there: it depends on its memory and on the disk. */
    private static final Duration RESTORE = Duration.ofMinutes(30);

    private final Workshop.Tools tools;

    Assembly(Workshop.Tools tools) {
        this.tools = tools;
    }

    /** Runs the runtime and returns the process id of the container's init. */
    private interface Verb {
        int run(OciRuntime.Create create, ProcessIo io, Launcher birth) throws InterruptedException;
    }

    /**
     * Makes the container and returns the process id of its init.
     *
     * @param cgroup its own, being made meanwhile; null if the runtime makes it
     */
    int create(Task task, Tasks.NewTask wanted, BundleConfig config, @Nullable Meanwhile cgroup, Timeline timeline)
            throws InterruptedException {
        OciRuntime runtime = task.runtime();
        Made made = make(
                task,
                new Plan(wanted, config, cgroup),
                (create, io, birth) -> runtime.create(create, config.command(), streams(io, task.record()), birth),
                timeline);
        timeline.done(runtime.program().name() + " create");
        if (keepsSeccomp(runtime)
                && made.config().annotation(SeccompCache.ANNOTATION).isEmpty()) {
            tools.shortcuts()
                    .seccomp()
                    .keep(config, runtime.program(), runtime.stateOf(task.key().id()));
        }
        return made.pid();
    }

    /**
     * Makes a container that goes on from a checkpoint and returns the process id of its init, which runs.
     *
     * @throws Fault FAILED_PRECONDITION if the node cannot do it; with what CRIU says if it failed
     */
    int restore(Task task, Tasks.NewTask wanted, BundleConfig config, Timeline timeline) throws InterruptedException {
        OciRuntime runtime = task.runtime();
        String what = "restore task " + task.key().id();
        Path images = Objects.requireNonNull(wanted.checkpoint());
        Path own = tools.directories().work(task.key());
        Path work = own.resolve("restore");
        Launcher.Helper criu = tools.criu().helper(what, own.resolve("criu.conf"));
        SharedSettings shared = settings(what, config);
        try {
            Made made = make(
                    task,
                    new Plan(wanted, config, null),
                    (create, io, birth) -> runtime.restore(
                            new OciRuntime.Restore(create, images, work),
                            RESTORE,
                            streams(io, task.record()),
                            criu,
                            birth),
                    timeline);
            timeline.done(runtime.program().name() + " restore");
            return made.pid();
        } catch (Fault e) {
            throw tools.criu().explain(what, e, work.resolve("restore.log"));
        } finally {
            shared.putBack();
        }
    }

    private static SharedSettings settings(String what, BundleConfig config) throws InterruptedException {
        try {
            return SharedSettings.of(config);
        } catch (IOException e) {
            throw Workshop.failed(what, e);
        }
    }

    /** What a container is made from. */
    private record Plan(
            Tasks.NewTask wanted,
            BundleConfig config,
            @Nullable Meanwhile cgroup) {}

    /** A container that is there. */
    private record Made(int pid, BundleConfig config) {}

    private Made make(Task task, Plan plan, Verb verb, Timeline timeline) throws InterruptedException {
        Tasks.NewTask wanted = plan.wanted();
        BundleConfig config = plan.config();
        OciRuntime runtime = task.runtime();
        Path work = tools.directories().work(task.key());
        Optional<Stage> stage = stage(wanted, config);
        BundleConfig ready = prepare(
                task,
                root(wanted, config, stage),
                stage.map(it -> it.seenFrom(config, runtime.program())).orElse(config));
        timeline.done("config");
        ProcessIo io = task.init().streams();
        var create = new OciRuntime.Create(
                task.key().id(),
                work,
                work.resolve("pid"),
                io.consoleSocket(),
                wanted.options().noPivot(),
                wanted.options().noNewKeyring());
        PodMemory memory = tools.memory();
        Map<Path, DetachedMount> shared = memory.mounts(config.mountSources(memory.prefix()));
        try {
            Births.Scenery scenery = stage.isPresent()
                    ? () -> stage.get().mount(wanted.rootfs(), config, shared)
                    : new Births.Table(wanted.rootfs(), tools.directories().rootfs(), shared);
            Meanwhile cgroup = plan.cgroup();
            Births.Entry entry = cgroup == null ? null : () -> enter(task.record(), cgroup);
            Launcher birth =
                    tools.births().ofContainer(scenery, runtime.program().kind(), entry);
            timeline.done("shared memory");
            return new Made(verb.run(create, io, birth), ready);
        } finally {
            shared.values().forEach(DetachedMount::close);
        }
    }

    /** Only for a root that we mount: who brings his own has taken care of its owners. */
    private Optional<Stage> stage(Tasks.NewTask wanted, BundleConfig config) {
        return wanted.rootfs().isEmpty()
                ? Optional.empty()
                : config.userNamespace()
                        .map(namespace ->
                                Stage.of(namespace, List.of(tools.directories().rootfs(), wanted.bundle())));
    }

    private Path root(Tasks.NewTask wanted, BundleConfig config, Optional<Stage> stage) {
        return wanted.rootfs().isEmpty()
                ? wanted.bundle().resolve(config.rootPath().orElse("rootfs"))
                : stage.map(Stage::root).orElse(tools.directories().rootfs());
    }

    /** Writes the config as the runtime shall read it, in the task's own directory, and returns it. */
    private BundleConfig prepare(Task task, Path root, BundleConfig config) {
        OciRuntime runtime = task.runtime();
        Path work = tools.directories().work(task.key());
        BundleConfig ready = config.withRootPath(root)
                .withoutAnnotation(SeccompCache.ANNOTATION)
                .withoutAnnotation(Criu.ANNOTATION);
        if (Workshop.ownsCgroup(task.record())) {
            ready = ready.withoutCgroups();
        }
        if (keepsSeccomp(runtime)) {
            ready = tools.shortcuts().seccomp().apply(ready, runtime.program());
        }
        try {
            StateDir.make(work);
            ready.write(work);
            return ready;
        } catch (IOException e) {
            throw Workshop.failed("write " + work, e);
        }
    }

    private boolean keepsSeccomp(OciRuntime runtime) {
        return runtime.program().kind() == RuntimeProgram.Kind.CRUN
                && tools.shortcuts().has(Shortcut.KEPT_SECCOMP);
    }

    /** Makes it. */
    void makeCgroup(TaskRecord record, BundleConfig config) {
        Cgroup cgroup = tools.cgroups().cgroup(record.cgroup());
        CgroupPlan plan = config.cgroupPlan().orElseThrow();
        try {
            cgroup.create();
            cgroup.devices(plan.devices());
            cgroup.limit(plan.limits());
        } catch (IOException e) {
            throw Fault.invalid("limit " + record.id(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private void enter(TaskRecord record, Meanwhile making) throws IOException, InterruptedException {
        making.await();
        tools.cgroups().cgroup(record.cgroup()).attachThisThread();
    }

    /** Pipes of a container with a user namespace are its root's: the runtime gives them to the user from there. */
    static Launcher.Streams streams(ProcessIo io, TaskRecord record) {
        TaskRecord.Root root = record.root();
        if (root != null) {
            try {
                for (Fd pipe : Stream.of(io.input(), io.output(), io.error())
                        .flatMap(Stream::ofNullable)
                        .toList()) {
                    pipe.chown(root.uid(), root.gid());
                }
            } catch (LinuxException e) {
                throw Workshop.failed("give the streams of " + record.id() + " to its root", e);
            }
        }
        return new Launcher.Streams(io.input(), io.output(), io.error());
    }
}
