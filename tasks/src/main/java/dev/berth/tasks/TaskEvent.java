package dev.berth.tasks;

import java.time.Instant;

/** Something that happened to a task; told at least once, in order for each task. */
public sealed interface TaskEvent {
    TaskId task();

    /** When it happened. */
    Instant at();

    record Created(TaskId task, Instant at, int pid) implements TaskEvent {}

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

    record Deleted(TaskId task, Instant at, Exit exit) implements TaskEvent {}
}
