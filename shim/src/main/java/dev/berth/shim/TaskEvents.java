package dev.berth.shim;

import com.google.protobuf.Message;
import com.google.protobuf.Timestamp;
import dev.berth.wire.shim.events.TaskCheckpointed;
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
import java.nio.file.Path;
import java.time.Instant;

/** What happens to tasks, as containerd's events say it. */
final class TaskEvents {
    /** Something that happened, with the topic under which it is told. */
    record Happening(TaskKey task, String topic, Message event, boolean exitUnknown) {
        Happening(TaskKey task, String topic, Message event) {
            this(task, topic, event, false);
        }
    }

    private TaskEvents() {}

    static Happening created(TaskRecord task, Tasks.NewTask wanted, ProcessRecord init) {
        var streams = init.streams();
        var io = TaskIO.newBuilder()
                .setStdin(streams.stdin())
                .setStdout(streams.stdout())
                .setStderr(streams.stderr())
                .setTerminal(streams.terminal());
        return new Happening(
                task.key(),
                "/tasks/create",
                TaskCreate.newBuilder()
                        .setContainerId(task.id())
                        .setBundle(task.bundle())
                        .addAllRootfs(
                                wanted.rootfs().stream().map(TaskEvents::mount).toList())
                        .setIo(io)
                        .setCheckpoint(
                                wanted.checkpoint() == null
                                        ? ""
                                        : wanted.checkpoint().toString())
                        .setPid(init.pid())
                        .build());
    }

    private static Mount mount(Births.Mount mount) {
        return Mount.newBuilder()
                .setType(mount.type())
                .setSource(mount.source())
                .setTarget(mount.target())
                .addAllOptions(mount.options())
                .build();
    }

    static Happening started(ProcessRecord process) {
        if (process.isExec()) {
            return new Happening(
                    process.task(),
                    "/tasks/exec-started",
                    TaskExecStarted.newBuilder()
                            .setContainerId(process.id())
                            .setExecId(process.execId())
                            .setPid(process.pid())
                            .build());
        }
        return new Happening(
                process.task(),
                "/tasks/start",
                TaskStart.newBuilder()
                        .setContainerId(process.id())
                        .setPid(process.pid())
                        .build());
    }

    static Happening execAdded(ProcessRecord process) {
        return new Happening(
                process.task(),
                "/tasks/exec-added",
                TaskExecAdded.newBuilder()
                        .setContainerId(process.id())
                        .setExecId(process.execId())
                        .build());
    }

    static Happening exited(ProcessRecord process) {
        return new Happening(
                process.task(),
                "/tasks/exit",
                TaskExit.newBuilder()
                        .setContainerId(process.id())
                        .setId(process.isExec() ? process.execId() : process.id())
                        .setPid(process.pid())
                        .setExitStatus(process.exitStatus())
                        .setExitedAt(timestamp(process))
                        .build(),
                process.exitUnknown());
    }

    static Happening deleted(ProcessRecord process) {
        return new Happening(
                process.task(),
                "/tasks/delete",
                TaskDelete.newBuilder()
                        .setContainerId(process.id())
                        .setId(process.execId())
                        .setPid(process.pid())
                        .setExitStatus(process.exitStatus())
                        .setExitedAt(timestamp(process))
                        .build(),
                process.exitUnknown());
    }

    static Happening paused(TaskKey task) {
        return new Happening(
                task,
                "/tasks/paused",
                TaskPaused.newBuilder().setContainerId(task.id()).build());
    }

    static Happening resumed(TaskKey task) {
        return new Happening(
                task,
                "/tasks/resumed",
                TaskResumed.newBuilder().setContainerId(task.id()).build());
    }

    static Happening checkpointed(TaskKey task, Path images) {
        return new Happening(
                task,
                "/tasks/checkpointed",
                TaskCheckpointed.newBuilder()
                        .setContainerId(task.id())
                        .setCheckpoint(images.toString())
                        .build());
    }

    static Happening outOfMemory(TaskKey task) {
        return new Happening(
                task,
                "/tasks/oom",
                TaskOOM.newBuilder().setContainerId(task.id()).build());
    }

    static Timestamp timestamp(ProcessRecord process) {
        Instant at = process.exitedAt();
        return at == null ? Timestamp.getDefaultInstance() : timestamp(at);
    }

    static Timestamp timestamp(Instant at) {
        return Timestamp.newBuilder()
                .setSeconds(at.getEpochSecond())
                .setNanos(at.getNano())
                .build();
    }
}
