package dev.berth.store;

import dev.berth.kernel.Namespace;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/** A row that is read column after column, in the order of the statement. */
final class Row {
    private static final long NANOS = 1_000_000_000L;
    private static final long LAST_SECOND = Long.MAX_VALUE / NANOS - 1;

    private final ResultSet row;
    private int column;

    Row(ResultSet row) {
        this.row = row;
    }

    String text() throws SQLException {
        String text = row.getString(++column);
        return text == null ? "" : text;
    }

    long number() throws SQLException {
        return row.getLong(++column);
    }

    byte[] bytes() throws SQLException {
        byte[] bytes = row.getBytes(++column);
        return bytes == null ? new byte[0] : bytes;
    }

    Instant time() throws SQLException {
        return time(number());
    }

    Optional<Instant> optionalTime() throws SQLException {
        long nanos = number();
        return row.wasNull() ? Optional.empty() : Optional.of(time(nanos));
    }

    Namespace namespace() throws SQLException {
        return new Namespace(text());
    }

    Map<String, String> labels() throws SQLException {
        return Labels.fromJson(text());
    }

    /** Two columns: type and bytes. */
    Payload payload() throws SQLException {
        return new Payload(text(), bytes());
    }

    /** A time in the database: nanoseconds since 1970. From 1678 to 2261; what clients give beyond that is the end of it. */
    static long nanos(Instant time) {
        long seconds = Math.clamp(time.getEpochSecond(), -LAST_SECOND, LAST_SECOND);
        return seconds * NANOS + time.getNano();
    }

    private static Instant time(long nanos) {
        return Instant.ofEpochSecond(Math.floorDiv(nanos, NANOS), Math.floorMod(nanos, NANOS));
    }
}
