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
import dev.berth.wire.shim.task.ConnectRequest;
import dev.berth.wire.shim.task.ConnectResponse;
import dev.berth.wire.shim.task.CreateTaskRequest;
import dev.berth.wire.shim.task.CreateTaskResponse;
import dev.berth.wire.shim.task.DeleteRequest;
import dev.berth.wire.shim.task.DeleteResponse;
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

/**
 * Calls to the services of one shim on behalf of one namespace. The messages of task v2 and v3 are the same on the wire;
 * only the name of the service differs.
 */
final class TaskClient {
    static final String NAMESPACE_KEY = "containerd-namespace-ttrpc";
    static final String TASK_V2 = "containerd.task.v2.Task";
    static final String TASK_V3 = "containerd.task.v3.Task";

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
        return state(task, again("State", request, StateResponse.parser(), Deadlines.QUERY));
    }

    ConnectResponse connect(TaskId task) {
        return again(
                "Connect",
                ConnectRequest.newBuilder().setId(task.id()).build(),
                ConnectResponse.parser(),
                Deadlines.QUERY);
    }

    Exit delete(TaskId task, String execId) {
        var request =
                DeleteRequest.newBuilder().setId(task.id()).setExecId(execId).build();
        DeleteResponse response = call("Delete", request, DeleteResponse.parser(), Deadlines.RUNTIME);
        return new Exit(response.getExitStatus(), instant(response.getExitedAt()));
    }

    /** Waits for the end of a process, across a change of the supervisor if need be; empty if the time is over. */
    Optional<Exit> await(TaskId task, String execId, Duration limit) {
        var request =
                WaitRequest.newBuilder().setId(task.id()).setExecId(execId).build();
        try {
            WaitResponse response = again("Wait", request, WaitResponse.parser(), limit);
            return Optional.of(new Exit(response.getExitStatus(), instant(response.getExitedAt())));
        } catch (Fault e) {
            if (e.code() == Fault.Code.DEADLINE_EXCEEDED) {
                return Optional.empty();
            }
            throw e;
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
            throw e.toFault(what(method));
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
                    throw e.toFault(what(method));
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
            throw Fault.internal(what(method), "the shim's answer cannot be read: " + e.getMessage(), "");
        }
    }

    private Duration left(Duration limit, long start) {
        return limit.equals(TtrpcClient.FOREVER) ? limit : limit.minus(ticker.since(start));
    }

    private String what(String method) {
        return service.substring(service.lastIndexOf('.') + 1) + "." + method;
    }

    private static TaskState state(TaskId task, StateResponse response) {
        TaskState.Status status = status(response.getStatus());
        Optional<Exit> exit = status == TaskState.Status.STOPPED
                ? Optional.of(new Exit(response.getExitStatus(), instant(response.getExitedAt())))
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
