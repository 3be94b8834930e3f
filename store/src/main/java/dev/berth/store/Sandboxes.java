package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The pods. */
public final class Sandboxes {
    private static final String COLUMNS = "namespace, id, labels, sandboxer, created_at, updated_at, runtime,"
            + " runtime_options_type, runtime_options, spec_type, spec";

    private final Session session;
    private final Namespaces namespaces;
    private final InstantSource clock;
    private final Extensions extensions;

    Sandboxes(Session session, Namespaces namespaces, InstantSource clock) {
        this.session = session;
        this.namespaces = namespaces;
        this.clock = clock;
        this.extensions = new Extensions(session, "sandbox_extensions");
    }

    public Optional<SandboxRecord> find(Namespace namespace, String id) {
        return session.find(
                        "SELECT " + COLUMNS + " FROM sandboxes WHERE namespace = ? AND id = ?",
                        Sandboxes::read,
                        namespace.name(),
                        id)
                .map(found -> found.extensions(extensions.of(namespace, id)).build());
    }

    /**
     * One that is there.
     *
     * @throws Fault NOT_FOUND
     */
    public SandboxRecord get(Namespace namespace, String id) {
        return find(namespace, id).orElseThrow(() -> notFound(namespace, id));
    }

    /** All of a namespace, oldest first. */
    public List<SandboxRecord> list(Namespace namespace) {
        Map<String, Map<String, Payload>> all = extensions.of(namespace);
        return session
                .list(
                        "SELECT " + COLUMNS + " FROM sandboxes WHERE namespace = ? ORDER BY created_at, id",
                        Sandboxes::read,
                        namespace.name())
                .stream()
                .map(SandboxRecord.Builder::build)
                .map(found -> found.but()
                        .extensions(all.getOrDefault(found.id(), Map.of()))
                        .build())
                .toList();
    }

    /**
     * Adds a pod.
     *
     * @return the record with its times
     * @throws Fault ALREADY_EXISTS
     */
    public SandboxRecord create(SandboxRecord sandbox) {
        namespaces.ensure(sandbox.namespace());
        Instant now = clock.instant();
        int rows = session.change(
                "INSERT INTO sandboxes (" + COLUMNS
                        + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                sandbox.namespace().name(),
                sandbox.id(),
                Labels.toJson(sandbox.labels()),
                sandbox.sandboxer(),
                now,
                now,
                sandbox.runtime(),
                sandbox.runtimeOptions().type(),
                sandbox.runtimeOptions().bytes(),
                sandbox.spec().type(),
                sandbox.spec().bytes());
        if (rows == 0) {
            throw RecordFault.alreadyExists("sandbox", sandbox.namespace(), sandbox.id());
        }
        extensions.replace(sandbox.namespace(), sandbox.id(), sandbox.extensions());
        return sandbox.but().times(now, now).build();
    }

    /**
     * Replaces everything but the times.
     *
     * @return the record with its times
     * @throws Fault NOT_FOUND
     */
    public SandboxRecord update(SandboxRecord sandbox) {
        int rows = session.change(
                "UPDATE sandboxes SET labels = ?, sandboxer = ?, updated_at = ?, runtime = ?, runtime_options_type = ?,"
                        + " runtime_options = ?, spec_type = ?, spec = ? WHERE namespace = ? AND id = ?",
                Labels.toJson(sandbox.labels()),
                sandbox.sandboxer(),
                clock.instant(),
                sandbox.runtime(),
                sandbox.runtimeOptions().type(),
                sandbox.runtimeOptions().bytes(),
                sandbox.spec().type(),
                sandbox.spec().bytes(),
                sandbox.namespace().name(),
                sandbox.id());
        if (rows == 0) {
            throw notFound(sandbox.namespace(), sandbox.id());
        }
        extensions.replace(sandbox.namespace(), sandbox.id(), sandbox.extensions());
        return get(sandbox.namespace(), sandbox.id());
    }

    /**
     * Sets one extension and nothing else: cheap, for what changes often.
     *
     * @throws Fault NOT_FOUND if there is no such pod
     */
    public void putExtension(Namespace namespace, String id, String name, Payload value) {
        if (session.number(
                        "SELECT EXISTS (SELECT 1 FROM sandboxes WHERE namespace = ? AND id = ?)", namespace.name(), id)
                == 0) {
            throw notFound(namespace, id);
        }
        extensions.put(namespace, id, name, value);
    }

    /** One extension, without reading the rest of the record. */
    public Optional<Payload> findExtension(Namespace namespace, String id, String name) {
        return extensions.find(namespace, id, name);
    }

    /** Removes one extension and says whether it was there. */
    public boolean removeExtension(Namespace namespace, String id, String name) {
        return extensions.remove(namespace, id, name);
    }

    /** Removes the record, if it is there, and says whether it was. */
    public boolean remove(Namespace namespace, String id) {
        return session.change("DELETE FROM sandboxes WHERE namespace = ? AND id = ?", namespace.name(), id) > 0;
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

    private static SandboxRecord.Builder read(Row row) throws SQLException {
        return SandboxRecord.of(row.namespace(), row.text())
                .labels(row.labels())
                .sandboxer(row.text())
                .times(row.time(), row.time())
                .runtime(row.text(), row.payload())
                .spec(row.payload());
    }

    private static Fault notFound(Namespace namespace, String id) {
        return RecordFault.notFound("sandbox", namespace, id);
    }
}
