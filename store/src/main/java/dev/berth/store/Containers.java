package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The containers. */
public final class Containers {
    private static final String COLUMNS =
            "namespace, id, labels, image, snapshotter, snapshot_key, sandbox_id, created_at,"
                    + " updated_at, runtime, runtime_options_type, runtime_options, spec_type, spec";

    private final Session session;
    private final Namespaces namespaces;
    private final InstantSource clock;
    private final Extensions extensions;

    Containers(Session session, Namespaces namespaces, InstantSource clock) {
        this.session = session;
        this.namespaces = namespaces;
        this.clock = clock;
        this.extensions = new Extensions(session, "container_extensions");
    }

    public Optional<ContainerRecord> find(Namespace namespace, String id) {
        return session.find(
                        "SELECT " + COLUMNS + " FROM containers WHERE namespace = ? AND id = ?",
                        Containers::read,
                        namespace.name(),
                        id)
                .map(found -> found.extensions(extensions.of(namespace, id)).build());
    }

    /**
     * One that is there.
     *
     * @throws Fault NOT_FOUND
     */
    public ContainerRecord get(Namespace namespace, String id) {
        return find(namespace, id).orElseThrow(() -> notFound(namespace, id));
    }

    /** All of a namespace, oldest first. */
    public List<ContainerRecord> list(Namespace namespace) {
        Map<String, Map<String, Payload>> all = extensions.of(namespace);
        return session
                .list(
                        "SELECT " + COLUMNS + " FROM containers WHERE namespace = ? ORDER BY created_at, id",
                        Containers::read,
                        namespace.name())
                .stream()
                .map(ContainerRecord.Builder::build)
                .map(found -> found.but()
                        .extensions(all.getOrDefault(found.id(), Map.of()))
                        .build())
                .toList();
    }

    /**
     * Adds a container.
     *
     * @return the record with its times
     * @throws Fault ALREADY_EXISTS
     */
    public ContainerRecord create(ContainerRecord container) {
        namespaces.ensure(container.namespace());
        Instant now = clock.instant();
        int rows = session.change(
                "INSERT INTO containers (" + COLUMNS
                        + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                container.namespace().name(),
                container.id(),
                Labels.toJson(container.labels()),
                container.image(),
                container.snapshotter(),
                container.snapshotKey(),
                container.sandboxId(),
                now,
                now,
                container.runtime(),
                container.runtimeOptions().type(),
                container.runtimeOptions().bytes(),
                container.spec().type(),
                container.spec().bytes());
        if (rows == 0) {
            throw RecordFault.alreadyExists("container", container.namespace(), container.id());
        }
        extensions.replace(container.namespace(), container.id(), container.extensions());
        session.note(new Event.ContainerCreated(container.namespace(), container));
        return container.but().times(now, now).build();
    }

    /**
     * Replaces everything but the times.
     *
     * @return the record with its times
     * @throws Fault NOT_FOUND
     */
    public ContainerRecord update(ContainerRecord container) {
        int rows = session.change(
                "UPDATE containers SET labels = ?, image = ?, snapshotter = ?, snapshot_key = ?, sandbox_id = ?,"
                        + " updated_at = ?, runtime = ?, runtime_options_type = ?, runtime_options = ?, spec_type = ?,"
                        + " spec = ? WHERE namespace = ? AND id = ?",
                Labels.toJson(container.labels()),
                container.image(),
                container.snapshotter(),
                container.snapshotKey(),
                container.sandboxId(),
                clock.instant(),
                container.runtime(),
                container.runtimeOptions().type(),
                container.runtimeOptions().bytes(),
                container.spec().type(),
                container.spec().bytes(),
                container.namespace().name(),
                container.id());
        if (rows == 0) {
            throw notFound(container.namespace(), container.id());
        }
        extensions.replace(container.namespace(), container.id(), container.extensions());
        session.note(new Event.ContainerUpdated(container.namespace(), container));
        return get(container.namespace(), container.id());
    }

    /**
     * Sets one extension and nothing else: cheap, for what changes often.
     *
     * @throws Fault NOT_FOUND if there is no such container
     */
    public void putExtension(Namespace namespace, String id, String name, Payload value) {
        if (session.number(
                        "SELECT EXISTS (SELECT 1 FROM containers WHERE namespace = ? AND id = ?)", namespace.name(), id)
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
        boolean removed =
                session.change("DELETE FROM containers WHERE namespace = ? AND id = ?", namespace.name(), id) > 0;
        if (removed) {
            session.note(new Event.ContainerDeleted(namespace, id));
        }
        return removed;
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

    private static ContainerRecord.Builder read(Row row) throws SQLException {
        return ContainerRecord.of(row.namespace(), row.text())
                .labels(row.labels())
                .image(row.text())
                .snapshot(row.text(), row.text())
                .sandbox(row.text())
                .times(row.time(), row.time())
                .runtime(row.text(), row.payload())
                .spec(row.payload());
    }

    private static Fault notFound(Namespace namespace, String id) {
        return RecordFault.notFound("container", namespace, id);
    }
}
