package dev.berth.store;

import dev.berth.kernel.Namespace;
import dev.berth.oci.Digest;
import java.time.Instant;
import java.util.Map;

/**
 * That a blob belongs to a namespace. Several namespaces may have the same blob; on disk it is once.
 *
 * @param size bytes
 */
public record ContentRecord(
        Namespace namespace,
        Digest digest,
        long size,
        Map<String, String> labels,
        Instant createdAt,
        Instant updatedAt) {
    /**
     * Checks what has rules.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT for labels over the limit
     */
    public ContentRecord {
        labels = Labels.check(labels);
    }
}
