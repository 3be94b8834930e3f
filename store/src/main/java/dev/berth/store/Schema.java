package dev.berth.store;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** The database's tables, as numbered steps: version N is what the first N scripts make. */
final class Schema {
    private static final int VERSION = 1;

    /** Tells our database from any other SQLite file: "brth". */
    private static final int APPLICATION_ID = 0x62727468;

    private final List<String> steps;

    private Schema(List<String> steps) {
        this.steps = List.copyOf(steps);
    }

    /** The tables of this version of Berth. */
    static Schema current() {
        return upTo(VERSION);
    }

    /** The tables of this version of Berth or an older one. */
    static Schema upTo(int newest) {
        List<String> steps = new ArrayList<>();
        for (int version = 1; version <= newest; version++) {
            steps.add(script("schema-" + version + ".sql"));
        }
        return new Schema(steps);
    }

    /** Steps of a test's choice. */
    static Schema of(List<String> steps) {
        return new Schema(steps);
    }

    int version() {
        return steps.size();
    }

    /**
     * Takes an older database to this version, in one transaction; an empty file counts as version 0.
     *
     * @throws Fault FAILED_PRECONDITION if the database is newer, or is not ours
     */
    void migrate(Connection connection) throws SQLException {
        int found = number(connection, "PRAGMA user_version");
        if (found == version()) {
            number(connection, "SELECT count(*) FROM namespaces"); // reads the schema: damage shows here
            return;
        }
        refuseForeign(connection, found);
        try (Statement statement = connection.createStatement()) {
            statement.execute("BEGIN IMMEDIATE");
            for (String step : steps.subList(found, version())) {
                statement.executeUpdate(step);
            }
            statement.execute("PRAGMA application_id = " + APPLICATION_ID);
            statement.execute("PRAGMA user_version = " + version());
            statement.execute("COMMIT");
        }
    }

    private void refuseForeign(Connection connection, int found) throws SQLException {
        if (found > version()) {
            throw Fault.precondition(
                    "open the metadata database",
                    "it has schema " + found + ", and this Berth knows schemas up to " + version(),
                    "Start the newer Berth that wrote it, or give this one another root");
        }
        int tables = number(connection, "SELECT count(*) FROM sqlite_master");
        boolean ours = number(connection, "PRAGMA application_id") == APPLICATION_ID;
        if (found < 0 || (tables > 0 && !ours)) {
            throw Fault.precondition(
                    "open the metadata database",
                    "the file belongs to another program",
                    "Move it away, or give Berth another root");
        }
    }

    private static int number(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            return row.next() ? row.getInt(1) : 0;
        }
    }

    private static String script(String name) {
        try (InputStream script = Schema.class.getResourceAsStream(name)) {
            if (script == null) {
                throw Fault.internal(
                        "open the metadata database", name + " is missing in the program", "Install again");
            }
            return new String(script.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw Fault.internal("open the metadata database", name + " cannot be read", "Install again")
                    .causedBy(e);
        }
    }
}
