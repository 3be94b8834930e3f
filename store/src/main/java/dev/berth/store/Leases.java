package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The leases and what each of them holds. */
public final class Leases {
    /**
     * A claim on things that nothing else refers to yet, so that garbage collection lets them be.
     *
     * @param expiresAt after this it claims nothing; empty for never
     * @param createdAt set by the store
     */
    public record Lease(
            Namespace namespace,
            String id,
            Map<String, String> labels,
            Optional<Instant> expiresAt,
            Instant createdAt) {
        /**
         * Checks what has rules.
         *
         * @throws dev.berth.kernel.Fault INVALID_ARGUMENT for a bad id or labels over the limit
         */
        public Lease {
            Names.check("lease", id);
            labels = Labels.check(labels);
        }

        /** A lease that is not in the store yet, and never expires. */
        public static Lease of(Namespace namespace, String id) {
            return new Lease(namespace, id, Map.of(), Optional.empty(), Instant.EPOCH);
        }

        public Lease withLabels(Map<String, String> newLabels) {
            return new Lease(namespace, id, newLabels, expiresAt, createdAt);
        }

        public Lease until(Instant end) {
            return new Lease(namespace, id, labels, Optional.of(end), createdAt);
        }
    }

    /**
     * A thing that is held.
     *
     * @param type {@code content}, {@code ingest}, {@code images} or {@code snapshots/SNAPSHOTTER}
     * @param id a digest, a reference or a key
     */
    public record Resource(String type, String id) {
        /**
         * Checks the names.
         *
         * @throws Fault INVALID_ARGUMENT for an empty type or id
         */
        public Resource {
            Names.check("type of a lease's resource", type);
            Names.check("resource of a lease", id);
        }
    }

    private static final String COLUMNS = "namespace, id, labels, expires_at, created_at";

    private final Session session;
    private final Namespaces namespaces;
    private final InstantSource clock;

    Leases(Session session, Namespaces namespaces, InstantSource clock) {
        this.session = session;
        this.namespaces = namespaces;
        this.clock = clock;
    }

    public Optional<Lease> find(Namespace namespace, String id) {
        return session.find(
                "SELECT " + COLUMNS + " FROM leases WHERE namespace = ? AND id = ?",
                Leases::read,
                namespace.name(),
                id);
    }

    /**
     * One that is there.
     *
     * @throws Fault NOT_FOUND
     */
    public Lease get(Namespace namespace, String id) {
        return find(namespace, id).orElseThrow(() -> notFound(namespace, id));
    }

    public List<Lease> list(Namespace namespace) {
        return session.list(
                "SELECT " + COLUMNS + " FROM leases WHERE namespace = ? ORDER BY created_at, id",
                Leases::read,
                namespace.name());
    }

    /** Those of any namespace that have expired. */
    public List<Lease> expired() {
        return session.list(
                "SELECT " + COLUMNS + " FROM leases WHERE expires_at <= ? ORDER BY expires_at",
                Leases::read,
                clock.instant());
    }

    /**
     * Adds a lease.
     *
     * @return the record with its time
     * @throws Fault ALREADY_EXISTS
     */
    public Lease create(Lease lease) {
        namespaces.ensure(lease.namespace());
        int rows = session.change(
                "INSERT INTO leases (" + COLUMNS + ") VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                lease.namespace().name(),
                lease.id(),
                Labels.toJson(lease.labels()),
                lease.expiresAt().orElse(null),
                clock.instant());
        if (rows == 0) {
            throw RecordFault.alreadyExists("lease", lease.namespace(), lease.id());
        }
        return get(lease.namespace(), lease.id());
    }

    /** Lets everything go that it holds, if it is there, and says whether it was. */
    public boolean remove(Namespace namespace, String id) {
        return session.change("DELETE FROM leases WHERE namespace = ? AND id = ?", namespace.name(), id) > 0;
    }

    /**
     * As {@link #remove}.
     *
     * @throws Fault NOT_FOUND if it is not there
     */
    public void delete(Namespace namespace, String id) {
        if (!remove(namespace, id)) {
            throw notFound(namespace, id);
        }
    }

    /**
     * Holds a thing; holding it twice is once.
     *
     * @throws Fault NOT_FOUND if there is no such lease
     */
    public void add(Namespace namespace, String id, Resource resource) {
        get(namespace, id);
        session.change(
                "INSERT INTO lease_resources (namespace, lease, type, id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                namespace.name(),
                id,
                resource.type(),
                resource.id());
    }

    /**
     * Lets a thing go, if it is held.
     *
     * @throws Fault NOT_FOUND if there is no such lease
     */
    public void drop(Namespace namespace, String id, Resource resource) {
        get(namespace, id);
        session.change(
                "DELETE FROM lease_resources WHERE namespace = ? AND lease = ? AND type = ? AND id = ?",
                namespace.name(),
                id,
                resource.type(),
                resource.id());
    }

    /**
     * What a lease holds.
     *
     * @throws Fault NOT_FOUND if there is no such lease
     */
    public List<Resource> resources(Namespace namespace, String id) {
        get(namespace, id);
        return session.list(
                "SELECT type, id FROM lease_resources WHERE namespace = ? AND lease = ? ORDER BY type, id",
                row -> new Resource(row.text(), row.text()),
                namespace.name(),
                id);
    }

    private static Lease read(Row row) throws SQLException {
        return new Lease(row.namespace(), row.text(), row.labels(), row.optionalTime(), row.time());
    }

    private static Fault notFound(Namespace namespace, String id) {
        return RecordFault.notFound("lease", namespace, id);
    }
}
