package dev.berth.store;

import dev.berth.kernel.Fault;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One connection with its prepared statements. Used by one thread at a time. */
final class Session implements AutoCloseable {
    /** Makes a value of the row that the cursor stands on, column after column. */
    interface Reading<T> {
        T read(Row row) throws SQLException;
    }

    private static final String ROLLBACK = "ROLLBACK";

    private final Connection connection;
    private final Map<String, PreparedStatement> statements = new HashMap<>();
    private final List<Event> events = new ArrayList<>();

    Session(Connection connection) {
        this.connection = connection;
    }

    <T> List<T> list(String sql, Reading<T> reading, Object... values) {
        try {
            List<T> found = new ArrayList<>();
            try (ResultSet rows = bind(sql, values).executeQuery()) {
                while (rows.next()) {
                    found.add(reading.read(new Row(rows)));
                }
            }
            return found;
        } catch (SQLException e) {
            throw failed("read records", sql, e);
        }
    }

    <T> Optional<T> find(String sql, Reading<T> reading, Object... values) {
        try (ResultSet rows = bind(sql, values).executeQuery()) {
            return rows.next() ? Optional.of(reading.read(new Row(rows))) : Optional.empty();
        } catch (SQLException e) {
            throw failed("read a record", sql, e);
        }
    }

    long number(String sql, Object... values) {
        return find(sql, Row::number, values).orElse(0L);
    }

    /** Changes rows and says how many. */
    int change(String sql, @Nullable Object... values) {
        try {
            return bind(sql, values).executeUpdate();
        } catch (SQLException e) {
            throw failed("write a record", sql, e);
        }
    }

    /** Runs a statement without values and without a result worth having. */
    void execute(String sql) {
        try {
            bind(sql).execute();
        } catch (SQLException e) {
            throw failed("run \"" + sql + "\"", sql, e);
        }
    }

    /** Notes what is to be told if the transaction is committed. */
    void note(Event event) {
        events.add(event);
    }

    /** What was noted since the last time. */
    List<Event> noted() {
        if (events.isEmpty()) {
            return List.of();
        }
        List<Event> all = List.copyOf(events);
        events.clear();
        return all;
    }

    /** Takes back the transaction, if there is one: after some errors SQLite has done so itself. */
    void rollback() {
        try {
            bind(ROLLBACK).execute();
        } catch (SQLException e) {
            Fault fault = failed("take back a transaction", ROLLBACK, e);
            if (!SqliteFault.isMisuse(e)) {
                throw fault;
            }
        }
    }

    @Override
    public void close() {
        try {
            for (PreparedStatement statement : statements.values()) {
                statement.close();
            }
            connection.close();
        } catch (SQLException e) {
            throw SqliteFault.of("close the database", e);
        }
    }

    /** The driver closes a statement that has failed, without saying so: it must not be used again. */
    private Fault failed(String what, String sql, SQLException e) {
        Fault fault = SqliteFault.of(what, e);
        PreparedStatement statement = statements.remove(sql);
        try {
            if (statement != null) {
                statement.close();
            }
        } catch (SQLException suppressed) {
            fault.addSuppressed(suppressed);
        }
        return fault;
    }

    private PreparedStatement bind(String sql, @Nullable Object... values) throws SQLException {
        PreparedStatement statement = statements.get(sql);
        if (statement == null) {
            statement = connection.prepareStatement(sql);
            statements.put(sql, statement);
        }
        for (int i = 0; i < values.length; i++) {
            bind(statement, i + 1, values[i]);
        }
        return statement;
    }

    private static void bind(PreparedStatement statement, int index, @Nullable Object value) throws SQLException {
        switch (value) {
            case null -> statement.setNull(index, java.sql.Types.NULL);
            case Long number -> statement.setLong(index, number);
            case Integer number -> statement.setLong(index, number);
            case byte[] bytes -> statement.setBytes(index, bytes);
            case Instant time -> statement.setLong(index, Row.nanos(time));
            default -> statement.setString(index, value.toString());
        }
    }
}
