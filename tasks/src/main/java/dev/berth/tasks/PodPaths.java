package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.oci.PodReference;
import dev.berth.oci.RuntimeSpec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Puts paths where a spec has {@link PodReference}s. The paths of a pod's namespaces change when the supervisor is replaced,
 * so they are asked for when a task is made and never stored.
 */
final class PodPaths {
    private final Pods pods;
    private final Shims shims;

    PodPaths(Pods pods, Shims shims) {
        this.pods = pods;
        this.shims = shims;
    }

    /** All of them. */
    RuntimeSpec fill(NewTask task, Handler handler) {
        RuntimeSpec spec = handler instanceof Handler.Foreign ? withOwnShm(task.spec()) : task.spec();
        Map<String, String> pod = new HashMap<>();
        return fill(spec, task.task(), name -> {
            if (pod.isEmpty()) {
                pod.putAll(pod(task.task(), task.pod()));
            }
            return PodReference.pathIn(pod, name);
        });
    }

    /** Those that lead to other containers; the pod's are left to the supervisor, which knows them. */
    RuntimeSpec fillContainers(NewTask task) {
        return leadsToContainers(task.spec()) ? fill(task.spec(), task.task(), name -> name) : task.spec();
    }

    /** Whether there are such, which are known only when the task is made. */
    static boolean leadsToContainers(RuntimeSpec spec) {
        return spec.linux() != null
                && PodReference.in(spec).stream()
                        .anyMatch(name -> !PodReference.containerIn(name).isEmpty());
    }

    private RuntimeSpec fill(RuntimeSpec spec, TaskId task, UnaryOperator<String> ofPod) {
        if (spec.linux() == null) {
            return spec;
        }
        Map<String, String> paths = new HashMap<>();
        for (String name : PodReference.in(spec)) {
            String container = PodReference.containerIn(name);
            paths.put(
                    name,
                    container.isEmpty() ? ofPod.apply(name) : pidNamespace(new TaskId(task.namespace(), container)));
        }
        return paths.isEmpty() ? spec : PodReference.resolve(spec, paths);
    }

    private Map<String, String> pod(TaskId task, @Nullable String id) {
        if (id == null) {
            throw Fault.invalid("create task " + task, "it shares namespaces of a pod but names none", "");
        }
        var pod = new TaskId(task.namespace(), id);
        return pods.status(pod)
                .filter(Pod::ready)
                .orElseThrow(() ->
                        Fault.precondition("create task " + task, "its pod " + id + " is not ready", "Make a new pod"))
                .info();
    }

    private String pidNamespace(TaskId container) {
        int pid = shims.of(container).client().state(container, "").pid();
        if (pid == 0) {
            throw Fault.precondition(
                    "share the processes of " + container, "it is not running", "Start that container first");
        }
        return "/proc/" + pid + "/ns/pid";
    }

    /** For a shim that cannot see the pod's /dev/shm: each container gets its own. */
    private static RuntimeSpec withOwnShm(RuntimeSpec spec) {
        List<RuntimeSpec.Mount> mounts = spec.mounts().stream()
                .map(mount -> PodReference.SHM.equals(mount.source())
                        ? new RuntimeSpec.Mount(
                                mount.destination(),
                                "tmpfs",
                                "shm",
                                List.of("nosuid", "noexec", "nodev", "mode=1777", "size=65536k"))
                        : mount)
                .toList();
        return spec.withMounts(mounts);
    }
}
