package dev.berth.store;

import dev.berth.kernel.Namespace;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * A claim on things that nothing else refers to yet, so that garbage collection lets them be.
 *
 * @param expiresAt after this it claims nothing; empty for never
 * @param createdAt set by the store
 */
public record LeaseRecord(
        Namespace namespace, String id, Map<String, String> labels, Optional<Instant> expiresAt, Instant createdAt) {
    /**
     * Checks what has rules.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT for a bad id or labels over the limit
     */
    public LeaseRecord {
        Names.check("lease", id);
        labels = Labels.check(labels);
    }

    /** A lease that is not in the store yet, and never expires. */
    public static LeaseRecord of(Namespace namespace, String id) {
        return new LeaseRecord(namespace, id, Map.of(), Optional.empty(), Instant.EPOCH);
    }

    public LeaseRecord withLabels(Map<String, String> newLabels) {
        return new LeaseRecord(namespace, id, newLabels, expiresAt, createdAt);
    }

    public LeaseRecord until(Instant end) {
        return new LeaseRecord(namespace, id, labels, Optional.of(end), createdAt);
    }
}
