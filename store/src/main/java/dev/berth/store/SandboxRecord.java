package dev.berth.store;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Namespace;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * A pod as it was asked for; whether it is ready is the supervisor's to say.
 *
 * @param runtime which runtime handler runs it
 * @param spec as its maker wrote it
 * @param sandboxer who controls it: our own supervisor or a foreign shim
 * @param extensions what its maker keeps with it, by name; written one by one with {@link Sandboxes#putExtension}
 * @param createdAt set by the store
 * @param updatedAt set by the store
 */
public record SandboxRecord(
        Namespace namespace,
        String id,
        Map<String, String> labels,
        String runtime,
        Payload runtimeOptions,
        Payload spec,
        String sandboxer,
        Instant createdAt,
        Instant updatedAt,
        Map<String, Payload> extensions) {
    /**
     * Checks what has rules.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT for a bad id or labels over the limit
     */
    public SandboxRecord {
        Ids.check("sandbox", id);
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
        copy.runtime = runtime;
        copy.runtimeOptions = runtimeOptions;
        copy.spec = spec;
        copy.sandboxer = sandboxer;
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
        private String runtime = "";
        private Payload runtimeOptions = Payload.NONE;
        private Payload spec = Payload.NONE;
        private String sandboxer = "";
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

        public Builder runtime(String name, Payload options) {
            runtime = name;
            runtimeOptions = options;
            return this;
        }

        public Builder spec(Payload value) {
            spec = value;
            return this;
        }

        public Builder sandboxer(String name) {
            sandboxer = name;
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
        public SandboxRecord build() {
            return new SandboxRecord(
                    namespace, id, labels, runtime, runtimeOptions, spec, sandboxer, createdAt, updatedAt, extensions);
        }
    }
}
