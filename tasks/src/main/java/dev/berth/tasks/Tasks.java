package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import dev.berth.kernel.Timeline;
import dev.berth.linux.Fd;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.ProcessSpec;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.ttrpc.TtrpcServer;
import dev.berth.wire.shim.supervisor.InfoRequest;
import dev.berth.wire.shim.supervisor.InfoResponse;
import dev.berth.wire.shim.types.RuntimeInfo;
import dev.berth.wire.shim.types.RuntimeRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one door to every task on the node, whoever runs it.
 *
 * <p>A task is created (its process exists but has not begun), started, ends, and is deleted; its record stays at the shim
 * until then. All failures are {@link Fault}s with the code of the shim; UNAVAILABLE means that the outcome is not known,
 * and {@link #state} will tell.
 */
public final class Tasks implements AutoCloseable {
    /** Until a supervisor that hangs has been found out, killed and replaced by one that serves. */
    public static final Duration BACK_WITHIN = Patience.NORMAL.longest().plus(Deadlines.SUPERVISOR);

    /** A quarter of the daemon's heap. */
    private static final long EXEC_OUTPUT_BYTES = 64 << 20;

    private static final Logger LOG = LoggerFactory.getLogger(Tasks.class);

    private final TasksConfig config;
    private final Ticker ticker;
    private final Bundles bundles;
    private final Supervisor supervisor;
    private final ForeignShims foreign;
    private final TtrpcServer eventsServer;
    private final Shims shims;
    private final Pods pods;
    private final Pumps pumps;
    private final Creation creation;
    private final List<Consumer<TaskEvent>> subscribers = new CopyOnWriteArrayList<>();
    private final InstantSource clock;
    private final OutputBudget execOutput = new OutputBudget(EXEC_OUTPUT_BYTES);
    private volatile @Nullable EventFeed feed;

    private Tasks(TasksConfig config, Ticker ticker, InstantSource clock, Patience patience) throws IOException {
        this.config = config;
        this.ticker = ticker;
        this.clock = clock;
        this.bundles = new Bundles(config.state());
        this.supervisor = Supervisor.keep(config, ticker, patience);
        this.foreign = new ForeignShims(config, bundles, ticker, clock, this::tell);
        this.eventsServer = EventsServer.listen(config.eventsSocket(), ticker, this::tell);
        this.shims = new Shims(supervisor, foreign, ticker);
        this.pods = new Pods(config, supervisor, ticker);
        this.pumps = new Pumps(supervisor, ticker);
        this.creation = new Creation(config, bundles, shims, foreign, new PodPaths(pods, shims), pumps);
    }

    /**
     * Begins to keep a supervisor and to listen to shims. Returns before the supervisor serves; calls wait for it.
     *
     * @throws IOException if the state directory cannot be used, or another daemon uses it
     */
    public static Tasks open(TasksConfig config, Ticker ticker, InstantSource clock) throws IOException {
        return open(config, ticker, clock, Patience.NORMAL);
    }

    static Tasks open(TasksConfig config, Ticker ticker, InstantSource clock, Patience patience) throws IOException {
        var passable = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx--x--x"));
        Files.createDirectories(config.state(), passable);
        Files.createDirectories(config.state().resolve("s"), passable);
        return new Tasks(config, ticker, clock, patience);
    }

    /**
     * Adds a subscriber; the first one makes the events flow, beginning with those that no daemon has taken yet. A
     * subscriber returns when he has made what he needs durable; if he throws he is told again. He is called from several
     * threads, in order for each task.
     */
    public synchronized void subscribe(Consumer<TaskEvent> subscriber) {
        subscribers.add(subscriber);
        if (feed == null) {
            feed = EventFeed.start(supervisor, ticker, clock, this::tell);
        }
    }

    // ---- pods

    /**
     * Makes a pod's namespaces.
     *
     * @throws Fault ALREADY_EXISTS if there is a pod of that name, which stays as it is
     */
    public void createPod(PodRequest request) {
        pods.make(request);
    }

    /** What is known of a pod; empty if nothing is. */
    public Optional<Pod> podStatus(TaskId pod) {
        return pods.status(pod);
    }

    /** Ends what runs in a pod and gives up its namespaces. Idempotent. */
    public void stopPod(TaskId pod) {
        pods.stop(pod, Duration.ZERO);
    }

    /** Removes everything of a pod. Idempotent. */
    public void removePod(TaskId pod) {
        pods.remove(pod);
    }

    /** Every pod that the supervisor knows, also stopped ones. */
    public List<TaskId> pods() {
        return new Recovery(bundles, foreign, shims, supervisor, ticker).pods();
    }

    // ---- tasks

    /**
     * Makes a task; its process waits for {@link #start}.
     *
     * @return the pid of its process as the host sees it
     * @throws Fault ALREADY_EXISTS if there is a task of that name
     */
    public int create(NewTask task) {
        return creation.create(task);
    }

    /**
     * Begins ahead of {@link #run} what can be done ahead, and returns at once. It saves time and nothing else: what fails is done
     * again by {@link #run}. {@link #unprepare} and {@link #delete} undo it; what a daemon that dies leaves of it goes with
     * {@link #tidy}.
     *
     * @param config the task's spec as JSON
     */
    public void prepare(NewTask task, byte[] config) {
        creation.prepare(task, config);
    }

    /** Takes back what {@link #prepare} did; harmless where it did nothing or the task was run since. */
    public void unprepare(TaskId task) throws InterruptedException {
        creation.unprepare(task);
    }

    /**
     * Makes a task and starts its process. After a fault a part or all of it may be there: {@link #kill}, {@link #awaitExit}
     * and {@link #delete} take it away.
     *
     * @param timeline gets the steps
     * @return the pid of its process as the host sees it
     * @throws Fault ALREADY_EXISTS if there is a task of that name
     */
    public int run(NewTask task, Timeline timeline) {
        return creation.run(task, timeline);
    }

    /** Starts a task's process and returns its pid. */
    public int start(TaskId task) {
        return shims.of(task).start(task, "", Deadlines.RUNTIME);
    }

    /**
     * Sends a signal.
     *
     * @param execId the exec to signal; empty for the task's first process
     * @param all every process of the task gets it
     * @throws Fault NOT_FOUND if the task or exec is unknown or has ended
     */
    public void kill(TaskId task, String execId, int signal, boolean all) {
        shims.of(task).kill(task, execId, signal, all);
    }

    /**
     * Waits for the end of a task; empty if the time is over.
     *
     * @throws Fault NOT_FOUND if there is no such task
     */
    public Optional<Exit> awaitExit(TaskId task, Duration limit) {
        return shims.of(task).await(task, "", limit);
    }

    /** What the shim knows of a task. */
    public TaskState state(TaskId task) {
        return shims.of(task).client().state(task, "");
    }

    /**
     * Deletes a task that has ended, with all that belongs to it: pump, shim (if it was its last task), bundle.
     *
     * @return how it had ended
     * @throws Fault NOT_FOUND if the shim knew no such task; what was left of it is removed all the same
     */
    public Exit delete(TaskId task) {
        return creation.delete(task);
    }

    /** Waits until all output of a task is in its log, at most so long; false if somebody still holds its pipes. */
    public boolean drain(TaskId task, Duration limit) {
        return pumps.drain(task, limit);
    }

    /**
     * Opens a task's log file anew, after the old one was moved away.
     *
     * @throws Fault NOT_FOUND if nothing is being logged; then no new file exists
     */
    public void reopenLog(TaskId task) {
        pumps.reopen(task);
    }

    /** Sets the size of a terminal, in characters. */
    public void resize(TaskId task, String execId, int width, int height) {
        shims.of(task).resize(task, execId, width, height);
    }

    /** Says that no more will be written to a task's standard input. */
    public void closeStdin(TaskId task) {
        shims.of(task).closeStdin(task, "");
    }

    /**
     * Shows the output of a task from now on, besides its log.
     *
     * @throws Fault NOT_FOUND if its output is not being read: there is no such task, or it has ended
     */
    public Attachment attach(TaskId task) {
        return Attachment.open(supervisor, task);
    }

    /** A further writer of a task's standard input, non-blocking; empty if it has none or {@link #endStdin} was called. */
    public Optional<Fd> openStdin(TaskId task) {
        return bundles.openStdin(task);
    }

    /** Says, for good, that no more will be written to a task's standard input. Calling it again is harmless. */
    public void endStdin(TaskId task) {
        bundles.removeStdin(task);
        closeStdin(task);
    }

    /** Freezes a task. */
    public void pause(TaskId task) {
        shims.of(task).pause(task);
    }

    /** Thaws a task. */
    public void resume(TaskId task) {
        shims.of(task).resume(task);
    }

    /**
     * Writes down the state of all processes of a task, which then runs on, or stays paused if it was. A state is of use only with
     * the files of the same moment: who copies those has the task standing still meanwhile, by {@link #pause}.
     *
     * @param images an empty directory for the state
     * @param work a directory for what is told of the work: {@code dump.log} and {@code stats-dump}
     * @param limit how long it may take; zero for as long as it takes
     * @throws Fault FAILED_PRECONDITION if it neither runs nor is paused, or if its runtime or this node cannot do it;
     *     DEADLINE_EXCEEDED when the time is over. After any of them it runs on as before
     */
    public void checkpoint(TaskId task, Path images, Path work, Duration limit) {
        shims.of(task).checkpoint(task, images, work, limit.isZero() ? TtrpcClient.FOREVER : limit);
    }

    /** Changes the limits of a task; what is not named stays. */
    public void update(TaskId task, LinuxResources resources) {
        shims.of(task).update(task, resources);
    }

    /** Whether its processes and its cgroup are this host's; a foreign shim may have both in a machine of its own. */
    public boolean isOurs(TaskId task) {
        return shims.isOurs(task);
    }

    /** A task's counters. */
    public CgroupStats stats(TaskId task) {
        return shims.of(task).stats(task);
    }

    /** Every process of a task, as the host sees them. */
    public List<Integer> pids(TaskId task) {
        return shims.of(task).pids(task);
    }

    // ---- exec

    /** Prepares a further process in a running task; see {@link Exec}. */
    public Exec exec(TaskId task, Exec.Command command) {
        Exec exec = creation.exec(task, command);
        try (var undo = new Rollback()) {
            undo.add("exec " + exec.id(), exec::close);
            exec.register();
            undo.commit();
        }
        return exec;
    }

    /**
     * Runs a command in a running task and collects what it says.
     *
     * @param limit for the command itself; zero for none
     * @throws Fault DEADLINE_EXCEEDED if it took longer; it is killed then
     */
    public ExecResult execSync(TaskId task, ProcessSpec process, Duration limit) {
        return new ExecSync(creation, execOutput).run(task, process, limit);
    }

    // ---- the whole

    /**
     * Removes what died with its daemon: bundles of which there is no task, left by a creation or a deletion, and processes in
     * running tasks whose pipes nobody reads any more. Only while nobody makes tasks or runs anything in them.
     *
     * @param there all tasks, as {@link #list} has just told
     */
    public void tidy(Collection<TaskId> there) throws IOException {
        for (TaskId bundle : bundles.list()) {
            if (!there.contains(bundle)) {
                LOG.info("{}: its bundle is left without a task and is removed", bundle);
                bundles.remove(bundle);
            } else {
                endExecs(bundle);
            }
        }
    }

    private void endExecs(TaskId task) throws IOException {
        for (Path pipes : bundles.execs(task)) {
            String execId = Exec.Pipes.execId(pipes);
            if (creation.isOwn(execId)) {
                continue; // calls are served already
            }
            try {
                shims.of(task).removeExec(task, execId, true);
                LOG.info("{}: a process whose caller is gone with the last daemon is ended", task);
            } catch (Fault e) {
                LOG.warn("{}: a process whose caller is gone cannot be ended: {}", task, e.getMessage());
            }
            Exec.Pipes.remove(pipes);
        }
    }

    /** Counters since the start. */
    public Vitals vitals() {
        EventFeed events = feed;
        return new Vitals(
                supervisor.restarts(),
                events == null ? 0 : events.count(),
                events == null ? Duration.ZERO : events.lag());
    }

    /** Every task that the supervisor or a foreign shim knows; a dead shim's tasks are cleaned up and reported stopped. */
    public List<TaskState> list() {
        return new Recovery(bundles, foreign, shims, supervisor, ticker).list();
    }

    /**
     * Checks that there is a runtime handler of a name.
     *
     * @throws Fault INVALID_ARGUMENT if there is none
     */
    public Handler requireHandler(String name) {
        return config.handler(name);
    }

    /** Who the supervisor is and which OCI runtimes it found. */
    public SupervisorInfo runtimes() {
        var client = new TaskClient(supervisor, Supervisor.SERVICE, "k8s.io", ticker);
        var request = InfoRequest.newBuilder().setAwaitRuntimes(true);
        for (Handler handler : config.handlers().get().values()) {
            if (handler instanceof Handler.Builtin(String path, var _) && path.startsWith("/")) {
                request.addPaths(path); // the supervisor may be older than the config
            }
        }
        return SupervisorInfo.of(client.again("Info", request.build(), InfoResponse.parser(), Deadlines.SUPERVISOR));
    }

    /** Whether containers of each handler can run, by its name. */
    public Map<String, SupervisorInfo.Readiness> handlers(SupervisorInfo info) {
        var handlers = new TreeMap<String, SupervisorInfo.Readiness>();
        config.handlers().get().forEach((name, handler) -> handlers.put(name, info.readiness(handler)));
        return handlers;
    }

    /**
     * What a runtime says of itself, asked by the name that containerd's API has for it.
     *
     * @param version of the program, which is that of its own runtime
     * @throws Fault NOT_FOUND if there is none of this name; INVALID_ARGUMENT, UNIMPLEMENTED as the shim has it
     */
    public RuntimeInfo runtimeInfo(RuntimeRequest request, String version) throws InterruptedException {
        var question = new RuntimeQuestion(request);
        Optional<Handler.Foreign> shim =
                question.foreign(config.handlers().get().values());
        if (shim.isEmpty()) {
            return question.ofOurs(version, this::runtimes);
        }
        try {
            return question.ask(new ShimProgram(shim.get().shim(), config));
        } catch (IOException e) {
            throw Fault.unavailable("ask " + shim.get().shim(), String.valueOf(e.getMessage()), "Try again")
                    .causedBy(e);
        }
    }

    /**
     * Ends every supervisor of a state directory, also one that still boots or that hangs, and returns when none is left. What
     * they ran runs on. Only for whoever has the state directory to himself and has closed what he opened there.
     *
     * @throws IOException if one cannot be ended
     */
    public static void endSupervisors(TasksConfig config) throws IOException, InterruptedException {
        try (Incumbents all = Incumbents.find(config, null)) {
            all.end();
            all.awaitEndOrKill(Deadlines.SUPERVISOR_STOP);
        }
    }

    /** Lets go of everything; supervisor, shims and tasks run on. */
    @Override
    public void close() {
        EventFeed events;
        synchronized (this) {
            events = feed;
        }
        if (events != null) {
            events.close();
        }
        eventsServer.close();
        foreign.close();
        supervisor.close();
        LOG.debug("tasks of {} run on", config.state());
    }

    private void tell(TaskEvent event) {
        if (subscribers.isEmpty()) {
            throw Fault.unavailable("tell " + event, "the daemon is not ready for events", "");
        }
        for (Consumer<TaskEvent> subscriber : subscribers) {
            subscriber.accept(event);
        }
    }
}
