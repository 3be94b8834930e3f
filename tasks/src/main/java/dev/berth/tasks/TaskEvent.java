package dev.berth.tasks;

import java.time.Instant;
import java.util.List;

/** Something that happened to a task; told at least once, in order for each task. */
public sealed interface TaskEvent {
    TaskId task();

    /** When it happened. */
    Instant at();

    /**
     * A task was made, and waits for its start.
     *
     * @param setup what it was made of, as its shim tells it
     */
    record Created(TaskId task, Instant at, int pid, Setup setup) implements TaskEvent {}

    /**
     * What a task was made of.
     *
     * @param bundle directory of its config.json
     * @param checkpoint directory from which it was restored; empty if it begins anew
     */
    record Setup(String bundle, List<NewTask.RootMount> rootfs, Streams streams, String checkpoint) {
        public Setup {
            rootfs = List.copyOf(rootfs);
        }
    }

    /** Paths of pipes or files for a task's input and output; empty for none. */
    record Streams(String stdin, String stdout, String stderr, boolean terminal) {}

    /** A further process is to run in the task. */
    record ExecAdded(TaskId task, Instant at, String execId) implements TaskEvent {}

    /**
     * A process runs.
     *
     * @param execId empty for the container's first process
     */
    record Started(TaskId task, Instant at, String execId, int pid) implements TaskEvent {}

    /**
     * A process has ended.
     *
     * @param execId empty for the container's first process
     */
    record Exited(TaskId task, Instant at, String execId, int pid, Exit exit) implements TaskEvent {}

    /** The kernel killed a process of the task because its memory was used up. */
    record OutOfMemory(TaskId task, Instant at) implements TaskEvent {}

    record Paused(TaskId task, Instant at) implements TaskEvent {}

    record Resumed(TaskId task, Instant at) implements TaskEvent {}

    /**
     * A task is gone. Of an exec nobody here tells this, since listeners would take it for the task's own; a foreign shim may.
     *
     * @param execId empty for the container's first process
     */
    record Deleted(TaskId task, Instant at, String execId, int pid, Exit exit) implements TaskEvent {}
}
