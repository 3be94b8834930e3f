package dev.berth.tasks;

import com.google.protobuf.Empty;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.Service;
import dev.berth.ttrpc.TtrpcServer;
import dev.berth.wire.shim.events.TaskCreate;
import dev.berth.wire.shim.events.TaskDelete;
import dev.berth.wire.shim.events.TaskExecAdded;
import dev.berth.wire.shim.events.TaskExecStarted;
import dev.berth.wire.shim.events.TaskExit;
import dev.berth.wire.shim.events.TaskOOM;
import dev.berth.wire.shim.events.TaskPaused;
import dev.berth.wire.shim.events.TaskResumed;
import dev.berth.wire.shim.events.TaskStart;
import dev.berth.wire.shim.ttrpcevents.ForwardRequest;
import dev.berth.wire.shim.types.Envelope;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Consumer;

/** Where foreign shims tell what happened, and how any shim's event is read. */
final class EventsServer {
    static final String SERVICE = "containerd.services.events.ttrpc.v1.Events";

    private EventsServer() {}

    /** Listens; an event is answered when its consumer has returned, so a shim tells it again if that failed. */
    static TtrpcServer listen(Path socket, Ticker ticker, Consumer<TaskEvent> consumer) throws IOException {
        var events = Service.named(SERVICE)
                .unary("Forward", (call, request) -> {
                    read(ForwardRequest.parseFrom(request).getEnvelope(), true).ifPresent(consumer);
                    return Empty.getDefaultInstance().toByteArray();
                })
                .build();
        return TtrpcServer.listen(socket, ticker, events);
    }

    /**
     * The event in an envelope; empty if it is of a kind that nobody here needs.
     *
     * @param exitKnown if it tells of an end: whether that was seen
     */
    static Optional<TaskEvent> read(Envelope envelope, boolean exitKnown) throws InvalidProtocolBufferException {
        String namespace = envelope.getNamespace();
        Instant at = TaskClient.instant(envelope.getTimestamp());
        var bytes = envelope.getEvent().getValue();
        TaskEvent event = switch (envelope.getTopic()) {
            case "/tasks/create" -> created(namespace, at, TaskCreate.parseFrom(bytes));
            case "/tasks/start" -> {
                var told = TaskStart.parseFrom(bytes);
                yield new TaskEvent.Started(new TaskId(namespace, told.getContainerId()), at, "", told.getPid());
            }
            case "/tasks/exec-added" -> {
                var told = TaskExecAdded.parseFrom(bytes);
                yield new TaskEvent.ExecAdded(new TaskId(namespace, told.getContainerId()), at, told.getExecId());
            }
            case "/tasks/exec-started" -> {
                var told = TaskExecStarted.parseFrom(bytes);
                yield new TaskEvent.Started(
                        new TaskId(namespace, told.getContainerId()), at, told.getExecId(), told.getPid());
            }
            case "/tasks/exit" -> exited(namespace, at, TaskExit.parseFrom(bytes), exitKnown);
            case "/tasks/oom" ->
                new TaskEvent.OutOfMemory(
                        new TaskId(namespace, TaskOOM.parseFrom(bytes).getContainerId()), at);
            case "/tasks/paused" ->
                new TaskEvent.Paused(
                        new TaskId(namespace, TaskPaused.parseFrom(bytes).getContainerId()), at);
            case "/tasks/resumed" ->
                new TaskEvent.Resumed(
                        new TaskId(namespace, TaskResumed.parseFrom(bytes).getContainerId()), at);
            case "/tasks/delete" -> deleted(namespace, at, TaskDelete.parseFrom(bytes), exitKnown);
            default -> null;
        };
        return Optional.ofNullable(event);
    }

    private static TaskEvent created(String namespace, Instant at, TaskCreate told) {
        var rootfs = told.getRootfsList().stream()
                .map(mount -> new NewTask.RootMount(
                        mount.getType(), mount.getSource(), mount.getTarget(), mount.getOptionsList()))
                .toList();
        var io = told.getIo();
        return new TaskEvent.Created(
                new TaskId(namespace, told.getContainerId()),
                at,
                told.getPid(),
                new TaskEvent.Setup(
                        told.getBundle(),
                        rootfs,
                        new TaskEvent.Streams(io.getStdin(), io.getStdout(), io.getStderr(), io.getTerminal()),
                        told.getCheckpoint()));
    }

    private static TaskEvent exited(String namespace, Instant at, TaskExit told, boolean known) {
        return new TaskEvent.Exited(
                new TaskId(namespace, told.getContainerId()),
                at,
                execId(told.getContainerId(), told.getId()),
                told.getPid(),
                new Exit(told.getExitStatus(), TaskClient.instant(told.getExitedAt()), known));
    }

    /** The field "id" names the process: the container itself, or one of its execs. */
    private static String execId(String container, String process) {
        return process.equals(container) ? "" : process;
    }

    private static TaskEvent deleted(String namespace, Instant at, TaskDelete told, boolean known) {
        return new TaskEvent.Deleted(
                new TaskId(namespace, told.getContainerId()),
                at,
                execId(told.getContainerId(), told.getId()),
                told.getPid(),
                new Exit(told.getExitStatus(), TaskClient.instant(told.getExitedAt()), known));
    }
}
