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
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * What a running daemon holds while no pod is there: files of its state and of its networks, writable layers, records. Two of
 * them differ by what was left in between.
 */
record AtRest(List<String> held) {
    private static final Duration SETTLE = Duration.ofMinutes(1);
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

    /** As it is when the supervisor is there, with which a daemon is complete, and has tried its runtimes. */
    static AtRest settled(Berth berth) throws InterruptedException {
        Berth.until(
                "the supervisor listens",
                Berth.LIMIT,
                () -> Files.exists(berth.state().resolve("supervisor.sock")));
        berth.crictl("info").text(); // waits for them
        AtRest before = of(berth);
        TICKER.sleep(Duration.ofMillis(500));
        AtRest now = of(berth);
        while (!now.equals(before)) {
            TICKER.sleep(Duration.ofMillis(500));
            before = now;
            now = of(berth);
        }
        return now;
    }

    /** As it is now. */
    static AtRest of(Berth berth) {
        var held = new TreeSet<String>();
        Inventory.files(berth.state()).keySet().stream()
                .map(Path::toString)
                .filter(file -> !RESTLESS.matcher(file).matches())
                .forEach(held::add);
        Inventory.files(berth.root().resolve("network")).keySet().stream()
                .filter(file -> file.toString().endsWith(".leases"))
                .forEach(file -> held.addAll(leases(file)));
        held.addAll(records(berth.root().resolve("meta/berth.db")));
        return new AtRest(List.copyOf(held));
    }

    /** The addresses that are given out; the file is a log of what was given and taken back. */
    private static List<String> leases(Path file) {
        var given = new TreeMap<String, String>();
        Berth.read(file).lines().map(line -> line.split(" ", 3)).forEach(line -> {
            if (line[0].equals("lease")) {
                given.put(line[1], line[2]);
            } else if (line[0].equals("release")) {
                given.remove(line[1]);
            }
        });
        return given.entrySet().stream()
                .map(it -> "lease of " + it.getKey() + ": " + it.getValue())
                .toList();
    }

    /** How many rows each table has; of snapshots those that are written to by themselves. */
    private static List<String> records(Path database) {
        var counts = new TreeSet<String>();
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + database);
                Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA busy_timeout = 60000");
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
