package dev.berth.shim;

import io.avaje.jsonb.Json;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A pod as it stands in the journal. Immutable.
 *
 * @param ipc whether it has an IPC namespace and shared memory of its own
 * @param uts whether it has a UTS namespace of its own
 * @param network file of its network namespace; empty for the host's
 * @param init how its first process is run; null if its containers do not share a PID namespace
 * @param made false until all of it exists: what a crash leaves so is removed
 * @param stoppedAt null while it is ready
 */
@Json
record PodRecord(
        String namespace,
        String id,
        boolean ipc,
        boolean uts,
        String network,
        @Nullable Init init,
        boolean made,
        Instant createdAt,
        @Nullable Instant stoppedAt) {
    /**
     * How the init of a shared PID namespace is run.
     *
     * @param runtime name of the OCI runtime; empty for the best
     * @param cgroupParent cgroup or slice below which it gets its own; empty for ours
     */
    @Json
    record Init(String runtime, String cgroupParent) {}

    TaskKey key() {
        return new TaskKey(namespace, id);
    }

    PodRecord completed() {
        return new PodRecord(namespace, id, ipc, uts, network, init, true, createdAt, stoppedAt);
    }

    PodRecord stopped(Instant at) {
        return new PodRecord(namespace, id, ipc, uts, network, init, made, createdAt, at);
    }
}
