package dev.berth.tasks;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Signals;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.ProcessSpec;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.wire.shim.options.CheckpointOptions;
import dev.berth.wire.shim.supervisor.RunExecRequest;
import dev.berth.wire.shim.supervisor.RunExecResponse;
import dev.berth.wire.shim.task.CheckpointTaskRequest;
import dev.berth.wire.shim.task.CloseIORequest;
import dev.berth.wire.shim.task.ExecProcessRequest;
import dev.berth.wire.shim.task.KillRequest;
import dev.berth.wire.shim.task.PauseRequest;
import dev.berth.wire.shim.task.PidsRequest;
import dev.berth.wire.shim.task.PidsResponse;
import dev.berth.wire.shim.task.ResizePtyRequest;
import dev.berth.wire.shim.task.ResumeRequest;
import dev.berth.wire.shim.task.StartRequest;
import dev.berth.wire.shim.task.StartResponse;
import dev.berth.wire.shim.task.StatsRequest;
import dev.berth.wire.shim.task.StatsResponse;
import dev.berth.wire.shim.task.UpdateTaskRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which shim a task belongs to, and the calls that are the same for all shims. */
final class Shims {
    private static final Logger LOG = LoggerFactory.getLogger(Shims.class);
    private static final String SPEC_TYPES = "types.containerd.io/opencontainers/runtime-spec/1/";

    private final Supervisor supervisor;
    private final ForeignShims foreign;
    private final Ticker ticker;

    Shims(Supervisor supervisor, ForeignShims foreign, Ticker ticker) {
        this.supervisor = supervisor;
        this.foreign = foreign;
        this.ticker = ticker;
    }

    /** The shim that owns a task. */
    Of of(TaskId task) {
        return foreign.find(task)
                .map(shim -> new Of(shim.tasks(task.namespace())))
                .orElseGet(() -> ours(task.namespace()));
    }

    Of ours(String namespace) {
        return new Of(new TaskClient(supervisor, TaskClient.TASK_V3, namespace, ticker));
    }

    /** Whether our supervisor has it, or nobody. */
    boolean isOurs(TaskId task) {
        return foreign.find(task).isEmpty();
    }

    /**
     * Runs a further process of a task of ours to its end and removes it; empty if the time is over, and then it goes on.
     *
     * @param limit zero for none
     */
    Optional<Exit> runExec(TaskId task, ExecProcessRequest exec, Duration limit) {
        var request = RunExecRequest.newBuilder()
                .setExec(exec)
                .setLimitMillis(limit.isZero() ? 0 : Math.max(1, limit.toMillis()))
                .build();
        Duration longest = limit.isZero() ? TtrpcClient.FOREVER : limit.plus(Deadlines.RUNTIME);
        RunExecResponse response =
                supervisor(task.namespace()).call("RunExec", request, RunExecResponse.parser(), longest);
        return response.getEnded()
                ? Optional.of(new Exit(
                        response.getExitStatus(),
                        TaskClient.instant(response.getExitedAt()),
                        !response.getExitUnknown()))
                : Optional.empty();
    }

    /** Calls to our supervisor's own service. */
    TaskClient supervisor(String namespace) {
        return new TaskClient(supervisor, Supervisor.SERVICE, namespace, ticker);
    }

    /** Calls to the task service of one shim. */
    record Of(TaskClient client) {
        int start(TaskId task, String execId, Duration limit) {
            var request =
                    StartRequest.newBuilder().setId(task.id()).setExecId(execId).build();
            return client.call("Start", request, StartResponse.parser(), limit).getPid();
        }

        Optional<Exit> await(TaskId task, String execId, Duration limit) {
            return client.await(task, execId, limit);
        }

        void kill(TaskId task, String execId, int signal, boolean all) {
            var request = KillRequest.newBuilder()
                    .setId(task.id())
                    .setExecId(execId)
                    .setSignal(signal)
                    .setAll(all)
                    .build();
            client.again("Kill", request, Empty.parser(), Deadlines.RUNTIME);
        }

        void resize(TaskId task, String execId, int width, int height) {
            var request = ResizePtyRequest.newBuilder()
                    .setId(task.id())
                    .setExecId(execId)
                    .setWidth(width)
                    .setHeight(height)
                    .build();
            client.again("ResizePty", request, Empty.parser(), Deadlines.QUERY);
        }

        void closeStdin(TaskId task, String execId) {
            var request = CloseIORequest.newBuilder()
                    .setId(task.id())
                    .setExecId(execId)
                    .setStdin(true)
                    .build();
            client.again("CloseIO", request, Empty.parser(), Deadlines.QUERY);
        }

        void exec(ExecProcessRequest request) {
            client.run("Exec", request, Deadlines.QUERY);
        }

        static ExecProcessRequest request(TaskId task, String execId, ProcessSpec process, Exec.Pipes pipes) {
            return ExecProcessRequest.newBuilder()
                    .setId(task.id())
                    .setExecId(execId)
                    .setTerminal(process.terminal())
                    .setStdin(pipes.path("stdin"))
                    .setStdout(pipes.path("stdout"))
                    .setStderr(pipes.path("stderr"))
                    .setSpec(json("Process", process.toJson()))
                    .build();
        }

        /** Whether an exec has begun, as far as anybody knows. */
        boolean isStarted(TaskId task, String execId) {
            try {
                return switch (client.state(task, execId).status()) {
                    case RUNNING, STOPPED, PAUSED, PAUSING -> true;
                    case CREATED, UNKNOWN -> false;
                };
            } catch (Fault e) {
                LOG.debug("{}: nothing is known of exec {}", task, execId, e);
                return false;
            }
        }

        /** Removes an exec; what is not there is removed. */
        void removeExec(TaskId task, String execId, boolean running) {
            try {
                if (running) {
                    kill(task, execId, Signals.KILL, false);
                    await(task, execId, Deadlines.SHIM_STOP);
                }
            } catch (Fault e) {
                LOG.debug("killing exec {} of {}", execId, task, e); // it has ended by itself, or Delete will tell
            }
            try {
                client.delete(task, execId);
            } catch (Fault e) {
                if (e.code() != Fault.Code.NOT_FOUND) {
                    throw e;
                }
            }
        }

        void pause(TaskId task) {
            client.again(
                    "Pause", PauseRequest.newBuilder().setId(task.id()).build(), Empty.parser(), Deadlines.RUNTIME);
        }

        void resume(TaskId task) {
            client.again(
                    "Resume", ResumeRequest.newBuilder().setId(task.id()).build(), Empty.parser(), Deadlines.RUNTIME);
        }

        /** The task runs on; established connections are written down as well. */
        void checkpoint(TaskId task, Path images, Path work, Duration limit) {
            CheckpointOptions options = CheckpointOptions.newBuilder()
                    .setOpenTcp(true)
                    .setFileLocks(true)
                    .setImagePath(images.toString())
                    .setWorkPath(work.toString())
                    .build();
            var request = CheckpointTaskRequest.newBuilder()
                    .setId(task.id())
                    .setPath(images.toString())
                    .setOptions(Any.newBuilder()
                            .setTypeUrl(CheckpointOptions.getDescriptor().getFullName())
                            .setValue(options.toByteString()))
                    .build();
            client.call("Checkpoint", request, Empty.parser(), limit);
        }

        void update(TaskId task, LinuxResources resources) {
            var request = UpdateTaskRequest.newBuilder()
                    .setId(task.id())
                    .setResources(json("LinuxResources", resources.toJson()))
                    .build();
            client.again("Update", request, Empty.parser(), Deadlines.RUNTIME);
        }

        CgroupStats stats(TaskId task) {
            var request = StatsRequest.newBuilder().setId(task.id()).build();
            return StatsReader.read(client.again("Stats", request, StatsResponse.parser(), Deadlines.QUERY)
                    .getStats());
        }

        List<Integer> pids(TaskId task) {
            var request = PidsRequest.newBuilder().setId(task.id()).build();
            return client.again("Pids", request, PidsResponse.parser(), Deadlines.QUERY).getProcessesList().stream()
                    .map(process -> process.getPid())
                    .toList();
        }

        private static Any json(String type, byte[] value) {
            return Any.newBuilder()
                    .setTypeUrl(SPEC_TYPES + type)
                    .setValue(ByteString.copyFrom(value))
                    .build();
        }
    }
}
