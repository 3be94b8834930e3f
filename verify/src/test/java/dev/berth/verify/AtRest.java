package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * What a running daemon holds while no pod is there: files of its state and of its networks, writable layers, records. Two of
 * them differ by what was left in between.
 */
record AtRest(List<String> held) {
    private static final Duration SETTLE = Duration.ofSeconds(15);
    private static final Ticker TICKER = Ticker.system();
    private static final List<String> TABLES = List.of(
            "sandboxes",
            "sandbox_extensions",
            "containers",
            "container_extensions",
            "snapshots",
            "leases",
            "lease_resources",
            "leftovers",
            "images",
            "contents");
    /** Grow and shrink as it works. */
    private static final Pattern RESTLESS = Pattern.compile(
            ".*\\.log|.*/shim/(journal|streams|pumps|inits)(/.*)?|.*/shim/vault.*|.*/netns/spare.*|.*\\.lock");

    /** As it is now; waits for the supervisor, with which a daemon is complete. */
    static AtRest of(Berth berth) throws InterruptedException {
        Berth.until(
                "the supervisor listens",
                SETTLE,
                () -> Files.exists(berth.state().resolve("supervisor.sock")));
        var held = new TreeSet<String>();
        Inventory.files(berth.state()).keySet().stream()
                .map(Path::toString)
                .filter(file -> !RESTLESS.matcher(file).matches())
                .forEach(held::add);
        Inventory.files(berth.root().resolve("network")).keySet().stream()
                .filter(file -> file.toString().contains("lease"))
                .forEach(file -> held.add(file + " " + Berth.read(file).replaceFirst("next \\d+\n", "")));
        held.addAll(records(berth.root().resolve("meta/berth.db")));
        return new AtRest(List.copyOf(held));
    }

    /** How many rows each table has; of snapshots those that are written to by themselves. */
    private static List<String> records(Path database) {
        var counts = new TreeSet<String>();
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + database);
                Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA busy_timeout = 5000");
            for (String table : TABLES) {
                try (ResultSet rows = statement.executeQuery("SELECT count(*) FROM " + table)) {
                    rows.next();
                    counts.add("records of " + table + ": " + rows.getLong(1));
                }
            }
        } catch (SQLException e) {
            throw new AssertionError("read " + database, e);
        }
        return List.copyOf(counts);
    }

    /** Asserts that a daemon comes to hold again what this says, no more and no less. */
    void isSame(Berth berth) throws InterruptedException {
        long start = TICKER.nanos();
        AtRest now = of(berth);
        while (!now.equals(this) && TICKER.since(start).compareTo(SETTLE) < 0) {
            TICKER.sleep(Duration.ofMillis(100));
            now = of(berth);
        }
        assertThat(now.held).as("held by the daemon at rest").containsExactlyInAnyOrderElementsOf(held);
    }
}
