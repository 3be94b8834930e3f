package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.linux.Poller;
import dev.berth.oci.PodReference;
import dev.berth.shim.runtime.BundleConfig;
import dev.berth.ttrpc.Call;
import dev.berth.wire.shim.supervisor.RunExecRequest;
import dev.berth.wire.shim.supervisor.RunExecResponse;
import dev.berth.wire.shim.supervisor.RunRequest;
import dev.berth.wire.shim.supervisor.RunResponse;
import dev.berth.wire.shim.supervisor.Step;
import dev.berth.wire.shim.task.CreateTaskRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;

/**
 * A container's way from nothing to its program in one call, and a command's from nothing to its end. The paths of its pod's things are filled in here, where they
 * cannot change meanwhile.
 */
final class Running {
    private final Tasks tasks;
    private final Pods pods;

    Running(Tasks tasks, Pods pods) {
        this.tasks = tasks;
        this.pods = pods;
    }

    RunResponse run(Call call, RunRequest request) throws IOException, InterruptedException {
        CreateTaskRequest task = request.getTask();
        Tasks.NewTask wanted = TaskService.wanted(call, task);
        PumpRecord output = new PumpRecord(
                wanted.key().namespace(),
                wanted.key().id(),
                "",
                task.getStdout(),
                task.getStderr(),
                request.getLogPath());
        Tasks.Run run = tasks.run(wanted, () -> config(call, wanted, request.getPod()), output);
        RunResponse.Builder response = RunResponse.newBuilder().setPid(run.pid());
        run.steps()
                .forEach(step ->
                        response.addSteps(Step.newBuilder().setName(step.name()).setMicros(step.micros())));
        return response.build();
    }

    RunExecResponse exec(Call call, RunExecRequest request) throws IOException, InterruptedException {
        Duration limit = request.getLimitMillis() == 0 ? Poller.FOREVER : Duration.ofMillis(request.getLimitMillis());
        ProcessRecord record = tasks.runExec(TaskService.wanted(call, request.getExec()), limit);
        return record.exitedAt() == null
                ? RunExecResponse.getDefaultInstance()
                : RunExecResponse.newBuilder()
                        .setEnded(true)
                        .setExitStatus(record.exitStatus())
                        .setExitedAt(TaskEvents.timestamp(record))
                        .setExitUnknown(record.exitUnknown())
                        .build();
    }

    private BundleConfig config(Call call, Tasks.NewTask wanted, String pod) {
        Map<String, String> paths = pod.isEmpty() ? Map.of() : paths(Edge.key(call, pod));
        return wanted.config().withPodPaths(name -> PodReference.pathIn(paths, name));
    }

    private Map<String, String> paths(TaskKey key) {
        Pod pod = pods.find(key);
        if (!pods.isReady(pod)) {
            throw Fault.precondition("use pod " + key.id(), "it is not ready", "Make a new pod");
        }
        return pods.paths(pod);
    }
}
