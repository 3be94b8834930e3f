package dev.berth.shim;

import com.google.protobuf.Any;
import dev.berth.kernel.Fault;
import dev.berth.shim.ProcessRecord.Streams;
import dev.berth.shim.runtime.OciRuntime.Kept;
import dev.berth.ttrpc.Call;
import dev.berth.ttrpc.Service;
import dev.berth.wire.shim.options.CheckpointOptions;
import dev.berth.wire.shim.options.Options;
import dev.berth.wire.shim.task.CheckpointTaskRequest;
import dev.berth.wire.shim.task.CloseIORequest;
import dev.berth.wire.shim.task.ConnectRequest;
import dev.berth.wire.shim.task.ConnectResponse;
import dev.berth.wire.shim.task.CreateTaskRequest;
import dev.berth.wire.shim.task.CreateTaskResponse;
import dev.berth.wire.shim.task.DeleteRequest;
import dev.berth.wire.shim.task.DeleteResponse;
import dev.berth.wire.shim.task.ExecProcessRequest;
import dev.berth.wire.shim.task.KillRequest;
import dev.berth.wire.shim.task.PauseRequest;
import dev.berth.wire.shim.task.PidsRequest;
import dev.berth.wire.shim.task.PidsResponse;
import dev.berth.wire.shim.task.ResizePtyRequest;
import dev.berth.wire.shim.task.ResumeRequest;
import dev.berth.wire.shim.task.ShutdownRequest;
import dev.berth.wire.shim.task.StartRequest;
import dev.berth.wire.shim.task.StartResponse;
import dev.berth.wire.shim.task.StateRequest;
import dev.berth.wire.shim.task.StateResponse;
import dev.berth.wire.shim.task.StatsRequest;
import dev.berth.wire.shim.task.StatsResponse;
import dev.berth.wire.shim.task.UpdateTaskRequest;
import dev.berth.wire.shim.task.WaitRequest;
import dev.berth.wire.shim.task.WaitResponse;
import dev.berth.wire.shim.types.Mount;
import dev.berth.wire.shim.types.ProcessInfo;
import dev.berth.wire.shim.types.Status;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Answers {@code containerd.task.v3.Task}: messages in, calls of {@link Tasks}, messages out. */
final class TaskService {
    private final Tasks tasks;
    private final SupervisorService.Self self;

    TaskService(Tasks tasks, SupervisorService.Self self) {
        this.tasks = tasks;
        this.self = self;
    }

    Service service() {
        return Service.named("containerd.task.v3.Task")
                .unary("Create", Edge.unary(CreateTaskRequest.parser(), this::create))
                .unary("Start", Edge.unary(StartRequest.parser(), this::start))
                .unary("State", Edge.unary(StateRequest.parser(), this::state))
                .unary("Exec", Edge.empty(ExecProcessRequest.parser(), this::exec))
                .unary("Kill", Edge.empty(KillRequest.parser(), this::kill))
                .unary("Pids", Edge.unary(PidsRequest.parser(), this::pids))
                .unary("Pause", Edge.empty(PauseRequest.parser(), (call, q) -> tasks.pause(key(call, q.getId()))))
                .unary("Resume", Edge.empty(ResumeRequest.parser(), (call, q) -> tasks.resume(key(call, q.getId()))))
                .unary("Update", Edge.empty(UpdateTaskRequest.parser(), this::update))
                .unary("Stats", Edge.unary(StatsRequest.parser(), this::stats))
                .unary("Wait", Edge.unary(WaitRequest.parser(), this::await))
                .unary("Delete", Edge.unary(DeleteRequest.parser(), this::delete))
                .unary("ResizePty", Edge.empty(ResizePtyRequest.parser(), this::resize))
                .unary("CloseIO", Edge.empty(CloseIORequest.parser(), this::closeIo))
                .unary("Connect", Edge.unary(ConnectRequest.parser(), this::connect))
                .unary("Checkpoint", Edge.empty(CheckpointTaskRequest.parser(), this::checkpoint))
                .unary("Shutdown", Edge.empty(ShutdownRequest.parser(), this::shutdown))
                .build();
    }

    private static TaskKey key(Call call, String id) {
        return Edge.key(call, id);
    }

    private CreateTaskResponse create(Call call, CreateTaskRequest request) throws InterruptedException {
        Task task = tasks.create(wanted(call, request));
        return CreateTaskResponse.newBuilder()
                .setPid(task.init().record().pid())
                .build();
    }

    /**
     * What a request asks for.
     *
     * @throws Fault INVALID_ARGUMENT if the bundle or the checkpoint is no absolute path
     */
    static Tasks.NewTask wanted(Call call, CreateTaskRequest request) {
        return new Tasks.NewTask(
                key(call, request.getId()),
                absolute("create task", "bundle", request.getBundle()),
                request.getRootfsList().stream().map(TaskService::mount).toList(),
                new Streams(request.getTerminal(), request.getStdin(), request.getStdout(), request.getStderr()),
                options(request.getOptions()),
                request.getCheckpoint().isEmpty()
                        ? null
                        : absolute("create task", "checkpoint", request.getCheckpoint()));
    }

    private static Path absolute(String what, String name, String text) {
        Path path = Path.of(text);
        if (!path.isAbsolute()) {
            throw Fault.invalid(what, "the " + name + " \"" + text + "\" is not an absolute path", "");
        }
        return path;
    }

    private static Births.Mount mount(Mount mount) {
        return new Births.Mount(mount.getType(), mount.getSource(), mount.getTarget(), mount.getOptionsList());
    }

    private static Tasks.Options options(Any any) {
        Options options =
                Edge.unpack(any, Options.getDefaultInstance(), Options.parser()).orElse(Options.getDefaultInstance());
        return new Tasks.Options(
                options.getBinaryName(),
                options.getRoot(),
                options.getSystemdCgroup(),
                options.getNoPivotRoot(),
                options.getNoNewKeyring());
    }

    private StartResponse start(Call call, StartRequest request) throws InterruptedException {
        TaskKey key = key(call, request.getId());
        if (request.getExecId().isEmpty()) {
            tasks.start(key);
        } else {
            tasks.startExec(key, request.getExecId());
        }
        ProcessRecord process = tasks.find(key).process(request.getExecId()).record();
        return StartResponse.newBuilder().setPid(process.pid()).build();
    }

    private StateResponse state(Call call, StateRequest request) {
        Task task = tasks.find(key(call, request.getId()));
        ProcessRecord process = task.process(request.getExecId()).record();
        Streams streams = process.streams();
        return StateResponse.newBuilder()
                .setId(process.id())
                .setExecId(process.execId())
                .setBundle(task.record().bundle())
                .setPid(process.pid())
                .setStatus(status(process.state()))
                .setStdin(streams.stdin())
                .setStdout(streams.stdout())
                .setStderr(streams.stderr())
                .setTerminal(streams.terminal())
                .setExitStatus(process.exitStatus())
                .setExitedAt(TaskEvents.timestamp(process))
                .build();
    }

    static Status status(ProcessState state) {
        return switch (state) {
            case CREATING, DELETED -> Status.UNKNOWN;
            case CREATED -> Status.CREATED;
            case RUNNING -> Status.RUNNING;
            case PAUSED -> Status.PAUSED;
            case STOPPED -> Status.STOPPED;
        };
    }

    private void exec(Call call, ExecProcessRequest request) throws IOException {
        tasks.exec(wanted(call, request));
    }

    static Tasks.NewExec wanted(Call call, ExecProcessRequest request) {
        return new Tasks.NewExec(
                key(call, request.getId()),
                dev.berth.kernel.Ids.check("exec id", request.getExecId()),
                new Streams(request.getTerminal(), request.getStdin(), request.getStdout(), request.getStderr()),
                request.getSpec().getValue().toStringUtf8());
    }

    private void kill(Call call, KillRequest request) throws IOException, InterruptedException {
        tasks.kill(key(call, request.getId()), request.getExecId(), request.getSignal(), request.getAll());
    }

    private PidsResponse pids(Call call, PidsRequest request) throws IOException {
        List<ProcessInfo> processes = tasks.pids(key(call, request.getId())).stream()
                .map(pid -> ProcessInfo.newBuilder().setPid(pid).build())
                .toList();
        return PidsResponse.newBuilder().addAllProcesses(processes).build();
    }

    private void update(Call call, UpdateTaskRequest request) throws IOException, InterruptedException {
        tasks.update(
                key(call, request.getId()), request.getResources().getValue().toStringUtf8());
    }

    private StatsResponse stats(Call call, StatsRequest request) throws IOException {
        return StatsResponse.newBuilder()
                .setStats(Edge.any(Metrics.message(tasks.stats(key(call, request.getId())))))
                .build();
    }

    private WaitResponse await(Call call, WaitRequest request) throws InterruptedException {
        call.interruptWhenGone();
        ProcessRecord ended = tasks.find(key(call, request.getId()))
                .process(request.getExecId())
                .awaitEnd();
        return WaitResponse.newBuilder()
                .setExitStatus(ended.exitStatus())
                .setExitedAt(TaskEvents.timestamp(ended))
                .build();
    }

    private DeleteResponse delete(Call call, DeleteRequest request) throws IOException, InterruptedException {
        ProcessRecord deleted = tasks.delete(key(call, request.getId()), request.getExecId());
        return DeleteResponse.newBuilder()
                .setPid(deleted.pid())
                .setExitStatus(deleted.exitStatus())
                .setExitedAt(TaskEvents.timestamp(deleted))
                .build();
    }

    private void resize(Call call, ResizePtyRequest request) throws IOException {
        tasks.find(key(call, request.getId()))
                .process(request.getExecId())
                .streams()
                .resize(request.getWidth(), request.getHeight());
    }

    private void closeIo(Call call, CloseIORequest request) {
        if (request.getStdin()) {
            tasks.find(key(call, request.getId()))
                    .process(request.getExecId())
                    .streams()
                    .closeStdin();
        }
    }

    private ConnectResponse connect(Call call, ConnectRequest request) {
        int taskPid = tasks.find(key(call, request.getId())).init().record().pid();
        return ConnectResponse.newBuilder()
                .setShimPid((int) self.pid())
                .setTaskPid(taskPid)
                .setVersion(self.version())
                .build();
    }

    /** Ends early if the client goes: nobody would ever ask for what it writes. */
    private void checkpoint(Call call, CheckpointTaskRequest request) throws InterruptedException {
        Checkpoints.Wanted wanted = wanted(request);
        call.interruptWhenGone();
        Duration limit = call.remaining();
        tasks.checkpoint(
                key(call, request.getId()),
                wanted,
                limit.compareTo(Checkpoints.LONGEST) < 0 ? limit : Checkpoints.LONGEST);
    }

    private static Checkpoints.Wanted wanted(CheckpointTaskRequest request) {
        String what = "make a checkpoint of " + request.getId();
        CheckpointOptions options = Edge.unpack(
                        request.getOptions(), CheckpointOptions.getDefaultInstance(), CheckpointOptions.parser())
                .orElse(CheckpointOptions.getDefaultInstance());
        if (!options.getParentPath().isEmpty()) {
            throw Fault.of(
                    Fault.Code.UNIMPLEMENTED,
                    what,
                    "it shall hold only what has changed since another",
                    "Leave out the parent's path");
        }
        Path images = absolute(
                what, "directory for it", request.getPath().isEmpty() ? options.getImagePath() : request.getPath());
        Set<Kept> kept = EnumSet.noneOf(Kept.class);
        Map.of(
                        Kept.RUNNING, !options.getExit(),
                        Kept.CONNECTIONS, options.getOpenTcp(),
                        Kept.UNIX_CONNECTIONS, options.getExternalUnixSockets(),
                        Kept.TERMINAL, options.getTerminal(),
                        Kept.FILE_LOCKS, options.getFileLocks())
                .forEach((each, wanted) -> {
                    if (wanted) {
                        kept.add(each);
                    }
                });
        return new Checkpoints.Wanted(
                images,
                options.getWorkPath().isEmpty() ? images : absolute(what, "work path", options.getWorkPath()),
                kept,
                options.getCgroupsMode(),
                options.getEmptyNamespacesList());
    }

    /** A shim that serves one pod ends here. This one serves all: its own service has a call to end it. */
    private void shutdown(Call call, ShutdownRequest request) {}
}
