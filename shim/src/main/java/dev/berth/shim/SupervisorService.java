package dev.berth.shim;

import com.google.protobuf.ByteString;
import dev.berth.kernel.Fault;
import dev.berth.shim.runtime.RuntimeProgram;
import dev.berth.shim.runtime.Runtimes;
import dev.berth.ttrpc.Call;
import dev.berth.ttrpc.Service;
import dev.berth.wire.shim.supervisor.AcknowledgeRequest;
import dev.berth.wire.shim.supervisor.AcknowledgeResponse;
import dev.berth.wire.shim.supervisor.DrainRequest;
import dev.berth.wire.shim.supervisor.DrainResponse;
import dev.berth.wire.shim.supervisor.Event;
import dev.berth.wire.shim.supervisor.EventsRequest;
import dev.berth.wire.shim.supervisor.ExitRequest;
import dev.berth.wire.shim.supervisor.ExitResponse;
import dev.berth.wire.shim.supervisor.InfoRequest;
import dev.berth.wire.shim.supervisor.InfoResponse;
import dev.berth.wire.shim.supervisor.PodSummary;
import dev.berth.wire.shim.supervisor.PumpRequest;
import dev.berth.wire.shim.supervisor.PumpResponse;
import dev.berth.wire.shim.supervisor.ReopenLogRequest;
import dev.berth.wire.shim.supervisor.ReopenLogResponse;
import dev.berth.wire.shim.supervisor.RunExecRequest;
import dev.berth.wire.shim.supervisor.RunRequest;
import dev.berth.wire.shim.supervisor.Runtime;
import dev.berth.wire.shim.supervisor.ShutdownRequest;
import dev.berth.wire.shim.supervisor.ShutdownResponse;
import dev.berth.wire.shim.supervisor.TaskSummary;
import dev.berth.wire.shim.supervisor.TasksRequest;
import dev.berth.wire.shim.supervisor.TasksResponse;
import dev.berth.wire.shim.types.Envelope;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;

/** Answers {@code dev.berth.supervisor.v1.Supervisor}, our own service. */
final class SupervisorService {
    /** Who we are. */
    record Self(long pid, String version, Instant startedAt, Runnable end) {}

    private static final Duration LONGEST_DRAIN = Duration.ofMinutes(2);

    private final Self self;
    private final Runtimes runtimes;
    private final Tasks tasks;
    private final Ledger ledger;
    private final Outputs outputs;
    private final Running running;

    SupervisorService(Self self, Runtimes runtimes, Tasks tasks, Ledger ledger, Outputs outputs, Running running) {
        this.self = self;
        this.runtimes = runtimes;
        this.tasks = tasks;
        this.ledger = ledger;
        this.outputs = outputs;
        this.running = running;
    }

    Service service() {
        return Service.named("dev.berth.supervisor.v1.Supervisor")
                .unary("Info", Edge.unary(InfoRequest.parser(), (call, q) -> info(q)))
                .unary("Run", Edge.unary(RunRequest.parser(), running::run))
                .unary("RunExec", Edge.unary(RunExecRequest.parser(), running::exec))
                .unary("Pump", Edge.unary(PumpRequest.parser(), this::pump))
                .unary("ReopenLog", Edge.unary(ReopenLogRequest.parser(), this::reopen))
                .unary("Drain", Edge.unary(DrainRequest.parser(), this::drain))
                .bidiStreaming("Attach", new Attaching(outputs)::attach)
                .serverStreaming("Events", this::events)
                .unary("Acknowledge", Edge.unary(AcknowledgeRequest.parser(), this::acknowledge))
                .unary("Tasks", Edge.unary(TasksRequest.parser(), (call, q) -> summary()))
                .unary("Exit", Edge.unary(ExitRequest.parser(), this::exit))
                .unary("Shutdown", Edge.unary(ShutdownRequest.parser(), this::shutdown))
                .build();
    }

    private InfoResponse info(InfoRequest request) throws InterruptedException {
        runtimes.also(request.getPathsList());
        return InfoResponse.newBuilder()
                .setPid((int) self.pid())
                .setVersion(self.version())
                .setStartedAt(TaskEvents.timestamp(self.startedAt()))
                .addAllRuntimes((request.getAwaitRuntimes() ? runtimes.all() : runtimes.tried())
                        .stream().map(SupervisorService::runtime).toList())
                .build();
    }

    private static Runtime runtime(Runtimes.Candidate candidate) {
        return Runtime.newBuilder()
                .setName(candidate.name())
                .setPath(candidate
                        .program()
                        .map(program -> program.path().toString())
                        .orElse(""))
                .setVersion(candidate.program().map(RuntimeProgram::version).orElse(""))
                .setUsable(candidate.usable())
                .setReason(candidate.reason())
                .setRemedy(candidate.remedy())
                .setFeatures(ByteString.copyFromUtf8(candidate.features()))
                .build();
    }

    private PumpResponse pump(Call call, PumpRequest request) throws IOException, InterruptedException {
        outputs.start(new PumpRecord(
                request.getNamespace(),
                request.getId(),
                request.getExecId(),
                request.getStdout(),
                request.getStderr(),
                request.getLogPath()));
        return PumpResponse.getDefaultInstance();
    }

    private ReopenLogResponse reopen(Call call, ReopenLogRequest request) throws InterruptedException {
        outputs.reopen(outputName(request.getNamespace(), request.getId(), ""));
        return ReopenLogResponse.getDefaultInstance();
    }

    private DrainResponse drain(Call call, DrainRequest request) throws IOException, InterruptedException {
        String name = outputName(request.getNamespace(), request.getId(), request.getExecId());
        Duration asked = Duration.ofMillis(request.getTimeoutMillis());
        boolean drained = outputs.drain(name, asked.compareTo(LONGEST_DRAIN) < 0 ? asked : LONGEST_DRAIN);
        outputs.stop(name);
        return DrainResponse.newBuilder().setDrained(drained).build();
    }

    private static String outputName(String namespace, String id, String execId) {
        return PumpRecord.name(new TaskKey(namespace, id), execId);
    }

    private void events(Call call, byte[] bytes, Service.Out out) throws InterruptedException {
        call.interruptWhenGone();
        long after = Edge.parse(EventsRequest.parser(), call, bytes).getAfter();
        while (true) {
            List<EventRecord> found = ledger.awaitEvents(after);
            if (found.isEmpty()) {
                throw Fault.unavailable("follow events", "the supervisor ends", "Connect to the next one");
            }
            for (EventRecord event : found) {
                out.send(message(event).toByteArray());
                after = event.sequence();
            }
        }
    }

    private static Event message(EventRecord event) {
        Envelope envelope = Envelope.newBuilder()
                .setTimestamp(TaskEvents.timestamp(event.at()))
                .setNamespace(event.namespace())
                .setTopic(event.topic())
                .setEvent(com.google.protobuf.Any.newBuilder()
                        .setTypeUrl(event.type())
                        .setValue(ByteString.copyFrom(Base64.getDecoder().decode(event.payload()))))
                .build();
        return Event.newBuilder()
                .setSequence(event.sequence())
                .setEnvelope(envelope)
                .setExitUnknown(event.exitUnknown())
                .build();
    }

    private AcknowledgeResponse acknowledge(Call call, AcknowledgeRequest request) {
        ledger.acknowledge(request.getSequence());
        return AcknowledgeResponse.getDefaultInstance();
    }

    private TasksResponse summary() {
        return TasksResponse.newBuilder()
                .addAllTasks(
                        tasks.all().stream().map(SupervisorService::summary).toList())
                .addAllPods(ledger.pods().stream()
                        .map(pod -> PodSummary.newBuilder()
                                .setNamespace(pod.namespace())
                                .setId(pod.id())
                                .build())
                        .toList())
                .build();
    }

    private static TaskSummary summary(Task task) {
        ProcessRecord init = task.init().record();
        return TaskSummary.newBuilder()
                .setNamespace(init.namespace())
                .setId(init.id())
                .setStatus(TaskService.status(init.state()).getNumber())
                .setPid(init.pid())
                .setExitStatus(init.exitStatus())
                .setExitedAt(TaskEvents.timestamp(init))
                .setExitUnknown(init.exitUnknown())
                .build();
    }

    private ExitResponse exit(Call call, ExitRequest request) {
        Task task = tasks.find(new TaskKey(request.getNamespace(), request.getId()));
        return ExitResponse.newBuilder()
                .setSeen(!task.process(request.getExecId()).record().exitUnknown())
                .build();
    }

    private ShutdownResponse shutdown(Call call, ShutdownRequest request) {
        self.end().run();
        return ShutdownResponse.getDefaultInstance();
    }
}
