package dev.berth.tasks;

import com.google.protobuf.Empty;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import com.google.protobuf.Timestamp;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.ttrpc.TtrpcStatus;
import dev.berth.wire.shim.supervisor.ExitRequest;
import dev.berth.wire.shim.supervisor.ExitResponse;
import dev.berth.wire.shim.task.ConnectRequest;
import dev.berth.wire.shim.task.ConnectResponse;
import dev.berth.wire.shim.task.CreateTaskRequest;
import dev.berth.wire.shim.task.CreateTaskResponse;
import dev.berth.wire.shim.task.DeleteRequest;
import dev.berth.wire.shim.task.DeleteResponse;
import dev.berth.wire.shim.task.StartRequest;
import dev.berth.wire.shim.task.StateRequest;
import dev.berth.wire.shim.task.StateResponse;
import dev.berth.wire.shim.task.WaitRequest;
import dev.berth.wire.shim.task.WaitResponse;
import dev.berth.wire.shim.types.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls to the services of one shim on behalf of one namespace. The messages of task v2 and v3 are the same on the wire;
 * only the name of the service differs.
 */
final class TaskClient {
    static final String NAMESPACE_KEY = "containerd-namespace-ttrpc";
    static final String TASK_V2 = "containerd.task.v2.Task";
    static final String TASK_V3 = "containerd.task.v3.Task";

    private static final Logger LOG = LoggerFactory.getLogger(TaskClient.class);

    private final Link link;
    private final String service;
    private final Map<String, List<String>> metadata;
    private final Ticker ticker;

    TaskClient(Link link, String service, String namespace, Ticker ticker) {
        this.link = link;
        this.service = service;
        this.metadata = Map.of(NAMESPACE_KEY, List.of(namespace));
        this.ticker = ticker;
    }

    int create(CreateTaskRequest request) {
        return call("Create", request, CreateTaskResponse.parser(), Deadlines.RUNTIME)
                .getPid();
    }

    TaskState state(TaskId task, String execId) {
        var request =
                StateRequest.newBuilder().setId(task.id()).setExecId(execId).build();
        return state(task, execId, again("State", request, StateResponse.parser(), Deadlines.QUERY));
    }

    ConnectResponse connect(TaskId task) {
        return again(
                "Connect",
                ConnectRequest.newBuilder().setId(task.id()).build(),
                ConnectResponse.parser(),
                Deadlines.QUERY);
    }

    /** Deletes; afterwards nobody can tell whether our supervisor's 255 was seen, so it counts as not known. */
    Exit delete(TaskId task, String execId) {
        var request =
                DeleteRequest.newBuilder().setId(task.id()).setExecId(execId).build();
        DeleteResponse response = call("Delete", request, DeleteResponse.parser(), Deadlines.RUNTIME);
        Instant at = instant(response.getExitedAt());
        return mayBeMadeUp(response.getExitStatus()) ? Exit.unknown(at) : new Exit(response.getExitStatus(), at);
    }

    /** Waits for the end of a process, across a change of the supervisor if need be; empty if the time is over. */
    Optional<Exit> await(TaskId task, String execId, Duration limit) {
        var request =
                WaitRequest.newBuilder().setId(task.id()).setExecId(execId).build();
        try {
            WaitResponse response = again("Wait", request, WaitResponse.parser(), limit);
            return Optional.of(exit(task, execId, response.getExitStatus(), response.getExitedAt()));
        } catch (Fault e) {
            if (e.code() == Fault.Code.DEADLINE_EXCEEDED) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private boolean mayBeMadeUp(int status) {
        return status == Exit.UNKNOWN && link.mayMakeUpExits();
    }

    /** The messages of containerd have no place for "nobody saw it", so our supervisor is asked a second time. */
    private Exit exit(TaskId task, String execId, int status, Timestamp time) {
        Instant at = instant(time);
        if (!mayBeMadeUp(status)) {
            return new Exit(status, at);
        }
        var request = ExitRequest.newBuilder()
                .setNamespace(task.namespace())
                .setId(task.id())
                .setExecId(execId)
                .build();
        try {
            var asked = new TaskClient(link, Supervisor.SERVICE, task.namespace(), ticker);
            boolean seen = asked.again("Exit", request, ExitResponse.parser(), Deadlines.QUERY)
                    .getSeen();
            return new Exit(status, at, seen);
        } catch (Fault e) {
            LOG.debug("whether the exit of {} {} was seen is not known", task, execId, e);
            return Exit.unknown(at);
        }
    }

    /** A call that answers nothing. */
    void run(String method, MessageLite request, Duration limit) {
        call(method, request, Empty.parser(), limit);
    }

    /** One attempt: for calls that must not be made twice. */
    <T extends MessageLite> T call(String method, MessageLite request, Parser<T> answer, Duration limit) {
        try {
            return attempt(method, request, answer, limit, ticker.nanos());
        } catch (TtrpcStatus e) {
            throw e.toFault(what(method, request));
        }
    }

    /** For calls that may be made twice: if the connection is lost it is made again on the next one. */
    <T extends MessageLite> T again(String method, MessageLite request, Parser<T> answer, Duration limit) {
        long start = ticker.nanos();
        while (true) {
            TtrpcClient[] used = new TtrpcClient[1];
            try {
                used[0] = link.client(left(limit, start));
                return attempt(used[0], method, request, answer, left(limit, start));
            } catch (TtrpcStatus e) {
                boolean lost = e.is(TtrpcStatus.Code.UNAVAILABLE) && !used[0].isOpen();
                if (!lost || left(limit, start).isNegative()) {
                    throw e.toFault(what(method, request));
                }
            }
        }
    }

    private <T extends MessageLite> T attempt(
            String method, MessageLite request, Parser<T> answer, Duration limit, long start) {
        TtrpcClient client = link.client(limit);
        return attempt(client, method, request, answer, left(limit, start));
    }

    private <T extends MessageLite> T attempt(
            TtrpcClient client, String method, MessageLite request, Parser<T> answer, Duration limit) {
        byte[] bytes = client.call(service, method, request.toByteArray(), limit, metadata);
        try {
            return answer.parseFrom(bytes);
        } catch (InvalidProtocolBufferException e) {
            throw Fault.internal(what(service, method), "the shim's answer cannot be read: " + e.getMessage(), "");
        }
    }

    private Duration left(Duration limit, long start) {
        return limit.equals(TtrpcClient.FOREVER) ? limit : limit.minus(ticker.since(start));
    }

    private String what(String method, MessageLite request) {
        boolean ofCommand =
                request instanceof StartRequest start && !start.getExecId().isEmpty();
        return what(service, ofCommand ? "Exec" : method);
    }

    /** What a call is good for: who started a container wants to know what failed, not which call of ours to whom. */
    static String what(String service, String method) {
        return switch (method) {
            case "Create", "Run", "Start" -> "start the container";
            case "Exec", "RunExec" -> "run a command in the container";
            case "CreateSandbox" -> "make the pod's namespaces";
            case "StartSandbox" -> "start the pod";
            case "Kill" -> "send a signal to the container";
            case "Delete" -> "take the container's task away";
            case "Update" -> "change the container's limits";
            case "Stats" -> "read what the container uses";
            case "Pids" -> "list the container's processes";
            case "Pause" -> "pause the container";
            case "Resume" -> "resume the container";
            case "ResizePty" -> "resize the container's terminal";
            case "CloseIO" -> "close the container's input";
            case "ReopenLog" -> "reopen the container's log";
            default -> service.substring(service.lastIndexOf('.') + 1) + "." + method;
        };
    }

    private TaskState state(TaskId task, String execId, StateResponse response) {
        TaskState.Status status = status(response.getStatus());
        Optional<Exit> exit = status == TaskState.Status.STOPPED
                ? Optional.of(exit(task, execId, response.getExitStatus(), response.getExitedAt()))
                : Optional.empty();
        return new TaskState(task, status, response.getPid(), exit);
    }

    static TaskState.Status status(@Nullable Status status) {
        return switch (status) {
            case CREATED -> TaskState.Status.CREATED;
            case RUNNING -> TaskState.Status.RUNNING;
            case STOPPED -> TaskState.Status.STOPPED;
            case PAUSED -> TaskState.Status.PAUSED;
            case PAUSING -> TaskState.Status.PAUSING;
            case null, default -> TaskState.Status.UNKNOWN;
        };
    }

    static Instant instant(Timestamp time) {
        return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
    }
}
