package dev.berth.tasks;

import java.util.Optional;

/**
 * What a shim knows of a task.
 *
 * @param pid its first process as the host sees it; 0 if there is none (any more)
 * @param exit present if it has ended
 */
public record TaskState(TaskId task, Status status, int pid, Optional<Exit> exit) {
    /** The phases that shims tell apart. */
    public enum Status {
        UNKNOWN,
        CREATED,
        RUNNING,
        STOPPED,
        PAUSED,
        PAUSING
    }
}
