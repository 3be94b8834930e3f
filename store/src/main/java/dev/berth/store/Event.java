package dev.berth.store;

import dev.berth.kernel.Namespace;
import dev.berth.oci.Digest;
import java.util.Map;

/** What a transaction has changed, as it is told after its commit: see {@link Metadata#listen}. */
public sealed interface Event {
    /** Where it happened. */
    Namespace namespace();

    /** Somebody made a namespace; one that came with its first record is not told. */
    record NamespaceCreated(Namespace namespace, Map<String, String> labels) implements Event {}

    /**
     * Its labels have changed.
     *
     * @param labels all that it has now
     */
    record NamespaceUpdated(Namespace namespace, Map<String, String> labels) implements Event {}

    record NamespaceDeleted(Namespace namespace) implements Event {}

    record ImageCreated(Namespace namespace, String name, Map<String, String> labels) implements Event {}

    record ImageUpdated(Namespace namespace, String name, Map<String, String> labels) implements Event {}

    record ImageDeleted(Namespace namespace, String name) implements Event {}

    /**
     * A blob came into a namespace.
     *
     * @param size bytes
     * @param mediaType what it is, if who brought it has said so; else empty
     */
    record ContentCreated(Namespace namespace, Digest digest, long size, String mediaType) implements Event {}

    record ContentDeleted(Namespace namespace, Digest digest) implements Event {}

    /**
     * There is a new snapshot, to write or to view.
     *
     * @param parent empty for none
     */
    record SnapshotPrepared(Namespace namespace, String snapshotter, String key, String parent) implements Event {}

    /**
     * An active snapshot has become a committed one.
     *
     * @param key its name before
     */
    record SnapshotCommitted(Namespace namespace, String snapshotter, String key, String name) implements Event {}

    record SnapshotRemoved(Namespace namespace, String snapshotter, String key) implements Event {}

    record ContainerCreated(Namespace namespace, ContainerRecord container) implements Event {}

    record ContainerUpdated(Namespace namespace, ContainerRecord container) implements Event {}

    record ContainerDeleted(Namespace namespace, String id) implements Event {}
}
