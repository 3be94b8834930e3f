package dev.berth.store;

import dev.berth.kernel.Fault;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A few platform threads that read, each transaction on a connection of its own and from one moment of the database. */
final class Readers implements AutoCloseable {
    private record Reader(Session session, Records records) {}

    private static final Logger LOG = LoggerFactory.getLogger(Readers.class);
    private static final int THREADS = 3;
    private static final long IDLE_SECONDS = 60;

    private final Supplier<Session> open;
    private final Function<Session, Records> recordsOf;
    private final ConcurrentLinkedDeque<Reader> idle = new ConcurrentLinkedDeque<>();
    private final ExecutorService threads;

    Readers(Supplier<Session> open, Function<Session, Records> recordsOf) {
        this.open = open;
        this.recordsOf = recordsOf;
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                THREADS,
                THREADS,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Thread.ofPlatform().name("store-read-", 0).daemon().factory());
        pool.allowCoreThreadTimeOut(true);
        this.threads = pool;
    }

    <T extends @Nullable Object> T read(Metadata.Work<T> work) {
        Metadata.refuseNesting();
        Answer<T> answer = new Answer<>();
        try {
            threads.execute(() -> Metadata.nested(() -> perform(work, answer)));
        } catch (RejectedExecutionException e) {
            throw Fault.unavailable("read metadata", "the store is closed", "").causedBy(e);
        }
        return answer.await();
    }

    @Override
    public void close() {
        threads.close();
        idle.forEach(reader -> reader.session().close());
    }

    /** A reader has nothing to commit. A connection that cannot even go back is not used again. */
    private void end(Reader reader) {
        try {
            reader.session().rollback();
            idle.addFirst(reader);
        } catch (Fault e) {
            LOG.warn("a connection to the metadata database is given up", e);
            reader.session().close();
        }
    }

    private <T extends @Nullable Object> void perform(Metadata.Work<T> work, Answer<T> answer) {
        try {
            Reader reader = idle.pollFirst();
            if (reader == null) {
                Session session = open.get();
                reader = new Reader(session, recordsOf.apply(session));
            }
            T result;
            try {
                reader.session().execute("BEGIN");
                result = work.run(reader.records());
            } finally {
                end(reader);
            }
            answer.give(result);
        } catch (Throwable e) { // whatever it was, it belongs to the caller
            answer.fail(e);
        }
    }
}
