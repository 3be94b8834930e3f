package dev.berth.shim;

import io.avaje.jsonb.Json;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A process of a container as it stands in the journal. Immutable.
 *
 * @param execId empty for the container's first process
 * @param pid 0 before it is made
 * @param startTime clock ticks after boot at which the pid was given to it; 0 if not known
 * @param exitStatus what it returned, or 128 + signal; 0 before its end
 * @param exitedAt null before its end
 */
@Json
record ProcessRecord(
        String namespace,
        String id,
        String execId,
        ProcessState state,
        int pid,
        long startTime,
        Streams streams,
        int exitStatus,
        @Nullable Instant exitedAt) {

    /** Status of a process whose end nobody saw. */
    static final int UNKNOWN_EXIT = 255;

    /** The paths of its FIFOs; empty ones are /dev/null. With a terminal there is no error stream. */
    @Json
    record Streams(boolean terminal, String stdin, String stdout, String stderr) {}

    static ProcessRecord announced(TaskKey task, String execId, ProcessState state, Streams streams) {
        return new ProcessRecord(task.namespace(), task.id(), execId, state, 0, 0, streams, 0, null);
    }

    TaskKey task() {
        return new TaskKey(namespace, id);
    }

    boolean isExec() {
        return !execId.isEmpty();
    }

    ProcessRecord in(ProcessState next) {
        return new ProcessRecord(namespace, id, execId, next, pid, startTime, streams, exitStatus, exitedAt);
    }

    ProcessRecord made(int pid, long startTime) {
        return new ProcessRecord(namespace, id, execId, state, pid, startTime, streams, exitStatus, exitedAt);
    }

    ProcessRecord ended(int status, Instant at) {
        return new ProcessRecord(namespace, id, execId, ProcessState.STOPPED, pid, startTime, streams, status, at);
    }

    /** The name in messages. */
    String what() {
        return isExec() ? "exec " + execId + " of " + id : "task " + id;
    }
}
