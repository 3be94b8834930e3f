package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import dev.berth.kernel.Namespace;
import dev.berth.store.ContainerRecord;
import dev.berth.store.Event;
import dev.berth.store.Payload;
import dev.berth.tasks.TaskEvent;
import dev.berth.wire.containerd.images.ImageCreate;
import dev.berth.wire.containerd.images.ImageDelete;
import dev.berth.wire.containerd.images.ImageUpdate;
import dev.berth.wire.shim.events.ContainerCreate;
import dev.berth.wire.shim.events.ContainerDelete;
import dev.berth.wire.shim.events.ContainerUpdate;
import dev.berth.wire.shim.events.ContentCreate;
import dev.berth.wire.shim.events.ContentDelete;
import dev.berth.wire.shim.events.NamespaceCreate;
import dev.berth.wire.shim.events.NamespaceDelete;
import dev.berth.wire.shim.events.NamespaceUpdate;
import dev.berth.wire.shim.events.SnapshotCommit;
import dev.berth.wire.shim.events.SnapshotPrepare;
import dev.berth.wire.shim.events.SnapshotRemove;
import dev.berth.wire.shim.events.TaskCreate;
import dev.berth.wire.shim.events.TaskDelete;
import dev.berth.wire.shim.events.TaskExecAdded;
import dev.berth.wire.shim.events.TaskExecStarted;
import dev.berth.wire.shim.events.TaskExit;
import dev.berth.wire.shim.events.TaskIO;
import dev.berth.wire.shim.events.TaskOOM;
import dev.berth.wire.shim.events.TaskPaused;
import dev.berth.wire.shim.events.TaskResumed;
import dev.berth.wire.shim.events.TaskStart;
import dev.berth.wire.shim.types.Mount;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What happens here, as containerd's events have it. */
final class Topics {
    private static final Map<String, Message> TYPES = List.<Message>of(
                    NamespaceCreate.getDefaultInstance(),
                    NamespaceUpdate.getDefaultInstance(),
                    NamespaceDelete.getDefaultInstance(),
                    ImageCreate.getDefaultInstance(),
                    ImageUpdate.getDefaultInstance(),
                    ImageDelete.getDefaultInstance(),
                    ContentCreate.getDefaultInstance(),
                    ContentDelete.getDefaultInstance(),
                    SnapshotPrepare.getDefaultInstance(),
                    SnapshotCommit.getDefaultInstance(),
                    SnapshotRemove.getDefaultInstance(),
                    ContainerCreate.getDefaultInstance(),
                    ContainerUpdate.getDefaultInstance(),
                    ContainerDelete.getDefaultInstance(),
                    TaskCreate.getDefaultInstance(),
                    TaskStart.getDefaultInstance(),
                    TaskExecAdded.getDefaultInstance(),
                    TaskExecStarted.getDefaultInstance(),
                    TaskExit.getDefaultInstance(),
                    TaskOOM.getDefaultInstance(),
                    TaskPaused.getDefaultInstance(),
                    TaskResumed.getDefaultInstance(),
                    TaskDelete.getDefaultInstance())
            .stream()
            .collect(Collectors.toUnmodifiableMap(
                    type -> type.getDescriptorForType().getFullName(), Function.identity()));

    private Topics() {}

    /** An event of a client, if it is of a kind that is known. */
    static @Nullable Message read(Any event) {
        String url = event.getTypeUrl();
        Message type = TYPES.get(url.substring(url.lastIndexOf('/') + 1));
        return type == null ? null : Happening.parse(type, event);
    }

    /** Something that the store tells. */
    static Happening of(Instant at, Event event) {
        return Happening.of(at, event.namespace(), topic(event), message(event));
    }

    private static String topic(Event event) {
        return switch (event) {
            case Event.NamespaceCreated _ -> "/namespaces/create";
            case Event.NamespaceUpdated _ -> "/namespaces/update";
            case Event.NamespaceDeleted _ -> "/namespaces/delete";
            case Event.ImageCreated _ -> "/images/create";
            case Event.ImageUpdated _ -> "/images/update";
            case Event.ImageDeleted _ -> "/images/delete";
            case Event.ContentCreated _ -> "/content/create";
            case Event.ContentDeleted _ -> "/content/delete";
            case Event.SnapshotPrepared _ -> "/snapshot/prepare";
            case Event.SnapshotCommitted _ -> "/snapshot/commit";
            case Event.SnapshotRemoved _ -> "/snapshot/remove";
            case Event.ContainerCreated _ -> "/containers/create";
            case Event.ContainerUpdated _ -> "/containers/update";
            case Event.ContainerDeleted _ -> "/containers/delete";
        };
    }

    private static Message message(Event event) {
        Message.Builder builder = switch (event) {
            case Event.NamespaceCreated(var space, var labels) ->
                NamespaceCreate.newBuilder().setName(space.name()).putAllLabels(labels);
            case Event.NamespaceUpdated(var space, var labels) ->
                NamespaceUpdate.newBuilder().setName(space.name()).putAllLabels(labels);
            case Event.NamespaceDeleted(var space) ->
                NamespaceDelete.newBuilder().setName(space.name());
            case Event.ImageCreated(var _, var name, var labels) ->
                ImageCreate.newBuilder().setName(name).putAllLabels(labels);
            case Event.ImageUpdated(var _, var name, var labels) ->
                ImageUpdate.newBuilder().setName(name).putAllLabels(labels);
            case Event.ImageDeleted(var _, var name) -> ImageDelete.newBuilder().setName(name);
            case Event.ContentCreated(var _, var digest, var size, var type) ->
                ContentCreate.newBuilder()
                        .setDigest(digest.toString())
                        .setSize(size)
                        .setMediaType(type);
            case Event.ContentDeleted(var _, var digest) ->
                ContentDelete.newBuilder().setDigest(digest.toString());
            case Event.SnapshotPrepared(var _, var by, var key, var parent) ->
                SnapshotPrepare.newBuilder().setSnapshotter(by).setKey(key).setParent(parent);
            case Event.SnapshotCommitted(var _, var by, var key, var name) ->
                SnapshotCommit.newBuilder().setSnapshotter(by).setKey(key).setName(name);
            case Event.SnapshotRemoved(var _, var by, var key) ->
                SnapshotRemove.newBuilder().setSnapshotter(by).setKey(key);
            case Event.ContainerCreated(var _, var container) -> created(container);
            case Event.ContainerUpdated(var _, var container) -> updated(container);
            case Event.ContainerDeleted(var _, var id) ->
                ContainerDelete.newBuilder().setId(id);
        };
        return builder.build();
    }

    private static ContainerCreate.Builder created(ContainerRecord container) {
        var runtime = ContainerCreate.Runtime.newBuilder().setName(container.runtime());
        if (!container.runtimeOptions().equals(Payload.NONE)) {
            runtime.setOptions(Messages.any(container.runtimeOptions()));
        }
        return ContainerCreate.newBuilder()
                .setId(container.id())
                .setImage(container.image())
                .setRuntime(runtime);
    }

    private static ContainerUpdate.Builder updated(ContainerRecord container) {
        return ContainerUpdate.newBuilder()
                .setId(container.id())
                .setImage(container.image())
                .putAllLabels(container.labels())
                .setSnapshotKey(container.snapshotKey());
    }

    /** Something that happened to a task. */
    static Happening of(TaskEvent event) {
        var namespace = new Namespace(event.task().namespace());
        return Happening.of(event.at(), namespace, "/tasks/" + verb(event), message(event));
    }

    private static String verb(TaskEvent event) {
        return switch (event) {
            case TaskEvent.Created _ -> "create";
            case TaskEvent.ExecAdded _ -> "exec-added";
            case TaskEvent.Started it -> it.execId().isEmpty() ? "start" : "exec-started";
            case TaskEvent.Exited _ -> "exit";
            case TaskEvent.OutOfMemory _ -> "oom";
            case TaskEvent.Paused _ -> "paused";
            case TaskEvent.Resumed _ -> "resumed";
            case TaskEvent.Deleted _ -> "delete";
        };
    }

    private static Message message(TaskEvent event) {
        String id = event.task().id();
        Message.Builder builder = switch (event) {
            case TaskEvent.Created it -> created(it);
            case TaskEvent.ExecAdded it ->
                TaskExecAdded.newBuilder().setContainerId(id).setExecId(it.execId());
            case TaskEvent.Started it
            when it.execId().isEmpty() ->
                TaskStart.newBuilder().setContainerId(id).setPid(it.pid());
            case TaskEvent.Started it ->
                TaskExecStarted.newBuilder()
                        .setContainerId(id)
                        .setExecId(it.execId())
                        .setPid(it.pid());
            case TaskEvent.Exited it ->
                TaskExit.newBuilder()
                        .setContainerId(id)
                        .setId(it.execId().isEmpty() ? id : it.execId())
                        .setPid(it.pid())
                        .setExitStatus(it.exit().status())
                        .setExitedAt(Messages.time(it.exit().at()));
            case TaskEvent.OutOfMemory _ -> TaskOOM.newBuilder().setContainerId(id);
            case TaskEvent.Paused _ -> TaskPaused.newBuilder().setContainerId(id);
            case TaskEvent.Resumed _ -> TaskResumed.newBuilder().setContainerId(id);
            case TaskEvent.Deleted it ->
                TaskDelete.newBuilder()
                        .setContainerId(id)
                        .setId(it.execId())
                        .setPid(it.pid())
                        .setExitStatus(it.exit().status())
                        .setExitedAt(Messages.time(it.exit().at()));
        };
        return builder.build();
    }

    private static TaskCreate.Builder created(TaskEvent.Created task) {
        var setup = task.setup();
        var streams = setup.streams();
        var create = TaskCreate.newBuilder()
                .setContainerId(task.task().id())
                .setPid(task.pid())
                .setBundle(setup.bundle())
                .setCheckpoint(setup.checkpoint())
                .setIo(TaskIO.newBuilder()
                        .setStdin(streams.stdin())
                        .setStdout(streams.stdout())
                        .setStderr(streams.stderr())
                        .setTerminal(streams.terminal()));
        setup.rootfs()
                .forEach(mount -> create.addRootfs(Mount.newBuilder()
                        .setType(mount.type())
                        .setSource(mount.source())
                        .setTarget(mount.target())
                        .addAllOptions(mount.options())));
        return create;
    }
}
