package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The names of images. */
public final class Images {
    static final String COLUMNS = "namespace, name, target, labels, created_at, updated_at";

    private final Session session;
    private final Namespaces namespaces;
    private final InstantSource clock;

    Images(Session session, Namespaces namespaces, InstantSource clock) {
        this.session = session;
        this.namespaces = namespaces;
        this.clock = clock;
    }

    public Optional<ImageRecord> find(Namespace namespace, String name) {
        return session.find(
                "SELECT " + COLUMNS + " FROM images WHERE namespace = ? AND name = ?",
                Images::read,
                namespace.name(),
                name);
    }

    /**
     * One that is there.
     *
     * @throws Fault NOT_FOUND
     */
    public ImageRecord get(Namespace namespace, String name) {
        return find(namespace, name).orElseThrow(() -> notFound(namespace, name));
    }

    public List<ImageRecord> list(Namespace namespace) {
        return session.list(
                "SELECT " + COLUMNS + " FROM images WHERE namespace = ? ORDER BY name", Images::read, namespace.name());
    }

    /** The names that one manifest or index has. */
    public List<ImageRecord> listByTarget(Namespace namespace, Digest target) {
        return session.list(
                "SELECT " + COLUMNS + " FROM images WHERE digest = ? AND namespace = ? ORDER BY name",
                Images::read,
                target,
                namespace.name());
    }

    /** The names whose target is among the namespace's contents. */
    Set<String> withContent(Namespace namespace) {
        return new HashSet<>(session.list(
                "SELECT i.name FROM images i JOIN contents USING (namespace, digest) WHERE namespace = ?",
                Row::text,
                namespace.name()));
    }

    /**
     * Adds an image.
     *
     * @return the record with its times
     * @throws Fault ALREADY_EXISTS
     */
    public ImageRecord create(ImageRecord image) {
        namespaces.ensure(image.namespace());
        Instant now = clock.instant();
        int rows = session.change(
                "INSERT INTO images (" + COLUMNS + ", digest) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                image.namespace().name(),
                image.name(),
                json(image.target()),
                Labels.toJson(image.labels()),
                now,
                now,
                image.target().digest());
        if (rows == 0) {
            throw RecordFault.alreadyExists("image", image.namespace(), image.name());
        }
        session.note(new Event.ImageCreated(image.namespace(), image.name(), image.labels()));
        return get(image.namespace(), image.name());
    }

    /**
     * Replaces target and labels.
     *
     * @return the record with its times
     * @throws Fault NOT_FOUND
     */
    public ImageRecord update(ImageRecord image) {
        int rows = session.change(
                "UPDATE images SET target = ?, digest = ?, labels = ?, updated_at = ? WHERE namespace = ? AND name = ?",
                json(image.target()),
                image.target().digest(),
                Labels.toJson(image.labels()),
                clock.instant(),
                image.namespace().name(),
                image.name());
        if (rows == 0) {
            throw notFound(image.namespace(), image.name());
        }
        session.note(new Event.ImageUpdated(image.namespace(), image.name(), image.labels()));
        return get(image.namespace(), image.name());
    }

    /**
     * Gives an image times of the caller's choice, for who wants the same result each time.
     *
     * @param created empty to keep it
     */
    public ImageRecord date(Namespace namespace, String name, Optional<Instant> created, Instant updated) {
        session.change(
                "UPDATE images SET created_at = coalesce(?, created_at), updated_at = ? WHERE namespace = ? AND name = ?",
                created.orElse(null),
                updated,
                namespace.name(),
                name);
        return get(namespace, name);
    }

    /** {@link #create} or {@link #update}, whichever fits. */
    public ImageRecord put(ImageRecord image) {
        return find(image.namespace(), image.name()).isPresent() ? update(image) : create(image);
    }

    /** Removes the name, if it is there, and says whether it was. */
    public boolean remove(Namespace namespace, String name) {
        boolean removed =
                session.change("DELETE FROM images WHERE namespace = ? AND name = ?", namespace.name(), name) > 0;
        if (removed) {
            session.note(new Event.ImageDeleted(namespace, name));
        }
        return removed;
    }

    /**
     * As {@link #remove}.
     *
     * @throws Fault NOT_FOUND if it is not there
     */
    public void delete(Namespace namespace, String name) {
        if (!remove(namespace, name)) {
            throw notFound(namespace, name);
        }
    }

    static ImageRecord read(Row row) throws SQLException {
        return new ImageRecord(
                row.namespace(),
                row.text(),
                Descriptor.fromJson(row.text().getBytes(StandardCharsets.UTF_8)),
                row.labels(),
                row.time(),
                row.time());
    }

    private static String json(Descriptor target) {
        return new String(target.toJson(), StandardCharsets.UTF_8);
    }

    private static Fault notFound(Namespace namespace, String name) {
        return RecordFault.notFound("image", namespace, name);
    }
}
