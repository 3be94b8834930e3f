package dev.berth.store;

import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import java.time.Instant;
import java.util.Map;

/**
 * A name for some content.
 *
 * @param name any text, in Kubernetes a normalised reference
 * @param target the manifest or index that is named
 * @param createdAt set by the store
 * @param updatedAt set by the store
 */
public record ImageRecord(
        Namespace namespace,
        String name,
        Descriptor target,
        Map<String, String> labels,
        Instant createdAt,
        Instant updatedAt) {
    /**
     * Checks what has rules.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT for a bad name or labels over the limit
     */
    public ImageRecord {
        Names.check("image", name);
        labels = Labels.check(labels);
    }

    /** An image that is not in the store yet. */
    public static ImageRecord of(Namespace namespace, String name, Descriptor target, Map<String, String> labels) {
        return new ImageRecord(namespace, name, target, labels, Instant.EPOCH, Instant.EPOCH);
    }

    public ImageRecord withTarget(Descriptor newTarget) {
        return new ImageRecord(namespace, name, newTarget, labels, createdAt, updatedAt);
    }

    public ImageRecord withLabels(Map<String, String> newLabels) {
        return new ImageRecord(namespace, name, target, newLabels, createdAt, updatedAt);
    }
}
