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
import java.util.Optional;
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
        int step(Path bundle, Stdio stdio, Rollback undo) throws IOException, InterruptedException;
    }

    int create(NewTask task) {
        Handler handler = config.handler(task.handler());
        return make(task, paths.fill(task, handler), (bundle, stdio, undo) -> {
            TaskId id = task.task();
            undo.add("pump of " + id, () -> pumps.drain(id, Duration.ZERO));
            pumps.start(id, stdio.stdout(), stdio.stderr(), task.stdio());
            return switch (handler) {
                case Handler.Builtin builtin -> createOurs(task, builtin, bundle, stdio, undo);
                case Handler.Foreign other -> createForeign(task, other, bundle, stdio, undo);
            };
        });
    }

    int run(NewTask task, Timeline timeline) {
        return switch (config.handler(task.handler())) {
            case Handler.Builtin builtin ->
                make(task, paths.fillContainers(task), (bundle, stdio, _) -> {
                    timeline.done("bundle");
                    return runOurs(task, request(task, options(builtin), bundle, stdio), timeline);
                });
            case Handler.Foreign _ -> {
                create(task);
                timeline.done("create task");
                int pid = shims.of(task.task()).start(task.task(), "");
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
                .call("Run", request.build(), RunResponse.parser(), Deadlines.RUNTIME);
        timeline.done(response.getStepsList().stream()
                .map(step -> new Timeline.Step(step.getName(), step.getMicros()))
                .toList());
        return response.getPid();
    }

    private int make(NewTask task, RuntimeSpec spec, Last last) {
        TaskId id = task.task();
        try (var undo = new Rollback()) {
            Path bundle = bundles.create(id);
            undo.add("bundle of " + id, () -> bundles.remove(id));
            Stdio stdio = fifos(bundle, task.stdio());
            bundles.writeConfig(bundle, spec.toJson());
            int pid = last.step(bundle, stdio, undo);
            undo.commit();
            return pid;
        } catch (IOException e) {
            throw Fault.internal("create task " + id, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, "create task " + id, "the caller was interrupted", "");
        }
    }

    Exit delete(TaskId task) {
        try {
            Optional<Exit> exit = deleteAtShim(task);
            pumps.drain(task, Duration.ZERO);
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
        String execId = Ids.random();
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

    private static Stdio fifos(Path bundle, NewTask.Stdio stdio) throws IOException {
        return new Stdio(
                stdio.stdin() ? Bundles.fifo(bundle, "stdin") : null,
                Bundles.fifo(bundle, "stdout"),
                stdio.terminal() ? null : Bundles.fifo(bundle, "stderr"));
    }

    private int createOurs(NewTask task, Handler.Builtin handler, Path bundle, Stdio stdio, Rollback undo) {
        TaskId id = task.task();
        var client = shims.ours(id.namespace()).client();
        undo.add("task " + id, () -> deleteIfThere(client, id));
        return client.create(request(task, options(handler), bundle, stdio));
    }

    private static Handler.ShimOptions options(Handler.Builtin handler) {
        return Handler.ShimOptions.runc(handler.runtime(), "", handler.systemdCgroup());
    }

    private int createForeign(NewTask task, Handler.Foreign handler, Path bundle, Stdio stdio, Rollback undo)
            throws IOException, InterruptedException {
        TaskId id = task.task();
        undo.add("what the shim of " + id + " left", () -> foreign.abandon(id));
        ForeignShim shim = foreign.start(handler, id);
        int pid = shim.tasks(id.namespace()).create(request(task, handler.options(), bundle, stdio));
        shim.learnProcess(id);
        return pid;
    }

    private static CreateTaskRequest request(NewTask task, Handler.ShimOptions options, Path bundle, Stdio stdio) {
        var request = CreateTaskRequest.newBuilder()
                .setId(task.task().id())
                .setBundle(bundle.toString())
                .setTerminal(task.stdio().terminal())
                .setStdin(text(stdio.stdin()))
                .setStdout(text(stdio.stdout()))
                .setStderr(text(stdio.stderr()));
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
