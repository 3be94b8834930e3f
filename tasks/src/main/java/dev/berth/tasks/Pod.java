package dev.berth.tasks;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * What a shim knows of a pod.
 *
 * @param ready its namespaces exist
 * @param pid its init as the host sees it; 0 if it needs none
 * @param info what the shim says in addition; paths in it hold only until the supervisor is replaced
 */
public record Pod(TaskId pod, boolean ready, int pid, Optional<Instant> createdAt, Map<String, String> info) {
    /** What the info has of a pod with a user namespace: where its network namespace is, until it is pinned. */
    public static final String NETWORK = "net";
}
