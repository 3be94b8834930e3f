package dev.berth.store;

import dev.berth.store.Garbage.Kind;
import dev.berth.store.Garbage.Node;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/**
 * The records that were written since a collection began. Triggers note them, so that no way to write one can be forgotten; they are
 * of the writer's connection only, in memory, and know of no statement while nothing is collected.
 */
final class Fresh {
    private Fresh() {}

    /** Prepares a connection that writes. */
    static void prepare(Statement statement) throws SQLException {
        statement.execute("PRAGMA temp_store = MEMORY");
        statement.execute("CREATE TEMP TABLE collecting (yes INTEGER)");
        // Without a key: what happens at a conflict is not for a trigger to say, but for the statement that fires it.
        statement.execute("CREATE TEMP TABLE fresh (kind TEXT, namespace TEXT, id TEXT)");
        for (String change : List.of("INSERT", "UPDATE")) {
            note(statement, "contents", change, Kind.CONTENT.name(), "new.digest");
            note(statement, "images", change, Kind.IMAGE.name(), "new.name");
            note(statement, "containers", change, Kind.CONTAINER.name(), "new.id");
            note(statement, "sandboxes", change, Kind.SANDBOX.name(), "new.id");
            note(statement, "snapshots", change, Kind.SNAPSHOT.name(), "new.snapshotter || '/' || new.key");
            note(statement, "leases", change, Kind.LEASE.name(), "new.id");
            note(statement, "lease_resources", change, Kind.LEASE.name(), "new.lease");
        }
    }

    private static void note(Statement statement, String table, String change, String kind, String id)
            throws SQLException {
        statement.execute("CREATE TEMP TRIGGER fresh_" + table + "_" + change + " AFTER " + change + " ON main." + table
                + " WHEN EXISTS (SELECT 1 FROM collecting) BEGIN INSERT INTO fresh (kind, namespace, id)"
                + " VALUES ('" + kind + "', new.namespace, " + id + "); END");
    }

    static void begin(Session writer) {
        end(writer);
        writer.change("INSERT INTO collecting (yes) VALUES (1)");
    }

    static void end(Session writer) {
        writer.change("DELETE FROM collecting");
        writer.change("DELETE FROM fresh");
    }

    /** What was noted and not taken yet, the oldest first; fewer than asked for are all. */
    static List<Node> take(Session writer, int most) {
        List<Noted> some = writer.list(
                "SELECT rowid, kind, namespace, id FROM fresh ORDER BY rowid LIMIT " + most,
                row -> new Noted(row.number(), new Node(Kind.valueOf(row.text()), row.namespace(), row.text())));
        if (!some.isEmpty()) {
            writer.change("DELETE FROM fresh WHERE rowid <= ?", some.getLast().row());
        }
        return some.stream().map(Noted::node).toList();
    }

    static long count(Session writer) {
        return writer.find("SELECT count(*) FROM fresh", Row::number).orElse(0L);
    }

    private record Noted(long row, Node node) {}
}
