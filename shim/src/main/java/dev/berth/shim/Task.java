package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.shim.runtime.OciRuntime;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** A container: what it was made of, its first process and its execs. */
final class Task {
    private final TaskRecord record;
    private final OciRuntime runtime;
    private final TaskProcess init;
    private final Map<String, TaskProcess> execs = new ConcurrentHashMap<>();

    Task(TaskRecord record, OciRuntime runtime, TaskProcess init) {
        this.record = record;
        this.runtime = runtime;
        this.init = init;
    }

    TaskRecord record() {
        return record;
    }

    TaskKey key() {
        return record.key();
    }

    OciRuntime runtime() {
        return runtime;
    }

    TaskProcess init() {
        return init;
    }

    Map<String, TaskProcess> execs() {
        return execs;
    }

    /**
     * The first process, or the exec of that id.
     *
     * @throws Fault NOT_FOUND if there is no such exec
     */
    TaskProcess process(String execId) {
        if (execId.isEmpty()) {
            return init;
        }
        TaskProcess exec = execs.get(execId);
        if (exec == null) {
            throw Fault.notFound("find exec " + execId + " of " + record.id(), "there is no such process", "");
        }
        return exec;
    }
}
