package dev.berth.shim;

import dev.berth.linux.ExitStatus;
import io.avaje.jsonb.Json;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A process of a container as it stands in the journal. Immutable.
 *
 * @param execId empty for the container's first process
 * @param pid 0 before it is made
 * @param startTime clock ticks after boot at which the pid was given to it; 0 if not known
 * @param exitStatus what it returned, or 128 + signal; 0 before its end
 * @param exitedAt null before its end
 * @param exitUnknown it has ended and nobody saw how: the status is made up
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
        @Nullable Instant exitedAt,
        boolean exitUnknown) {

    /** Status of a process whose end nobody saw. */
    private static final int UNKNOWN_EXIT = 255;

    /** The paths of its FIFOs; empty ones are /dev/null. With a terminal there is no error stream. */
    @Json
    record Streams(boolean terminal, String stdin, String stdout, String stderr) {}

    static ProcessRecord announced(TaskKey task, String execId, ProcessState state, Streams streams) {
        return new ProcessRecord(task.namespace(), task.id(), execId, state, 0, 0, streams, 0, null, false);
    }

    TaskKey task() {
        return new TaskKey(namespace, id);
    }

    boolean isExec() {
        return !execId.isEmpty();
    }

    ProcessRecord in(ProcessState next) {
        return new ProcessRecord(
                namespace, id, execId, next, pid, startTime, streams, exitStatus, exitedAt, exitUnknown);
    }

    ProcessRecord made(int pid, long startTime) {
        return new ProcessRecord(
                namespace, id, execId, state, pid, startTime, streams, exitStatus, exitedAt, exitUnknown);
    }

    /** Its end; without a status nobody saw it. */
    ProcessRecord ended(Optional<ExitStatus> status, Instant at) {
        int number = status.map(ExitStatus::number).orElse(UNKNOWN_EXIT);
        return new ProcessRecord(
                namespace, id, execId, ProcessState.STOPPED, pid, startTime, streams, number, at, status.isEmpty());
    }

    /** The name in messages. */
    String what() {
        return isExec() ? "exec " + execId + " of " + id : "task " + id;
    }
}
