package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.linux.Namespaces.Kind;
import dev.berth.ttrpc.Call;
import dev.berth.ttrpc.Service;
import dev.berth.wire.shim.sandbox.CreateSandboxRequest;
import dev.berth.wire.shim.sandbox.CreateSandboxResponse;
import dev.berth.wire.shim.sandbox.PingRequest;
import dev.berth.wire.shim.sandbox.PingResponse;
import dev.berth.wire.shim.sandbox.PlatformRequest;
import dev.berth.wire.shim.sandbox.PlatformResponse;
import dev.berth.wire.shim.sandbox.SandboxMetricsRequest;
import dev.berth.wire.shim.sandbox.SandboxMetricsResponse;
import dev.berth.wire.shim.sandbox.SandboxStatusRequest;
import dev.berth.wire.shim.sandbox.SandboxStatusResponse;
import dev.berth.wire.shim.sandbox.ShutdownSandboxRequest;
import dev.berth.wire.shim.sandbox.ShutdownSandboxResponse;
import dev.berth.wire.shim.sandbox.StartSandboxRequest;
import dev.berth.wire.shim.sandbox.StartSandboxResponse;
import dev.berth.wire.shim.sandbox.StopSandboxRequest;
import dev.berth.wire.shim.sandbox.StopSandboxResponse;
import dev.berth.wire.shim.sandbox.WaitSandboxRequest;
import dev.berth.wire.shim.sandbox.WaitSandboxResponse;
import dev.berth.wire.shim.supervisor.IdRange;
import dev.berth.wire.shim.supervisor.PodOptions;
import dev.berth.wire.shim.types.Platform;
import java.io.IOException;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Answers {@code containerd.runtime.sandbox.v1.Sandbox}: messages in, calls of {@link Pods}, messages out. */
final class SandboxService {
    private static final String READY = "SANDBOX_READY";
    private static final String NOT_READY = "SANDBOX_NOTREADY";

    private final Pods pods;

    SandboxService(Pods pods) {
        this.pods = pods;
    }

    Service service() {
        return Service.named("containerd.runtime.sandbox.v1.Sandbox")
                .unary("CreateSandbox", Edge.unary(CreateSandboxRequest.parser(), this::create))
                .unary("StartSandbox", Edge.unary(StartSandboxRequest.parser(), this::start))
                .unary("Platform", Edge.unary(PlatformRequest.parser(), (call, q) -> platform()))
                .unary("StopSandbox", Edge.unary(StopSandboxRequest.parser(), this::stop))
                .unary("WaitSandbox", Edge.unary(WaitSandboxRequest.parser(), this::await))
                .unary("SandboxStatus", Edge.unary(SandboxStatusRequest.parser(), this::status))
                .unary("PingSandbox", Edge.unary(PingRequest.parser(), this::ping))
                .unary("ShutdownSandbox", Edge.unary(ShutdownSandboxRequest.parser(), this::remove))
                .unary("SandboxMetrics", Edge.unary(SandboxMetricsRequest.parser(), this::metrics))
                .build();
    }

    private static TaskKey key(Call call, String id) {
        return Edge.key(call, id);
    }

    private CreateSandboxResponse create(Call call, CreateSandboxRequest request)
            throws IOException, InterruptedException {
        PodOptions options = Edge.unpack(request.getOptions(), PodOptions.getDefaultInstance(), PodOptions.parser())
                .orElseThrow(() -> Fault.invalid(
                        "create pod " + request.getSandboxId(),
                        "its options are not ours but \"" + request.getOptions().getTypeUrl() + "\"",
                        "Send dev.berth.supervisor.v1.PodOptions"));
        if (!options.getHostname().isEmpty() && !options.getNewUts()) {
            throw Fault.invalid("create pod " + request.getSandboxId(), "a host name needs an own UTS namespace", "");
        }
        pods.create(new Pods.NewPod(
                key(call, request.getSandboxId()),
                kinds(options),
                options.getHostname(),
                request.getNetnsPath(),
                options.getShmSizeBytes(),
                options.getSysctlsMap(),
                options.getSharedPid()
                        ? Optional.of(new PodRecord.Init(options.getRuntime(), options.getCgroupParent()))
                        : Optional.empty(),
                users(options)));
        return CreateSandboxResponse.getDefaultInstance();
    }

    private static Optional<PodRecord.Users> users(PodOptions options) {
        return options.getUsersCount() == 0
                ? Optional.empty()
                : Optional.of(new PodRecord.Users(ranges(options.getUsersList()), ranges(options.getGroupsList())));
    }

    private static List<PodRecord.Users.Range> ranges(List<IdRange> ranges) {
        return ranges.stream()
                .map(range -> new PodRecord.Users.Range(range.getInside(), range.getOutside(), range.getLength()))
                .toList();
    }

    private static Set<Kind> kinds(PodOptions options) {
        Set<Kind> kinds = EnumSet.noneOf(Kind.class);
        if (options.getNewIpc()) {
            kinds.add(Kind.IPC);
        }
        if (options.getNewUts()) {
            kinds.add(Kind.UTS);
        }
        return kinds;
    }

    private StartSandboxResponse start(Call call, StartSandboxRequest request)
            throws IOException, InterruptedException {
        TaskKey key = key(call, request.getSandboxId());
        int pid = pods.start(key);
        return StartSandboxResponse.newBuilder()
                .setPid(pid)
                .setCreatedAt(TaskEvents.timestamp(pods.find(key).record().createdAt()))
                .build();
    }

    private static PlatformResponse platform() {
        String arch = System.getProperty("os.arch").equals("aarch64") ? "arm64" : "amd64";
        return PlatformResponse.newBuilder()
                .setPlatform(Platform.newBuilder().setOs("linux").setArchitecture(arch))
                .build();
    }

    private StopSandboxResponse stop(Call call, StopSandboxRequest request) throws IOException, InterruptedException {
        pods.stop(key(call, request.getSandboxId()));
        return StopSandboxResponse.getDefaultInstance();
    }

    private WaitSandboxResponse await(Call call, WaitSandboxRequest request) throws InterruptedException {
        call.interruptWhenGone();
        TaskKey key = key(call, request.getSandboxId());
        Pod pod = pods.find(key);
        pods.awaitStop(key);
        WaitSandboxResponse.Builder response = WaitSandboxResponse.newBuilder();
        Instant stoppedAt = pod.record().stoppedAt();
        if (stoppedAt != null) {
            response.setExitedAt(TaskEvents.timestamp(stoppedAt));
        }
        return response.build();
    }

    private SandboxStatusResponse status(Call call, SandboxStatusRequest request) {
        Pod pod = pods.find(key(call, request.getSandboxId()));
        PodRecord record = pod.record();
        SandboxStatusResponse.Builder response = SandboxStatusResponse.newBuilder()
                .setSandboxId(record.id())
                .setPid(pods.initPid(pod.key()))
                .setState(pods.isReady(pod) ? READY : NOT_READY)
                .setCreatedAt(TaskEvents.timestamp(record.createdAt()));
        Instant stoppedAt = record.stoppedAt();
        if (stoppedAt != null) {
            response.setExitedAt(TaskEvents.timestamp(stoppedAt));
        }
        return response.putAllInfo(pods.paths(pod)).build();
    }

    private PingResponse ping(Call call, PingRequest request) {
        Pod _ = pods.find(key(call, request.getSandboxId()));
        return PingResponse.getDefaultInstance();
    }

    private ShutdownSandboxResponse remove(Call call, ShutdownSandboxRequest request)
            throws IOException, InterruptedException {
        pods.remove(key(call, request.getSandboxId()));
        return ShutdownSandboxResponse.getDefaultInstance();
    }

    private SandboxMetricsResponse metrics(Call call, SandboxMetricsRequest request) {
        throw Fault.of(
                Fault.Code.UNIMPLEMENTED,
                "read the counters of pod " + request.getSandboxId(),
                "a pod has no cgroup of its own here",
                "Read its parent cgroup, or the counters of its containers");
    }
}
