package dev.berth.store;

import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;

/** Clean-up that failed, or was not reached, and must be tried again until it is done. */
public final class Leftovers {
    /**
     * Something left behind.
     *
     * @param number names this record
     * @param kind who knows how to remove it, as in {@code network}
     * @param what which one, as in a pod's id
     * @param payload what its remover needs to know
     * @param attempts how often its removal has failed
     * @param lastError why, the last time; empty before the first attempt
     * @param triedAt when; the time of creation before the first attempt
     */
    public record Leftover(
            long number,
            String kind,
            String what,
            Payload payload,
            int attempts,
            String lastError,
            Instant createdAt,
            Instant triedAt) {}

    private static final String COLUMNS =
            "number, kind, what, payload_type, payload, attempts, last_error, created_at, tried_at";

    private final Session session;
    private final InstantSource clock;

    Leftovers(Session session, InstantSource clock) {
        this.session = session;
        this.clock = clock;
    }

    /** Notes something to be removed; noting it again replaces the payload and keeps the attempts. */
    public void add(String kind, String what, Payload payload) {
        Names.check("kind of a leftover", kind);
        Names.check("leftover", what);
        Instant now = clock.instant();
        session.change(
                "INSERT INTO leftovers (kind, what, payload_type, payload, attempts, last_error, created_at, tried_at)"
                        + " VALUES (?, ?, ?, ?, 0, '', ?, ?) ON CONFLICT (kind, what)"
                        + " DO UPDATE SET payload_type = excluded.payload_type, payload = excluded.payload",
                kind,
                what,
                payload.type(),
                payload.bytes(),
                now,
                now);
    }

    /** All, oldest first. */
    public List<Leftover> list() {
        return session.list("SELECT " + COLUMNS + " FROM leftovers ORDER BY number", Leftovers::read);
    }

    /** Those of one kind, oldest first. */
    public List<Leftover> list(String kind) {
        return session.list(
                "SELECT " + COLUMNS + " FROM leftovers WHERE kind = ? ORDER BY number", Leftovers::read, kind);
    }

    public long count() {
        return session.number("SELECT count(*) FROM leftovers");
    }

    /** Notes one more failed attempt; does nothing if it was removed meanwhile. */
    public void failed(long number, String error) {
        session.change(
                "UPDATE leftovers SET attempts = attempts + 1, last_error = ?, tried_at = ? WHERE number = ?",
                error,
                clock.instant(),
                number);
    }

    /** Notes a failed attempt by name; the first one also notes that there is something to be removed. */
    public void failed(String kind, String what, String error) {
        Names.check("kind of a leftover", kind);
        Names.check("leftover", what);
        Instant now = clock.instant();
        session.change(
                "INSERT INTO leftovers (kind, what, payload_type, payload, attempts, last_error, created_at, tried_at)"
                        + " VALUES (?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT (kind, what) DO UPDATE SET"
                        + " attempts = attempts + 1, last_error = excluded.last_error, tried_at = excluded.tried_at",
                kind,
                what,
                Payload.NONE.type(),
                Payload.NONE.bytes(),
                error,
                now,
                now);
    }

    /** It is gone at last. */
    public void done(long number) {
        session.change("DELETE FROM leftovers WHERE number = ?", number);
    }

    /** It is gone, removed by whoever knows it by its name. */
    public void done(String kind, String what) {
        session.change("DELETE FROM leftovers WHERE kind = ? AND what = ?", kind, what);
    }

    private static Leftover read(Row row) throws SQLException {
        return new Leftover(
                row.number(),
                row.text(),
                row.text(),
                row.payload(),
                Math.toIntExact(row.number()),
                row.text(),
                row.time(),
                row.time());
    }
}
