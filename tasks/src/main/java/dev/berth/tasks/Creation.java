package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Timeline;
import dev.berth.oci.RuntimeSpec;
import dev.berth.wire.shim.supervisor.RunRequest;
import dev.berth.wire.shim.supervisor.RunResponse;
import dev.berth.wire.shim.task.CreateTaskRequest;
import dev.berth.wire.shim.types.Mount;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Making and removing tasks and execs: the steps, and what undoes them. */
final class Creation {
    private static final Logger LOG = LoggerFactory.getLogger(Creation.class);

    private final TasksConfig config;
    private final Bundles bundles;
    private final Shims shims;
    private final ForeignShims foreign;
    private final PodPaths paths;
    private final Pumps pumps;
    /** How the ids of this daemon's execs begin: a word of its own, not to be guessed from that of another. */
    private final String own = Ids.random().substring(0, 16);

    private final Map<TaskId, Future<Bundle>> ahead = new ConcurrentHashMap<>();

    /** What a shim is given, ready on disk. */
    private record Bundle(Path path, Stdio stdio, RuntimeSpec spec) {}

    /** The FIFOs of a task; null where it has none. */
    private record Stdio(
            @Nullable Path stdin, Path stdout, @Nullable Path stderr) {}

    Creation(TasksConfig config, Bundles bundles, Shims shims, ForeignShims foreign, PodPaths paths, Pumps pumps) {
        this.config = config;
        this.bundles = bundles;
        this.shims = shims;
        this.foreign = foreign;
        this.paths = paths;
        this.pumps = pumps;
    }

    /** What is to be done with a bundle that is ready; answers the process id. */
    private interface Last {
        int step(Bundle bundle, Rollback undo) throws IOException, InterruptedException;
    }

    private interface Making<T> {
        T make(Rollback undo) throws IOException, InterruptedException;
    }

    /** Begins to make the bundle that {@link #run} will want, which makes it itself where it is not there or another one. */
    void prepare(NewTask task, byte[] config) {
        TaskId id = task.task();
        if (this.config.handler(task.handler()) instanceof Handler.Builtin
                && !PodPaths.leadsToContainers(task.spec())) {
            var making = new FutureTask<>(() -> guarded(task, undo -> fresh(task, task.spec(), config, undo)));
            ahead.put(id, making);
            Thread.ofVirtual().name("bundle of " + id).start(making);
        }
    }

    void unprepare(TaskId id) throws InterruptedException {
        if (prepared(id).isEmpty()) {
            return;
        }
        try {
            bundles.remove(id);
        } catch (IOException e) {
            throw Fault.internal("remove the bundle of " + id, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** What was made ahead, once: it is the caller's now. */
    private Optional<Bundle> prepared(TaskId id) throws InterruptedException {
        Future<Bundle> making = ahead.get(id);
        if (making == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(making.get());
        } catch (ExecutionException e) {
            LOG.debug("{}: no bundle could be made ahead", id, e);
            return Optional.empty();
        } finally {
            if (making.isDone()) {
                ahead.remove(id, making);
            }
        }
    }

    int create(NewTask task) {
        Handler handler = config.handler(task.handler());
        return make(task, paths.fill(task, handler), (bundle, undo) -> {
            TaskId id = task.task();
            undo.add("pump of " + id, () -> pumps.drain(id, Duration.ZERO));
            pumps.start(id, bundle.stdio().stdout(), bundle.stdio().stderr(), task.stdio());
            return switch (handler) {
                case Handler.Builtin builtin -> createOurs(task, builtin, bundle, undo);
                case Handler.Foreign other -> createForeign(task, other, bundle, undo);
            };
        });
    }

    int run(NewTask task, Timeline timeline) {
        return switch (config.handler(task.handler())) {
            case Handler.Builtin builtin ->
                make(task, paths.fillContainers(task), (bundle, _) -> {
                    timeline.done("bundle");
                    return runOurs(task, request(task, options(builtin), bundle), timeline);
                });
            case Handler.Foreign _ -> {
                create(task);
                timeline.done("create task");
                int pid = shims.of(task.task()).start(task.task(), "", startLimit(task));
                timeline.done("start task");
                yield pid;
            }
        };
    }

    /** With our own supervisor it is one call. */
    private int runOurs(NewTask task, CreateTaskRequest create, Timeline timeline) {
        var request = RunRequest.newBuilder().setTask(create);
        if (task.pod() != null) {
            request.setPod(task.pod());
        }
        if (task.stdio().log() != null) {
            request.setLogPath(task.stdio().log().toString());
        }
        RunResponse response = shims.supervisor(task.task().namespace())
                .call("Run", request.build(), RunResponse.parser(), startLimit(task));
        timeline.done(response.getStepsList().stream()
                .map(step -> new Timeline.Step(step.getName(), step.getMicros()))
                .toList());
        return response.getPid();
    }

    private static Duration startLimit(NewTask task) {
        return task.checkpoint() == null ? Deadlines.RUNTIME : Deadlines.RESTORE;
    }

    private int make(NewTask task, RuntimeSpec spec, Last last) {
        return guarded(task, undo -> last.step(bundle(task, spec, undo), undo));
    }

    private static <T> T guarded(NewTask task, Making<T> making) {
        String what = "create task " + task.task();
        try (var undo = new Rollback()) {
            T made = making.make(undo);
            undo.commit();
            return made;
        } catch (IOException e) {
            throw Fault.internal(what, String.valueOf(e.getMessage()), "").causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, what, "the caller was interrupted", "");
        }
    }

    private Bundle bundle(NewTask task, RuntimeSpec spec, Rollback undo) throws IOException, InterruptedException {
        Optional<Bundle> prepared = prepared(task.task());
        if (prepared.isEmpty()) {
            return fresh(task, spec, spec.toJson(), undo);
        }
        undo.add("bundle of " + task.task(), () -> bundles.remove(task.task()));
        Bundle bundle = prepared.get();
        if (bundle.spec().equals(spec)) {
            return bundle;
        }
        bundles.writeConfig(bundle.path(), spec.toJson());
        return new Bundle(bundle.path(), bundle.stdio(), spec);
    }

    private Bundle fresh(NewTask task, RuntimeSpec spec, byte[] config, Rollback undo) throws IOException {
        TaskId id = task.task();
        Path path = bundles.create(id);
        undo.add("bundle of " + id, () -> bundles.remove(id));
        Stdio stdio = fifos(path, task.stdio());
        bundles.writeConfig(path, config);
        return new Bundle(path, stdio, spec);
    }

    Exit delete(TaskId task) {
        try {
            Optional<Exit> exit = deleteAtShim(task);
            pumps.drain(task, Duration.ZERO);
            unprepare(task);
            bundles.remove(task);
            return exit.orElseThrow(() -> Fault.notFound("delete task " + task, "there is no such task", ""));
        } catch (IOException e) {
            throw Fault.internal("delete task " + task, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, "delete task " + task, "the caller was interrupted", "");
        }
    }

    /** An exec of which the shim knows nothing yet. */
    Exec exec(TaskId task, Exec.Command command) {
        String execId = own + Ids.random().substring(own.length());
        try (var undo = new Rollback()) {
            var pipes = Exec.Pipes.create(
                    bundles.of(task), execId, command.stdin(), command.process().terminal());
            undo.add("pipes of exec " + execId, pipes::remove);
            var exec = new Exec(shims, task, execId, pipes, command.process());
            undo.commit();
            return exec;
        } catch (java.nio.file.NoSuchFileException e) {
            throw Fault.notFound("exec in " + task, "there is no such task", "").causedBy(e);
        } catch (IOException e) {
            throw Fault.internal("exec in " + task, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** Whether an exec was made by this daemon, and not by one before it. */
    boolean isOwn(String execId) {
        return execId.startsWith(own);
    }

    private static Stdio fifos(Path bundle, NewTask.Stdio stdio) throws IOException {
        return new Stdio(
                stdio.stdin() ? Bundles.fifo(bundle, "stdin") : null,
                Bundles.fifo(bundle, "stdout"),
                stdio.terminal() ? null : Bundles.fifo(bundle, "stderr"));
    }

    private int createOurs(NewTask task, Handler.Builtin handler, Bundle bundle, Rollback undo) {
        TaskId id = task.task();
        var client = shims.ours(id.namespace()).client();
        undo.add("task " + id, () -> deleteIfThere(client, id));
        return client.create(request(task, options(handler), bundle));
    }

    private static Handler.ShimOptions options(Handler.Builtin handler) {
        return Handler.ShimOptions.runc(handler.runtime(), "", handler.systemdCgroup());
    }

    private int createForeign(NewTask task, Handler.Foreign handler, Bundle bundle, Rollback undo)
            throws IOException, InterruptedException {
        TaskId id = task.task();
        undo.add("what the shim of " + id + " left", () -> foreign.abandon(id));
        ForeignShim shim = foreign.start(handler, id);
        int pid = shim.tasks(id.namespace()).create(request(task, handler.options(), bundle));
        shim.learnProcess(id);
        return pid;
    }

    private static CreateTaskRequest request(NewTask task, Handler.ShimOptions options, Bundle bundle) {
        Stdio stdio = bundle.stdio();
        var request = CreateTaskRequest.newBuilder()
                .setId(task.task().id())
                .setBundle(bundle.path().toString())
                .setTerminal(task.stdio().terminal())
                .setStdin(text(stdio.stdin()))
                .setStdout(text(stdio.stdout()))
                .setStderr(text(stdio.stderr()));
        if (task.checkpoint() != null) {
            request.setCheckpoint(task.checkpoint().toString());
        }
        for (NewTask.RootMount mount : task.rootfs()) {
            request.addRootfs(Mount.newBuilder()
                    .setType(mount.type())
                    .setSource(mount.source())
                    .setTarget(mount.target())
                    .addAllOptions(mount.options()));
        }
        if (options.isPresent()) {
            request.setOptions(options.toAny());
        }
        return request.build();
    }

    private Optional<Exit> deleteAtShim(TaskId task) throws IOException, InterruptedException {
        Optional<ForeignShim> shim;
        try {
            shim = foreign.find(task);
        } catch (Fault e) {
            LOG.warn("{}: its shim is dead: {}", task, e.getMessage());
            return Optional.of(foreign.cleanUp(task));
        }
        if (shim.isEmpty()) {
            return deleteIfThere(shims.ours(task.namespace()).client(), task);
        }
        Optional<Exit> exit = deleteIfThere(shim.get().tasks(task.namespace()), task);
        foreign.leave(task, shim.get());
        return exit;
    }

    private static Optional<Exit> deleteIfThere(TaskClient client, TaskId task) {
        try {
            return Optional.of(client.delete(task, ""));
        } catch (Fault e) {
            if (e.code() == Fault.Code.NOT_FOUND) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private static String text(@Nullable Path path) {
        return path == null ? "" : path.toString();
    }
}
