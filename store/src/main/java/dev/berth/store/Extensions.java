package dev.berth.store;

import dev.berth.kernel.Namespace;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The extensions of containers or of sandboxes: a table of their own, since they change often and alone. */
final class Extensions {
    private record Entry(String id, String name, Payload value) {}

    private final Session session;
    private final String put;
    private final String ofOne;
    private final String ofAll;
    private final String deleteOne;
    private final String deleteAll;

    Extensions(Session session, String table) {
        this.session = session;
        put = "INSERT INTO " + table + " (namespace, id, name, type, value) VALUES (?, ?, ?, ?, ?)"
                + " ON CONFLICT (namespace, id, name) DO UPDATE SET type = excluded.type, value = excluded.value";
        ofOne = "SELECT id, name, type, value FROM " + table + " WHERE namespace = ? AND id = ?";
        ofAll = "SELECT id, name, type, value FROM " + table + " WHERE namespace = ?";
        deleteOne = "DELETE FROM " + table + " WHERE namespace = ? AND id = ? AND name = ?";
        deleteAll = "DELETE FROM " + table + " WHERE namespace = ? AND id = ?";
    }

    void put(Namespace namespace, String id, String name, Payload value) {
        Names.check("extension", name);
        session.change(put, namespace.name(), id, name, value.type(), value.bytes());
    }

    void replace(Namespace namespace, String id, Map<String, Payload> all) {
        session.change(deleteAll, namespace.name(), id);
        all.forEach((name, value) -> put(namespace, id, name, value));
    }

    Optional<Payload> find(Namespace namespace, String id, String name) {
        return session.find(ofOne + " AND name = ?", Extensions::read, namespace.name(), id, name)
                .map(Entry::value);
    }

    boolean remove(Namespace namespace, String id, String name) {
        return session.change(deleteOne, namespace.name(), id, name) > 0;
    }

    Map<String, Payload> of(Namespace namespace, String id) {
        return byOwner(session.list(ofOne, Extensions::read, namespace.name(), id))
                .getOrDefault(id, Map.of());
    }

    /** Those of a whole namespace, by the id of their owner. */
    Map<String, Map<String, Payload>> of(Namespace namespace) {
        return byOwner(session.list(ofAll, Extensions::read, namespace.name()));
    }

    private static Map<String, Map<String, Payload>> byOwner(List<Entry> entries) {
        Map<String, Map<String, Payload>> found = new HashMap<>();
        for (Entry entry : entries) {
            found.computeIfAbsent(entry.id(), id -> new HashMap<>()).put(entry.name(), entry.value());
        }
        return found;
    }

    private static Entry read(Row row) throws java.sql.SQLException {
        return new Entry(row.text(), row.text(), row.payload());
    }
}
