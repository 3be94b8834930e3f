package dev.berth.shim;

import dev.berth.shim.runtime.OciRuntime.Cgroups;
import dev.berth.shim.runtime.RuntimeProgram;
import io.avaje.jsonb.Json;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What never changes of a container, and all that is needed to remove it.
 *
 * @param bundle directory of the client's config.json
 * @param cgroup path of the container's cgroup; empty if it has none of its own
 * @param hooks whether its config has hooks, which only the runtime runs
 * @param root who its pipes belong to; null without a user namespace
 */
@Json
record TaskRecord(
        String namespace,
        String id,
        String bundle,
        Driver runtime,
        Cgroups cgroups,
        String cgroup,
        boolean hooks,
        @Nullable Root root) {
    /** The node's ids of root in a container's user namespace. */
    @Json
    record Root(long uid, long gid) {}

    /**
     * The OCI runtime that made it.
     *
     * @param path the program
     * @param root the runtime's state directory
     */
    @Json
    record Driver(String name, RuntimeProgram.Kind kind, String path, String version, String root) {
        RuntimeProgram program() {
            return new RuntimeProgram(name, kind, Path.of(path), version);
        }
    }

    TaskKey key() {
        return new TaskKey(namespace, id);
    }
}
