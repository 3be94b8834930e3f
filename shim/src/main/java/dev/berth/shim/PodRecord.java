package dev.berth.shim;

import io.avaje.jsonb.Json;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A pod as it stands in the journal. Immutable.
 *
 * @param stoppedAt null while it is ready
 */
@Json
record PodRecord(
        String namespace,
        String id,
        boolean ipc,
        boolean uts,
        boolean sharedPid,
        String cgroupParent,
        String runtime,
        Instant createdAt,
        @Nullable Instant stoppedAt) {
    TaskKey key() {
        return new TaskKey(namespace, id);
    }

    PodRecord stopped(Instant at) {
        return new PodRecord(namespace, id, ipc, uts, sharedPid, cgroupParent, runtime, createdAt, at);
    }
}
