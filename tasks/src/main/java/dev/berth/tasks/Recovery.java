package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.wire.shim.supervisor.TaskSummary;
import dev.berth.wire.shim.supervisor.TasksRequest;
import dev.berth.wire.shim.supervisor.TasksResponse;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is there when a daemon starts: all tasks, asked from everybody side by side. */
final class Recovery {
    private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);

    private final Bundles bundles;
    private final ForeignShims foreign;
    private final Shims shims;
    private final Supervisor supervisor;
    private final Ticker ticker;

    Recovery(Bundles bundles, ForeignShims foreign, Shims shims, Supervisor supervisor, Ticker ticker) {
        this.bundles = bundles;
        this.foreign = foreign;
        this.shims = shims;
        this.supervisor = supervisor;
        this.ticker = ticker;
    }

    List<TaskState> list() {
        List<TaskState> all = new ArrayList<>(ours());
        try (var each = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Optional<TaskState>>> asked = new ArrayList<>();
            for (TaskId task : foreignTasks()) {
                asked.add(each.submit(() -> guarded(task)));
            }
            for (Future<Optional<TaskState>> answer : asked) {
                answer.get().ifPresent(all::add);
            }
            return all;
        } catch (IOException e) {
            throw Fault.internal("list tasks", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        } catch (ExecutionException e) {
            throw Fault.of("list tasks", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, "list tasks", "the caller was interrupted", "");
        }
    }

    /** The pods of our own supervisor. */
    List<TaskId> pods() {
        return summary().getPodsList().stream()
                .map(pod -> new TaskId(pod.getNamespace(), pod.getId()))
                .toList();
    }

    private List<TaskState> ours() {
        return summary().getTasksList().stream().map(Recovery::state).toList();
    }

    private TasksResponse summary() {
        var client = new TaskClient(supervisor, Supervisor.SERVICE, "k8s.io", ticker);
        return client.again("Tasks", TasksRequest.getDefaultInstance(), TasksResponse.parser(), Deadlines.SUPERVISOR);
    }

    private static TaskState state(TaskSummary task) {
        var status = TaskClient.status(dev.berth.wire.shim.types.Status.forNumber(task.getStatus()));
        Optional<Exit> exit = status == TaskState.Status.STOPPED
                ? Optional.of(
                        new Exit(task.getExitStatus(), TaskClient.instant(task.getExitedAt()), !task.getExitUnknown()))
                : Optional.empty();
        return new TaskState(new TaskId(task.getNamespace(), task.getId()), status, task.getPid(), exit);
    }

    private List<TaskId> foreignTasks() throws IOException {
        List<TaskId> found = new ArrayList<>();
        for (TaskId task : bundles.list()) {
            if (isForeign(task)) {
                found.add(task);
            }
        }
        return found;
    }

    private boolean isForeign(TaskId task) {
        try {
            return ShimAddress.load(bundles.of(task)) != null;
        } catch (IOException | RuntimeException e) {
            LOG.warn("{}: the address of its shim cannot be read", task, e);
            return true;
        }
    }

    /** One bad shim makes one bad task. */
    private Optional<TaskState> guarded(TaskId task) throws InterruptedException {
        try {
            return ask(task);
        } catch (IOException | RuntimeException e) {
            LOG.warn("{}: it cannot be told whether it runs", task, e);
            return Optional.of(new TaskState(task, TaskState.Status.UNKNOWN, 0, Optional.empty()));
        }
    }

    private Optional<TaskState> ask(TaskId task) throws IOException, InterruptedException {
        try {
            TaskState state = shims.of(task).client().state(task, "");
            foreign.find(task).ifPresent(shim -> shim.learnProcess(task));
            return Optional.of(state);
        } catch (Fault e) {
            LOG.warn("the shim of {} does not answer, so its task has ended: {}", task, e.getMessage());
            Exit exit = foreign.cleanUp(task);
            return Optional.of(new TaskState(task, TaskState.Status.STOPPED, 0, Optional.of(exit)));
        }
    }
}
