package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.wire.shim.supervisor.DrainRequest;
import dev.berth.wire.shim.supervisor.DrainResponse;
import dev.berth.wire.shim.supervisor.PumpRequest;
import dev.berth.wire.shim.supervisor.PumpResponse;
import dev.berth.wire.shim.supervisor.ReopenLogRequest;
import dev.berth.wire.shim.supervisor.ReopenLogResponse;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The supervisor's pumps, which carry the output of every task, ours or a foreign shim's, into its log. */
final class Pumps {
    private final Link supervisor;
    private final Ticker ticker;

    Pumps(Link supervisor, Ticker ticker) {
        this.supervisor = supervisor;
        this.ticker = ticker;
    }

    /** Begins to pump; again is harmless. */
    void start(TaskId task, Path stdout, @Nullable Path stderr, NewTask.Stdio stdio) {
        var request = PumpRequest.newBuilder()
                .setNamespace(task.namespace())
                .setId(task.id())
                .setStdout(stdout.toString())
                .setStderr(stderr == null ? "" : stderr.toString())
                .setLogPath(stdio.log() == null ? "" : stdio.log().toString())
                .setTerminal(stdio.terminal())
                .build();
        client(task).again("Pump", request, PumpResponse.parser(), Deadlines.QUERY);
    }

    void reopen(TaskId task) {
        var request = ReopenLogRequest.newBuilder()
                .setNamespace(task.namespace())
                .setId(task.id())
                .build();
        client(task).again("ReopenLog", request, ReopenLogResponse.parser(), Deadlines.QUERY);
    }

    /** Waits until the output is in the log, and ends the pump; false if the limit came first. */
    boolean drain(TaskId task, Duration limit) {
        var request = DrainRequest.newBuilder()
                .setNamespace(task.namespace())
                .setId(task.id())
                .setTimeoutMillis(limit.toMillis())
                .build();
        try {
            return client(task)
                    .again("Drain", request, DrainResponse.parser(), Deadlines.QUERY.plus(limit))
                    .getDrained();
        } catch (Fault e) {
            if (e.code() == Fault.Code.NOT_FOUND) {
                return true;
            }
            throw e;
        }
    }

    private TaskClient client(TaskId task) {
        return new TaskClient(supervisor, Supervisor.SERVICE, task.namespace(), ticker);
    }
}
