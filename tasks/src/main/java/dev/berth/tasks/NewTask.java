package dev.berth.tasks;

import dev.berth.oci.RuntimeSpec;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A task to be made.
 *
 * @param pod id of the pod whose namespaces it shares; null if it is alone
 * @param handler name of the runtime handler
 * @param spec what to run; its {@link dev.berth.oci.PodReference}s are filled in
 * @param rootfs mounts that make its root file system; empty if the spec's root path is ready
 * @param checkpoint directory with the state of processes that {@link Tasks#checkpoint} wrote, from which it goes on; null
 *     if it begins anew
 */
public record NewTask(
        TaskId task,
        @Nullable String pod,
        String handler,
        RuntimeSpec spec,
        List<RootMount> rootfs,
        Stdio stdio,
        @Nullable Path checkpoint) {

    public NewTask {
        rootfs = List.copyOf(rootfs);
    }

    /** One that begins anew. */
    public NewTask(
            TaskId task, @Nullable String pod, String handler, RuntimeSpec spec, List<RootMount> rootfs, Stdio stdio) {
        this(task, pod, handler, spec, rootfs, stdio, null);
    }

    /**
     * One mount of a root file system, as mount(8) would take it.
     *
     * @param target below the root; empty for the root itself
     */
    public record RootMount(String type, String source, String target, List<String> options) {}

    /**
     * Where standard input and output go.
     *
     * @param stdin somebody will write to it
     * @param log the CRI log file; null to throw output away
     */
    public record Stdio(
            boolean terminal, boolean stdin, @Nullable Path log) {}
}
