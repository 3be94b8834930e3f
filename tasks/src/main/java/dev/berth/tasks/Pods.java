package dev.berth.tasks;

import com.google.protobuf.Any;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import dev.berth.wire.shim.sandbox.CreateSandboxRequest;
import dev.berth.wire.shim.sandbox.CreateSandboxResponse;
import dev.berth.wire.shim.sandbox.SandboxStatusRequest;
import dev.berth.wire.shim.sandbox.SandboxStatusResponse;
import dev.berth.wire.shim.sandbox.ShutdownSandboxRequest;
import dev.berth.wire.shim.sandbox.ShutdownSandboxResponse;
import dev.berth.wire.shim.sandbox.StartSandboxRequest;
import dev.berth.wire.shim.sandbox.StartSandboxResponse;
import dev.berth.wire.shim.sandbox.StopSandboxRequest;
import dev.berth.wire.shim.sandbox.StopSandboxResponse;
import dev.berth.wire.shim.supervisor.IdRange;
import dev.berth.wire.shim.supervisor.PodOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The sandbox service of our supervisor, which holds the namespaces of every pod, whoever runs its containers. */
final class Pods {
    static final String SERVICE = "containerd.runtime.sandbox.v1.Sandbox";
    private static final String READY = "SANDBOX_READY";

    private final TasksConfig config;
    private final Link supervisor;
    private final Ticker ticker;

    Pods(TasksConfig config, Link supervisor, Ticker ticker) {
        this.config = config;
        this.supervisor = supervisor;
        this.ticker = ticker;
    }

    /** Creates and starts; what fails leaves nothing. */
    void make(PodRequest request) {
        TaskId pod = request.pod();
        try (var undo = new Rollback()) {
            undo.add("pod " + pod, () -> remove(pod));
            try {
                create(request);
            } catch (Fault e) {
                if (e.code() == Fault.Code.ALREADY_EXISTS) {
                    undo.commit(); // it is somebody else's
                }
                throw e;
            }
            if (request.sharedPid()) {
                start(pod); // else there is no process to start
            }
            undo.commit();
        }
    }

    private void create(PodRequest request) {
        PodOptions.Builder options = PodOptions.newBuilder()
                .setNewIpc(request.shmBytes() > 0)
                .setShmSizeBytes(request.shmBytes())
                .setNewUts(request.hostname() != null)
                .setHostname(request.hostname() == null ? "" : request.hostname())
                .setSharedPid(request.sharedPid())
                .putAllSysctls(request.sysctls())
                .setCgroupParent(request.cgroupParent());
        PodRequest.Users users = request.users();
        if (users != null) {
            requireOurs(request);
            options.addAllUsers(ranges(users.users())).addAllGroups(ranges(users.groups()));
        }
        if (config.handler(request.handler()) instanceof Handler.Builtin(var runtime, var _)) {
            options.setRuntime(runtime);
        }
        var create = CreateSandboxRequest.newBuilder()
                .setSandboxId(request.pod().id())
                .setBundlePath(bundle(request.pod()).toString())
                .setNetnsPath(request.netns() == null ? "" : request.netns())
                .setOptions(Any.pack(options.build()))
                .build();
        client(request.pod()).call("CreateSandbox", create, CreateSandboxResponse.parser(), Deadlines.RUNTIME);
    }

    /** A foreign shim mounts the root by itself, and what it makes of other owners we do not know. */
    private void requireOurs(PodRequest request) {
        if (config.handler(request.handler()) instanceof Handler.Foreign) {
            throw Fault.precondition(
                    "make a user namespace for pod " + request.pod().id(),
                    "the runtime handler " + request.handler() + " runs its containers with a shim of its own",
                    "Use a handler with an OCI runtime, or hostUsers: true");
        }
    }

    private static List<IdRange> ranges(List<PodRequest.Users.Range> ranges) {
        return ranges.stream()
                .map(range -> IdRange.newBuilder()
                        .setInside(range.inside())
                        .setOutside(range.outside())
                        .setLength(range.length())
                        .build())
                .toList();
    }

    private int start(TaskId pod) {
        var request = StartSandboxRequest.newBuilder().setSandboxId(pod.id()).build();
        return client(pod)
                .call("StartSandbox", request, StartSandboxResponse.parser(), Deadlines.RUNTIME)
                .getPid();
    }

    /** Stops what runs in it; a pod that is not there is stopped. */
    void stop(TaskId pod, Duration grace) {
        var request = StopSandboxRequest.newBuilder()
                .setSandboxId(pod.id())
                .setTimeoutSecs((int) grace.toSeconds())
                .build();
        end(pod, "StopSandbox", request, StopSandboxResponse.parser(), Deadlines.RUNTIME.plus(grace));
    }

    /** Removes everything of it; a pod that is not there is removed. */
    void remove(TaskId pod) {
        var request = ShutdownSandboxRequest.newBuilder().setSandboxId(pod.id()).build();
        end(pod, "ShutdownSandbox", request, ShutdownSandboxResponse.parser(), Deadlines.RUNTIME);
    }

    /** Empty if the supervisor knows no such pod. */
    Optional<Pod> status(TaskId pod) {
        var request = SandboxStatusRequest.newBuilder()
                .setSandboxId(pod.id())
                .setVerbose(true)
                .build();
        try {
            var response = client(pod).again("SandboxStatus", request, SandboxStatusResponse.parser(), Deadlines.QUERY);
            return Optional.of(new Pod(
                    pod,
                    response.getState().equals(READY),
                    response.getPid(),
                    response.hasCreatedAt()
                            ? Optional.of(TaskClient.instant(response.getCreatedAt()))
                            : Optional.empty(),
                    Map.copyOf(response.getInfoMap())));
        } catch (Fault e) {
            if (e.code() == Fault.Code.NOT_FOUND) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private <T extends MessageLite> void end(
            TaskId pod, String method, MessageLite request, Parser<T> answer, Duration limit) {
        try {
            client(pod).again(method, request, answer, limit);
        } catch (Fault e) {
            if (e.code() != Fault.Code.NOT_FOUND) {
                throw e;
            }
        }
    }

    private TaskClient client(TaskId pod) {
        return new TaskClient(supervisor, SERVICE, pod.namespace(), ticker);
    }

    private Path bundle(TaskId pod) {
        return config.state().resolve("pods").resolve(pod.namespace()).resolve(pod.id());
    }
}
