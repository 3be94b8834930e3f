package dev.berth.shim;

import dev.berth.shim.runtime.OciRuntime.Cgroups;
import io.avaje.jsonb.Json;

/**
 * What never changes of a container, and all that is needed to remove it.
 *
 * @param bundle directory of the client's config.json
 * @param runtime name of the OCI runtime, as in the table of runtimes
 * @param runtimeRoot the runtime's state directory
 * @param cgroup path of the container's cgroup; empty if it has none of its own
 */
@Json
record TaskRecord(
        String namespace,
        String id,
        String bundle,
        String runtime,
        String runtimeRoot,
        Cgroups cgroups,
        String cgroup) {
    TaskKey key() {
        return new TaskKey(namespace, id);
    }
}
