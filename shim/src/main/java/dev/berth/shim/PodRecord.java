package dev.berth.shim;

import io.avaje.jsonb.Json;
import java.time.Instant;
import java.util.List;
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
 * @param users what its user namespace maps, which owns all the others; null if it has the host's
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
        @Nullable Instant stoppedAt,
        @Nullable Users users) {
    /**
     * What a user namespace maps.
     *
     * @param users at least one range
     * @param groups at least one range
     */
    @Json
    record Users(List<Range> users, List<Range> groups) {
        /** Ids from {@code inside} on in the namespace are those from {@code outside} on of the node. */
        @Json
        record Range(long inside, long outside, long length) {}

        /** The user of the node that is root inside. */
        long root() {
            return of(users);
        }

        /** The same for groups. */
        long rootGroup() {
            return of(groups);
        }

        private static long of(List<Range> ranges) {
            return ranges.stream()
                    .filter(range -> range.inside() == 0)
                    .mapToLong(Range::outside)
                    .findFirst()
                    .orElse(0);
        }
    }

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
        return new PodRecord(namespace, id, ipc, uts, network, init, true, createdAt, stoppedAt, users);
    }

    PodRecord stopped(Instant at) {
        return new PodRecord(namespace, id, ipc, uts, network, init, made, createdAt, at, users);
    }
}
