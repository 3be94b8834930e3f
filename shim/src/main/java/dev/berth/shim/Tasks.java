package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Meanwhile;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Timeline;
import dev.berth.linux.Signals;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.shim.ProcessRecord.Streams;
import dev.berth.shim.TaskEvents.Happening;
import dev.berth.shim.runtime.BundleConfig;
import dev.berth.shim.stdio.ProcessIo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** All tasks of this supervisor: made, found, removed. Thread-safe. */
final class Tasks {
    /**
     * A container to be made.
     *
     * @param bundle directory with the config.json; it is read and not changed
     * @param rootfs what to mount as its root; none if the config's root is there
     * @param checkpoint directory with the state from which it goes on; null if it begins anew
     */
    record NewTask(
            TaskKey key,
            Path bundle,
            List<Births.Mount> rootfs,
            Streams streams,
            Options options,
            @Nullable Path checkpoint) {
        NewTask(TaskKey key, Path bundle, List<Births.Mount> rootfs, Streams streams, Options options) {
            this(key, bundle, rootfs, streams, options, null);
        }

        BundleConfig config() {
            return BundleConfig.read(bundle);
        }
    }

    /**
     * What a client may choose.
     *
     * @param runtime name or path of the OCI runtime; empty for the best
     * @param root the runtime's state directory; empty for our own
     */
    record Options(String runtime, String root, boolean systemdCgroup, boolean noPivot, boolean noNewKeyring) {}

    /** What {@link #run} did. */
    record Run(int pid, List<Timeline.Step> steps) {}

    /** A further process. */
    record NewExec(TaskKey task, String execId, Streams streams, String processJson) {}

    private static final Duration AFTER_KILL = Duration.ofSeconds(30);

    /** How long after a command could not be started the end of its container may still be told. */
    private static final Duration END_TO_BE_SEEN = Duration.ofMillis(200);

    private static final TaskProcess.Step NOTHING = () -> {};

    private final Map<TaskKey, Task> tasks = new ConcurrentHashMap<>();

    /** Names of those that are being made. */
    private final Set<TaskKey> making = ConcurrentHashMap.newKeySet();

    private final TaskProcess.Context context;
    private final Workshop workshop;
    private final Leftovers leftovers;

    Tasks(TaskProcess.Context context, Workshop workshop) {
        this.context = context;
        this.workshop = workshop;
        this.leftovers = new Leftovers(workshop, context.ledger());
    }

    /** All tasks that clients may see. */
    List<Task> all() {
        return tasks.values().stream().filter(task -> !task.key().isInternal()).toList();
    }

    /** The process ids that somebody waits for. */
    Set<Integer> awaited() {
        Set<Integer> pids = new HashSet<>();
        for (Task task : tasks.values()) {
            addIfAlive(task.init(), pids);
            task.execs().values().forEach(exec -> addIfAlive(exec, pids));
        }
        return pids;
    }

    private static void addIfAlive(TaskProcess process, Set<Integer> pids) {
        if (process.isAlive()) {
            pids.add(process.record().pid());
        }
    }

    /** Takes over what the last supervisor left; what it left half-made is removed by {@link #tidy}. */
    void adopt() throws InterruptedException {
        Map<TaskKey, List<ProcessRecord>> processes =
                context.ledger().processes().stream().collect(Collectors.groupingBy(ProcessRecord::task));
        for (TaskRecord record : context.ledger().tasks()) {
            adopt(record, processes.getOrDefault(record.key(), List.of()));
        }
    }

    private void adopt(TaskRecord record, List<ProcessRecord> processes) throws InterruptedException {
        Optional<ProcessRecord> init =
                processes.stream().filter(each -> !each.isExec()).findFirst();
        if (init.isEmpty() || isNotMade(init.get())) {
            leftovers.add(record);
            return;
        }
        if (init.get().exitedAt() == null) {
            workshop.cgroup(record).ifPresent(cgroup -> context.oom().watch(record.key(), cgroup, true));
        }
        Task task = new Task(record, workshop.runtime(record), adopt(init.get(), () -> workshop.killRest(record)));
        tasks.put(record.key(), task);
        for (ProcessRecord process : processes) {
            if (process.isExec()) {
                task.execs().put(process.execId(), adopt(process, NOTHING));
            }
        }
    }

    /** Nor is one that its start would have restored: what it was to be restored from was known to that supervisor only. */
    private static boolean isNotMade(ProcessRecord init) {
        return init.state() == ProcessState.CREATING || (init.state() == ProcessState.CREATED && init.pid() == 0);
    }

    private TaskProcess adopt(ProcessRecord record, TaskProcess.Step atEnd) throws InterruptedException {
        TaskProcess process = new TaskProcess(record, context, atEnd);
        if (record.pid() > 0 && record.exitedAt() == null) {
            Streams streams = record.streams();
            process.use(context.stdio()
                    .reopen(
                            PumpRecord.name(record.task(), record.execId()),
                            streams.terminal(),
                            streams.stdin(),
                            streams.stdout(),
                            streams.stderr()));
        }
        process.adopt();
        return process;
    }

    /** Removes what was left behind by creations that failed and could not be undone, or ended with a supervisor. */
    void tidy() throws InterruptedException {
        leftovers.tidy();
    }

    /**
     * The task of that name.
     *
     * @throws Fault NOT_FOUND if there is none
     */
    Task find(TaskKey key) {
        Task task = tasks.get(key);
        if (task == null) {
            throw Fault.notFound("find task " + key.id(), "there is no such task in namespace " + key.namespace(), "");
        }
        return task;
    }

    /**
     * Makes a container, which then waits for its start.
     *
     * @throws Fault ALREADY_EXISTS if there is a task of that name
     */
    Task create(NewTask wanted) throws InterruptedException {
        return create(wanted, wanted::config, timeline());
    }

    private Timeline timeline() {
        return new Timeline(context.time().ticker());
    }

    /**
     * Makes a container, carries its output to its log and starts it; what fails leaves nothing.
     *
     * @param config reads its bundle's, and makes it ready to be used
     * @throws Fault ALREADY_EXISTS if there is a task of that name
     */
    Run run(NewTask wanted, Supplier<BundleConfig> config, PumpRecord output) throws IOException, InterruptedException {
        Timeline timeline = timeline();
        requireFree(wanted.key());
        Timeline aside = timeline();
        try (Rollback undo = new Rollback();
                Meanwhile log = Meanwhile.begin("log of " + wanted.key(), () -> {
                    context.outputs().start(output);
                    aside.done("log, begun meanwhile");
                })) {
            undo.add("output of " + wanted.key(), () -> context.outputs().stop(output.name()));
            Task task = create(wanted, config, timeline);
            undo.add("task " + task.key(), () -> end(task));
            log.await();
            begin(task, timeline);
            undo.commit();
            timeline.done("start");
            timeline.done(aside.steps());
            return new Run(task.init().record().pid(), timeline.steps());
        }
    }

    private void end(Task task) throws IOException, InterruptedException {
        task.init().end(AFTER_KILL);
        deleteTask(task);
    }

    private void requireFree(TaskKey key) {
        if (tasks.containsKey(key)) {
            throw Fault.alreadyExists("create task " + key.id(), "there is a task of that name", "");
        }
    }

    private Task create(NewTask wanted, Supplier<BundleConfig> reader, Timeline timeline) throws InterruptedException {
        TaskKey key = wanted.key();
        requireFree(key);
        if (!making.add(key)) {
            throw Fault.alreadyExists("create task " + key.id(), "a task of that name is being made", "");
        }
        try (Rollback undo = new Rollback()) {
            undo.add("output of " + key, () -> context.outputs().stop(PumpRecord.name(key, "")));
            leftovers.remove(key);
            BundleConfig config = reader.get();
            TaskRecord record = workshop.plan(wanted, config);
            ProcessRecord announced = ProcessRecord.announced(key, "", ProcessState.CREATING, wanted.streams());
            Task task = new Task(
                    record,
                    workshop.runtime(record),
                    new TaskProcess(announced, context, () -> workshop.killRest(record)));
            undo.add("task " + key, () -> discard(task));
            context.ledger().add(record, announced);
            List<Timeline.Step> aside = make(task, wanted, config, timeline);
            tasks.put(key, task);
            undo.commit();
            timeline.done("record task");
            timeline.done(aside);
            return task;
        } finally {
            making.remove(key);
        }
    }

    /** Makes the container and answers what else was done meanwhile. */
    private List<Timeline.Step> make(Task task, NewTask wanted, BundleConfig config, Timeline timeline)
            throws InterruptedException {
        Timeline aside = timeline();
        task.init().use(open(task.init().record()));
        if (wanted.checkpoint() != null) {
            task.restoreLater(new Task.Restoration(wanted, config));
            Happening promised =
                    TaskEvents.created(task.record(), wanted, task.init().record());
            task.init().move(ProcessState.CREATED, "create", NOTHING, promised);
            return List.of();
        }
        if (!Workshop.ownsCgroup(task.record())) {
            born(task, wanted, () -> workshop.assembly().create(task, wanted, config, null, timeline));
            watchMemory(task);
            return List.of();
        }
        try (Meanwhile cgroup = Meanwhile.begin("cgroup of " + task.key(), () -> {
                    workshop.assembly().makeCgroup(task.record(), config);
                    aside.done("cgroups, made meanwhile");
                });
                Meanwhile watch = Meanwhile.begin("watch of " + task.key(), () -> {
                    cgroup.await();
                    watchMemory(task);
                })) {
            born(task, wanted, () -> workshop.assembly().create(task, wanted, config, cgroup, timeline));
            watch.await();
            return aside.steps();
        }
    }

    private static void born(Task task, NewTask wanted, TaskProcess.Birth birth) throws InterruptedException {
        task.init().create(birth, made -> TaskEvents.created(task.record(), wanted, made));
    }

    private void watchMemory(Task task) {
        workshop.cgroup(task.record()).ifPresent(cgroup -> context.oom().watch(task.key(), cgroup, false));
    }

    private ProcessIo open(ProcessRecord process) {
        Streams streams = process.streams();
        return context.stdio()
                .open(
                        PumpRecord.name(process.task(), process.execId()),
                        streams.terminal(),
                        streams.stdin(),
                        streams.stdout(),
                        streams.stderr());
    }

    void start(TaskKey key) throws InterruptedException {
        begin(find(key), timeline());
    }

    private void begin(Task task, Timeline timeline) throws InterruptedException {
        Optional<Task.Restoration> restoration = task.restoration();
        if (restoration.isPresent()) {
            task.init().restore(() -> workshop.restore(task, restoration.get(), timeline));
            watchMemory(task);
        } else {
            task.init().start(() -> workshop.start(task));
        }
    }

    /** Announces an exec. */
    void exec(NewExec wanted) throws IOException {
        Task task = find(wanted.task());
        ProcessRecord announced =
                ProcessRecord.announced(wanted.task(), wanted.execId(), ProcessState.CREATED, wanted.streams());
        TaskProcess exec = new TaskProcess(announced, context, NOTHING);
        if (task.execs().putIfAbsent(wanted.execId(), exec) != null) {
            throw Fault.alreadyExists(
                    "exec " + wanted.execId() + " in " + wanted.task().id(), "the id is taken", "");
        }
        try (Rollback undo = new Rollback()) {
            undo.add("exec " + wanted.execId(), () -> task.execs().remove(wanted.execId(), exec));
            Files.writeString(workshop.processFile(task, wanted.execId()), wanted.processJson());
            context.ledger().save(announced, TaskEvents.execAdded(announced));
            undo.commit();
        }
    }

    void startExec(TaskKey key, String execId) throws InterruptedException {
        String what = "run a command in " + key.id();
        Task task = find(key);
        TaskProcess exec = task.process(execId);
        ProcessIo io = open(exec.record());
        try (Rollback undo = new Rollback()) {
            undo.add("streams of exec " + execId, io::close);
            exec.use(io);
            task.enter(what, () -> exec.startExec(() -> workshop.exec(task, execId, io)));
            undo.commit();
        } catch (Fault e) {
            throw isOfTheRuntime(e) && task.hasEnded(END_TO_BE_SEEN)
                    ? Fault.precondition(what, "the container has ended", "Start it anew, or another")
                            .causedBy(e)
                    : e;
        }
    }

    /**
     * Runs a further process to its end and removes it.
     *
     * @return its record; without an exit if the time is over, and then it goes on
     */
    ProcessRecord runExec(NewExec wanted, Duration limit) throws IOException, InterruptedException {
        exec(wanted);
        Task task = find(wanted.task());
        try (Rollback undo = new Rollback()) {
            undo.add("exec " + wanted.execId(), () -> deleteExec(task, wanted.execId()));
            startExec(wanted.task(), wanted.execId());
            undo.commit();
        }
        ProcessRecord record = task.process(wanted.execId()).awaitEnd(limit);
        return record.exitedAt() == null ? record : deleteExec(task, wanted.execId());
    }

    private static boolean isOfTheRuntime(Fault fault) {
        return fault.code() == Fault.Code.INTERNAL || fault.code() == Fault.Code.NOT_FOUND;
    }

    /** Sends a signal to a process, or to all of a container. */
    void kill(TaskKey key, String execId, int signal, boolean all) throws IOException, InterruptedException {
        Task task = find(key);
        if (all && execId.isEmpty()) {
            workshop.killAll(task, signal);
        } else {
            task.process(execId).signal(signal);
        }
        if (signal == Signals.KILL && execId.isEmpty()) {
            workshop.letDie(task);
        }
    }

    void pause(TaskKey key) throws InterruptedException {
        Task task = find(key);
        alone(task, ProcessState.PAUSED, "pause", () -> workshop.pause(task), TaskEvents.paused(key));
    }

    void resume(TaskKey key) throws InterruptedException {
        Task task = find(key);
        alone(task, ProcessState.RUNNING, "resume", () -> workshop.resume(task), TaskEvents.resumed(key));
    }

    private static void alone(Task task, ProcessState next, String verb, TaskProcess.Step step, Happening event)
            throws InterruptedException {
        Task.during(task.gate().writeLock(), () -> task.init().move(next, verb, step, event));
    }

    /**
     * Writes down the state of a task's processes.
     *
     * @param limit how long that may take
     */
    void checkpoint(TaskKey key, Checkpoints.Wanted wanted, Duration limit) throws InterruptedException {
        new Checkpoints(workshop, context.ledger(), context.time().ticker()).make(find(key), wanted, limit);
    }

    /** The process ids in the container, in our PID namespace. */
    Set<Integer> pids(TaskKey key) throws IOException {
        return workshop.pids(find(key));
    }

    /** Sets limits, given as OCI resources in JSON. */
    void update(TaskKey key, String resources) throws IOException, InterruptedException {
        workshop.update(find(key), resources);
    }

    /** The counters of the container's cgroup. */
    CgroupStats stats(TaskKey key) throws IOException {
        return workshop.stats(find(key));
    }

    /**
     * Removes a task that has ended or was never started, or an exec of one.
     *
     * @return how it ended
     * @throws Fault FAILED_PRECONDITION if it is running
     */
    ProcessRecord delete(TaskKey key, String execId) throws IOException, InterruptedException {
        Task task = find(key);
        return execId.isEmpty() ? deleteTask(task) : deleteExec(task, execId);
    }

    private ProcessRecord deleteTask(Task task) throws IOException, InterruptedException {
        TaskProcess init = task.init();
        if (init.state() == ProcessState.CREATED) {
            init.end(AFTER_KILL);
        }
        context.oom().stop(task.key());
        init.delete(() -> {
            workshop.remove(task.record(), false);
            context.ledger().remove(task.key(), TaskEvents.deleted(init.record()));
        });
        tasks.remove(task.key(), task);
        context.outputs().stop(outputOf(init));
        for (TaskProcess exec : task.execs().values()) {
            context.outputs().stop(outputOf(exec));
            exec.close();
        }
        return init.record();
    }

    private ProcessRecord deleteExec(Task task, String execId) throws IOException, InterruptedException {
        TaskProcess exec = task.process(execId);
        // Not told: whoever goes by the container's id would take it for the end of the task.
        exec.delete(() -> context.ledger().remove(exec.record()));
        task.execs().remove(execId, exec);
        workshop.removeExec(task, execId);
        context.outputs().stop(outputOf(exec));
        return exec.record();
    }

    /** Undoes a creation, however far it came; what cannot be undone now is tried again later. */
    private void discard(Task task) throws InterruptedException {
        context.oom().stop(task.key());
        task.init().close();
        leftovers.add(task.record());
        leftovers.remove(task.key());
    }

    private static String outputOf(TaskProcess process) {
        return PumpRecord.name(process.record().task(), process.record().execId());
    }
}
