package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The namespaces and their labels. One is made by the first record in it. */
public final class Namespaces {
    private static final List<String> TABLES = List.of("images", "containers", "sandboxes", "snapshots", "contents");

    private final Session session;

    Namespaces(Session session) {
        this.session = session;
    }

    /** Every namespace, in the order of their names. */
    public List<Namespace> list() {
        return session.list("SELECT name FROM namespaces ORDER BY name", Row::namespace);
    }

    /** The labels of a namespace if it exists. */
    public Optional<Map<String, String>> find(Namespace namespace) {
        return session.find("SELECT labels FROM namespaces WHERE name = ?", Row::labels, namespace.name());
    }

    /**
     * The labels of a namespace that exists.
     *
     * @throws Fault NOT_FOUND
     */
    public Map<String, String> labels(Namespace namespace) {
        return find(namespace).orElseThrow(() -> notFound(namespace));
    }

    /**
     * Makes a namespace.
     *
     * @throws Fault ALREADY_EXISTS; INVALID_ARGUMENT for labels over the limit
     */
    public void create(Namespace namespace, Map<String, String> labels) {
        int rows = session.change(
                "INSERT INTO namespaces (name, labels) VALUES (?, ?) ON CONFLICT DO NOTHING",
                namespace.name(),
                Labels.toJson(Labels.check(labels)));
        if (rows == 0) {
            throw Fault.alreadyExists("namespace " + namespace.name(), "there is one already", "");
        }
        session.note(new Event.NamespaceCreated(namespace, Labels.check(labels)));
    }

    /**
     * Replaces the labels.
     *
     * @throws Fault NOT_FOUND; INVALID_ARGUMENT for labels over the limit
     */
    public void update(Namespace namespace, Map<String, String> labels) {
        int rows = session.change(
                "UPDATE namespaces SET labels = ? WHERE name = ?",
                Labels.toJson(Labels.check(labels)),
                namespace.name());
        if (rows == 0) {
            throw notFound(namespace);
        }
        session.note(new Event.NamespaceUpdated(namespace, Labels.check(labels)));
    }

    /**
     * Deletes an empty namespace, with its leases: they hold nothing any more.
     *
     * @throws Fault NOT_FOUND; FAILED_PRECONDITION while there are records in it
     */
    public void delete(Namespace namespace) {
        List<String> left = TABLES.stream()
                .filter(table -> session.number(
                                "SELECT EXISTS (SELECT 1 FROM " + table + " WHERE namespace = ?)", namespace.name())
                        > 0)
                .toList();
        if (!left.isEmpty()) {
            throw Fault.precondition(
                    "delete namespace " + namespace.name(),
                    "it still has " + String.join(", ", left),
                    "Remove them first");
        }
        session.change("DELETE FROM leases WHERE namespace = ?", namespace.name());
        if (session.change("DELETE FROM namespaces WHERE name = ?", namespace.name()) == 0) {
            throw notFound(namespace);
        }
        session.note(new Event.NamespaceDeleted(namespace));
    }

    /** Makes it if it does not exist yet. */
    void ensure(Namespace namespace) {
        session.change(
                "INSERT INTO namespaces (name, labels) VALUES (?, '{}') ON CONFLICT DO NOTHING", namespace.name());
    }

    private static Fault notFound(Namespace namespace) {
        return Fault.notFound("namespace " + namespace.name(), "there is none of this name", "");
    }
}
