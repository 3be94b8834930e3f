package dev.berth.store;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Namespace;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * A container as it was asked for; whether it runs is the supervisor's to say.
 *
 * @param image the name of its image, or empty
 * @param runtime which runtime handler runs it, as in {@code crun} or {@code io.containerd.runc.v2}
 * @param snapshotter empty if the container has no snapshot
 * @param spec its OCI spec, as its maker wrote it
 * @param sandboxId empty for a container without a pod
 * @param extensions what its maker keeps with it, by name; written one by one with {@link Containers#putExtension}
 * @param createdAt set by the store
 * @param updatedAt set by the store
 */
public record ContainerRecord(
        Namespace namespace,
        String id,
        Map<String, String> labels,
        String image,
        String runtime,
        Payload runtimeOptions,
        String snapshotter,
        String snapshotKey,
        Payload spec,
        Instant createdAt,
        Instant updatedAt,
        String sandboxId,
        Map<String, Payload> extensions) {
    /**
     * Checks what has rules.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT for a bad id or labels over the limit
     */
    public ContainerRecord {
        Ids.check("container", id);
        labels = Labels.check(labels);
        extensions = Map.copyOf(extensions);
    }

    /** Begins a record; what is not set is empty. */
    public static Builder of(Namespace namespace, String id) {
        return new Builder(namespace, id);
    }

    /** Begins a changed copy. */
    public Builder but() {
        Builder copy = new Builder(namespace, id);
        copy.labels = labels;
        copy.image = image;
        copy.runtime = runtime;
        copy.runtimeOptions = runtimeOptions;
        copy.snapshotter = snapshotter;
        copy.snapshotKey = snapshotKey;
        copy.spec = spec;
        copy.sandboxId = sandboxId;
        copy.createdAt = createdAt;
        copy.updatedAt = updatedAt;
        copy.extensions.putAll(extensions);
        return copy;
    }

    /** A record in the making. */
    public static final class Builder {
        private final Namespace namespace;
        private final String id;
        private Map<String, String> labels = Map.of();
        private String image = "";
        private String runtime = "";
        private Payload runtimeOptions = Payload.NONE;
        private String snapshotter = "";
        private String snapshotKey = "";
        private Payload spec = Payload.NONE;
        private String sandboxId = "";
        private Instant createdAt = Instant.EPOCH;
        private Instant updatedAt = Instant.EPOCH;
        private final Map<String, Payload> extensions = new TreeMap<>();

        private Builder(Namespace namespace, String id) {
            this.namespace = namespace;
            this.id = id;
        }

        public Builder labels(Map<String, String> value) {
            labels = value;
            return this;
        }

        public Builder image(String name) {
            image = name;
            return this;
        }

        public Builder runtime(String name, Payload options) {
            runtime = name;
            runtimeOptions = options;
            return this;
        }

        public Builder snapshot(String snapshotterName, String key) {
            snapshotter = snapshotterName;
            snapshotKey = key;
            return this;
        }

        public Builder spec(Payload value) {
            spec = value;
            return this;
        }

        public Builder sandbox(String sandbox) {
            sandboxId = sandbox;
            return this;
        }

        public Builder extension(String name, Payload value) {
            extensions.put(Objects.requireNonNull(name), value);
            return this;
        }

        /** Replaces all extensions. */
        public Builder extensions(Map<String, Payload> all) {
            extensions.clear();
            extensions.putAll(all);
            return this;
        }

        /** The times as the store has them. */
        Builder times(Instant created, Instant updated) {
            createdAt = created;
            updatedAt = updated;
            return this;
        }

        /**
         * Checks what has rules.
         *
         * @throws dev.berth.kernel.Fault INVALID_ARGUMENT for a bad id or labels over the limit
         */
        public ContainerRecord build() {
            return new ContainerRecord(
                    namespace,
                    id,
                    labels,
                    image,
                    runtime,
                    runtimeOptions,
                    snapshotter,
                    snapshotKey,
                    spec,
                    createdAt,
                    updatedAt,
                    sandboxId,
                    extensions);
        }
    }
}
