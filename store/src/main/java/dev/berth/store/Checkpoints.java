package dev.berth.store;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Folds the database's log into its file when it has grown, beside the writer and the readers: neither waits for the
 * flushes that this takes.
 */
final class Checkpoints implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);

    /** A commit writes one to a few pages of 4 KiB, so the log has some MiB after as many of them. */
    private static final int COMMITS = 256;

    private static final long LONG_BYTES = 16 << 20;

    private static final long IDLE_SECONDS = 5;

    private final Database database;
    private final AtomicBoolean wanted = new AtomicBoolean();
    private final ThreadPoolExecutor thread;
    private volatile boolean logIsLong;
    private int commits;

    Checkpoints(Database database) {
        this.database = database;
        this.thread = new ThreadPoolExecutor(
                1,
                1,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Thread.ofPlatform().name("store-checkpoint").daemon().factory());
        thread.allowCoreThreadTimeOut(true);
    }

    /** Called by the writer after each commit. */
    void committed() {
        commits++;
        if (commits >= COMMITS && wanted.compareAndSet(false, true)) {
            commits = 0;
            thread.execute(this::fold);
        }
    }

    @Override
    public void close() {
        thread.close();
    }

    /** Whether the log has grown although it was folded in: writers were too quick for it to begin anew. */
    boolean isLogLong() {
        return logIsLong;
    }

    /** Called by the writer, in a pause between two transactions: little is left to fold, and the log begins anew. */
    void restartLog(Session writer) {
        logIsLong = false;
        writer.list("PRAGMA wal_checkpoint(RESTART)", Row::number);
    }

    private void fold() {
        try (Session session = database.openCheckpointer()) {
            session.list("PRAGMA wal_checkpoint(PASSIVE)", Row::number);
            // If nobody writes meanwhile, the next transaction begins the log anew; else it goes on growing.
            logIsLong = Files.size(database.log()) > LONG_BYTES;
        } catch (Fault | IOException e) {
            LOG.warn("the metadata log could not be folded in; it grows until this works", e);
        } finally {
            wanted.set(false);
        }
    }
}
