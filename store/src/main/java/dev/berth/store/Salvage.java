package dev.berth.store;

import dev.berth.kernel.Fault;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Takes over what can still be read of a damaged database into a fresh one. */
final class Salvage {
    /** What stands on something that could not be read has no meaning. */
    private static final List<String> DROP_ORPHANS = List.of(
            "DELETE FROM container_extensions WHERE (namespace, id) NOT IN (SELECT namespace, id FROM containers)",
            "DELETE FROM sandbox_extensions WHERE (namespace, id) NOT IN (SELECT namespace, id FROM sandboxes)",
            "DELETE FROM lease_resources WHERE (namespace, lease) NOT IN (SELECT namespace, id FROM leases)",
            "WITH RECURSIVE sound (number) AS (SELECT number FROM snapshots WHERE parent IS NULL"
                    + " UNION SELECT s.number FROM snapshots s JOIN sound ON s.parent = sound.number)"
                    + " DELETE FROM snapshots WHERE number NOT IN (SELECT number FROM sound)");

    private static final List<String> NAMESPACED =
            List.of("contents", "images", "containers", "sandboxes", "snapshots", "leases");

    private final Connection damaged;
    private final Connection fresh;

    private Salvage(Connection damaged, Connection fresh) {
        this.damaged = damaged;
        this.fresh = fresh;
    }

    /**
     * Copies every row that can be read.
     *
     * @return how many
     */
    static long copy(Database damaged, Connection fresh) throws SQLException {
        try (Connection source = damaged.openAsItIs()) {
            return new Salvage(source, fresh).copy();
        } catch (SQLException e) {
            if (SqliteFault.isDamage(e)) {
                return 0; // not even its first page can be read
            }
            throw e;
        }
    }

    private long copy() throws SQLException {
        run("PRAGMA foreign_keys = OFF");
        run("BEGIN IMMEDIATE");
        long rows = 0;
        for (String table : texts("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")) {
            rows += copyTable(table);
        }
        for (String table : NAMESPACED) {
            run("INSERT OR IGNORE INTO namespaces (name, labels) SELECT DISTINCT namespace, '{}' FROM " + table);
        }
        for (String statement : DROP_ORPHANS) {
            run(statement);
        }
        run("COMMIT");
        run("PRAGMA foreign_keys = ON");
        return rows;
    }

    /** Forwards until the damage, then backwards until the damage: so one bad page costs little more than its own rows. */
    private long copyTable(String table) throws SQLException {
        List<String> columns = texts("SELECT name FROM pragma_table_info('" + table + "')");
        // In the order of the pages: by an index, rows on the bad page would turn up early.
        List<String> backwards = texts("SELECT 'rowid DESC' FROM pragma_table_list('" + table
                + "') WHERE NOT wr UNION ALL"
                + " SELECT c.name || ' DESC' FROM pragma_table_list('" + table + "') l, pragma_table_info('" + table
                + "') c WHERE l.wr AND c.pk > 0");
        String select = "SELECT " + String.join(", ", columns) + " FROM " + table;
        String insert = "INSERT OR IGNORE INTO " + table + " (" + String.join(", ", columns) + ") VALUES (?"
                + ", ?".repeat(columns.size() - 1) + ")";
        long[] copied = {0};
        if (!copyRows(select, insert, copied)) {
            copyRows(select + " ORDER BY " + String.join(", ", backwards), insert, copied);
        }
        return copied[0];
    }

    private boolean copyRows(String select, String insert, long[] copied) throws SQLException {
        try (Statement reading = damaged.createStatement();
                PreparedStatement writing = fresh.prepareStatement(insert);
                ResultSet row = reading.executeQuery(select)) {
            int columns = row.getMetaData().getColumnCount();
            while (row.next()) {
                for (int column = 1; column <= columns; column++) {
                    writing.setObject(column, row.getObject(column));
                }
                copied[0] += writing.executeUpdate();
            }
            return true;
        } catch (SQLException e) {
            if (SqliteFault.isDamage(e) || SqliteFault.isMisuse(e)) {
                return false; // the damage, or a table that an older schema did not have
            }
            throw e;
        }
    }

    private List<String> texts(String query) throws SQLException {
        List<String> found = new ArrayList<>();
        try (Statement statement = fresh.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            while (row.next()) {
                found.add(row.getString(1));
            }
        }
        return found;
    }

    private void run(String sql) throws SQLException {
        try (Statement statement = fresh.createStatement()) {
            statement.execute(sql);
        }
    }

    /** What SQLite finds wrong with a database; empty if nothing. */
    static List<String> damage(Session session) {
        try {
            return session.list("PRAGMA quick_check(20)", Row::text).stream()
                    .filter(line -> !line.equals("ok"))
                    .toList();
        } catch (Fault e) {
            if (e.code() == Fault.Code.DATA_LOSS) {
                return List.of(String.valueOf(e.getMessage()));
            }
            throw e;
        }
    }
}
