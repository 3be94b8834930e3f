package dev.berth.store;

import static dev.berth.store.BlobsTest.has;
import static dev.berth.store.StoreRoot.K8S;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Databases of every older version become what a new one is; others are refused. */
final class SchemaTest {
    private static final String DESCRIBE = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master"
            + " WHERE name NOT LIKE 'sqlite_%' ORDER BY 1";

    @TempDir
    Path directory;

    @Test
    void everyOlderVersionBecomesTheNewest() throws SQLException {
        List<String> fresh = describe(migrated("fresh", Schema.current()));
        for (int version = 1; version <= Schema.current().version(); version++) {
            Path file = migrated("version-" + version, Schema.upTo(version));
            assertThat(describe(migrate(file, Schema.current())))
                    .as("from version " + version)
                    .isEqualTo(fresh);
        }
    }

    @Test
    void stepsRunOnceInOrderAndKeepWhatIsThere() throws SQLException {
        Schema first = Schema.of(List.of("CREATE TABLE namespaces (name TEXT); INSERT INTO namespaces VALUES ('a');"));
        Schema third = Schema.of(List.of(
                "CREATE TABLE namespaces (name TEXT); INSERT INTO namespaces VALUES ('a');",
                "ALTER TABLE namespaces ADD COLUMN age INTEGER NOT NULL DEFAULT 1;",
                "UPDATE namespaces SET age = age + 1;"));
        Path file = migrate(migrate(migrated("steps", first), third), third);
        assertThat(texts(file, "SELECT name || age FROM namespaces")).containsExactly("a2");
    }

    @Test
    void aStepThatFailsLeavesTheOldVersion() throws SQLException {
        String table = "CREATE TABLE namespaces (name TEXT);";
        Path file = migrated("failing", Schema.of(List.of(table)));
        Schema broken = Schema.of(List.of(table, "CREATE TABLE more (a TEXT); CREATE TABLE nonsense;"));
        assertThatThrownBy(() -> migrate(file, broken)).isInstanceOf(SQLException.class);
        assertThat(texts(file, "SELECT name FROM sqlite_master")).containsExactly("namespaces");
        assertThat(texts(file, "PRAGMA user_version")).containsExactly("1");
    }

    @Test
    void aNewerDatabaseIsRefusedAndLeftAlone() throws SQLException {
        Path root = directory.resolve("root");
        StoreRoot.open(root).close();
        Path file = root.resolve("meta/berth.db");
        run(file, "PRAGMA user_version = 999");
        assertThatThrownBy(() -> StoreRoot.open(root))
                .satisfies(has(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining("it has schema 999")
                .hasMessageContaining("newer Berth");
        assertThat(texts(file, "PRAGMA user_version")).containsExactly("999");
        run(file, "PRAGMA user_version = " + Schema.current().version());
        StoreRoot.open(root).close(); // and the lock was freed
    }

    @Test
    void anotherProgramsDatabaseIsRefused() throws SQLException, IOException {
        Path root = directory.resolve("root");
        java.nio.file.Files.createDirectories(root.resolve("meta"));
        Path file = root.resolve("meta/berth.db");
        run(file, "CREATE TABLE precious (a TEXT)");
        assertThatThrownBy(() -> StoreRoot.open(root)).satisfies(has(Fault.Code.FAILED_PRECONDITION));
        assertThat(texts(file, "SELECT name FROM sqlite_master")).containsExactly("precious");
    }

    @Test
    void anEmptyFileIsANewDatabase() throws IOException {
        Path root = directory.resolve("root");
        java.nio.file.Files.createDirectories(root.resolve("meta"));
        java.nio.file.Files.createFile(root.resolve("meta/berth.db"));
        try (Store store = StoreRoot.open(root)) {
            store.metadata().write(Durability.POWER, r -> r.leases().create(Leases.Lease.of(K8S, "l")));
        }
    }

    private Path migrated(String name, Schema schema) throws SQLException {
        return migrate(directory.resolve(name), schema);
    }

    private static Path migrate(Path file, Schema schema) throws SQLException {
        try (Connection connection = connect(file)) {
            schema.migrate(connection);
        }
        return file;
    }

    private static List<String> describe(Path file) throws SQLException {
        return texts(file, DESCRIBE);
    }

    private static List<String> texts(Path file, String query) throws SQLException {
        List<String> found = new ArrayList<>();
        try (Connection connection = connect(file);
                Statement statement = connection.createStatement();
                var row = statement.executeQuery(query)) {
            while (row.next()) {
                found.add(row.getString(1));
            }
        }
        return found;
    }

    private static void run(Path file, String sql) throws SQLException {
        try (Connection connection = connect(file);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static Connection connect(Path file) throws SQLException {
        return DriverManager.getConnection("jdbc:sqlite:" + file);
    }
}
