package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Transactions on the records.
 *
 * <pre>{@code
 * ImageRecord image = metadata.read(r -> r.images().get(namespace, name));
 * metadata.write(Durability.POWER, r -> r.images().create(record));
 * metadata.apply(Durability.PROCESS, r -> {
 *     r.containers().delete(namespace, id);
 *     r.snapshots().remove(namespace, "overlay", id);
 * });
 * }</pre>
 *
 * <p>The lambda runs on a thread of the store: it must not block, and must not call this object again. A read sees one moment
 * of the database however many records it reads. If the lambda of a write throws, nothing of it stays, and its
 * exception goes to the caller. Waiting for a transaction cannot be interrupted (it takes microseconds, with {@link
 * Durability#POWER} one flush): so a caller always knows whether it happened.
 */
public final class Metadata implements AutoCloseable {
    /** A transaction with a result. */
    @FunctionalInterface
    public interface Work<T extends @Nullable Object> {
        T run(Records records);
    }

    /** A transaction without a result. */
    @FunctionalInterface
    public interface Change {
        void run(Records records);
    }

    private static final ThreadLocal<Boolean> INSIDE = ThreadLocal.withInitial(() -> false);

    private final Session session;
    private final LogIndex index;
    private final InstantSource clock;
    private final Writer writer;
    private final Readers readers;
    private final Flushing flushing;
    private final Checkpoints checkpoints;

    private Metadata(Database database, Session session, LogIndex index, Disk disk, InstantSource clock) {
        this.session = session;
        this.index = index;
        this.clock = clock;
        this.flushing = new Flushing(disk, database.log());
        this.checkpoints = new Checkpoints(database);
        this.writer = new Writer(session, new Records(session, clock), flushing, checkpoints);
        this.readers = new Readers(database::openReader, reader -> new Records(reader, clock));
    }

    /**
     * Opens the database and takes the room of its log.
     *
     * @throws SQLException if SQLite cannot open the file; {@link SqliteFault#isDamage} says whether it is damaged
     * @throws Fault RESOURCE_EXHAUSTED if the disk is full
     */
    static Metadata open(Database database, Disk disk, InstantSource clock) throws SQLException {
        var session = new Session(database.openWriter(Schema.current()));
        try {
            LogIndex index = LogIndex.reserve(database.logIndex());
            database.reserveLog();
            return new Metadata(database, session, index, disk, clock);
        } catch (RuntimeException e) {
            session.close();
            throw e;
        }
    }

    /** Reads from one moment of the database. */
    public <T extends @Nullable Object> T read(Work<T> work) {
        return readers.read(work);
    }

    /** Writes, all or nothing. */
    public <T extends @Nullable Object> T write(Durability durability, Work<T> work) {
        return writer.write(durability, work);
    }

    /** Writes, all or nothing, without a result. */
    public void apply(Durability durability, Change change) {
        writer.<@Nullable Object>write(durability, records -> {
            change.run(records);
            return null;
        });
    }

    /**
     * Makes all that was written so far survive a pulled plug. For who is about to remove the files of records that are gone:
     * a power loss must not bring the records back without them.
     */
    public void flush() {
        writer.flush();
    }

    /**
     * Tells what was changed, after each commit and in the order of the commits, before whoever asked for the change hears of
     * it. The listener runs on the thread that writes: it must only take note, and must not fail.
     */
    public void listen(Consumer<List<Event>> listener) {
        writer.listen(listener);
    }

    /** Tells a listener no more. */
    public void ignore(Consumer<List<Event>> listener) {
        writer.ignore(listener);
    }

    /** Begins to collect what nothing needs. One at a time; to be called outside of a transaction. */
    public Garbage collect() {
        return Garbage.begin(this, clock);
    }

    /** How many transactions have changed something since the start. */
    public long changes() {
        return writer.changes();
    }

    /** Ends after the transactions that are already queued. */
    @Override
    public void close() {
        readers.close();
        writer.close();
        flushing.close();
        checkpoints.close();
        session.close(); // the last connection: SQLite folds the log in
        index.close();
    }

    static void refuseNesting() {
        if (INSIDE.get()) {
            throw Fault.internal("open a transaction", "this code runs inside of another one", "");
        }
    }

    static void nested(Runnable transaction) {
        INSIDE.set(true);
        try {
            transaction.run();
        } finally {
            INSIDE.set(false);
        }
    }
}
