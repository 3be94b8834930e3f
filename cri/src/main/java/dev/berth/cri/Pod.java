package dev.berth.cri;

import dev.berth.cri.config.PodConfig;
import io.avaje.jsonb.Json;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A pod as it is on disk.
 *
 * @param handler the runtime handler that was asked for; empty for the default
 * @param createdAtNanos since 1970
 * @param netns path of the pinned network namespace; null with the host's network
 * @param ips the pod's addresses, the primary one first; empty with the host's network
 * @param delivered whether the caller that had it made heard of it; until then a retry of the same request gets it
 * @param timeline what its start consisted of
 */
@Json
public record Pod(
        String id,
        PodConfig config,
        String handler,
        PodState state,
        long createdAtNanos,
        @Nullable String netns,
        List<String> ips,
        boolean delivered,
        List<Timing> timeline) {

    /** The key under which no two live pods may exist. */
    String name() {
        return name(config.metadata());
    }

    static String name(PodConfig.PodMetadata metadata) {
        return metadata.name() + "_" + metadata.namespace() + "_" + metadata.uid() + "_" + metadata.attempt();
    }

    public boolean ready() {
        return state == PodState.READY;
    }

    Pod with(PodState next) {
        if (next != state && !state.mayBecome(next)) {
            throw new IllegalStateException("pod " + id + " cannot go from " + state + " to " + next);
        }
        return new Pod(id, config, handler, next, createdAtNanos, netns, ips, delivered, timeline);
    }

    Pod withNetwork(@Nullable String namespace, List<String> addresses) {
        return new Pod(id, config, handler, state, createdAtNanos, namespace, addresses, delivered, timeline);
    }

    Pod withTimeline(List<Timing> steps) {
        return new Pod(id, config, handler, state, createdAtNanos, netns, ips, delivered, steps);
    }

    Pod asDelivered() {
        return new Pod(id, config, handler, state, createdAtNanos, netns, ips, true, timeline);
    }

    Pod withResources(PodConfig changed) {
        return new Pod(id, changed, handler, state, createdAtNanos, netns, ips, delivered, timeline);
    }

    static long nanos(Instant at) {
        return at.getEpochSecond() * 1_000_000_000L + at.getNano();
    }
}
