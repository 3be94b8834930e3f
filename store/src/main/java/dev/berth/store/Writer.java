package dev.berth.store;

import dev.berth.kernel.Fault;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The one thread that changes the database: a queue of transactions, each done or undone before the next. */
final class Writer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Writer.class);

    private final Session session;
    private final Records records;
    private final Flushing flushing;
    private final Checkpoints checkpoints;
    private final List<Consumer<List<Event>>> listeners = new CopyOnWriteArrayList<>();
    private final BlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
    private final ReentrantLock gate = new ReentrantLock();
    private final Thread thread;
    private final AtomicLong changes = new AtomicLong();
    private boolean closed;
    private boolean ended;

    Writer(Session session, Records records, Flushing flushing, Checkpoints checkpoints) {
        this.session = session;
        this.records = records;
        this.flushing = flushing;
        this.checkpoints = checkpoints;
        this.thread = Thread.ofPlatform().name("store-write").daemon().start(this::run);
    }

    <T extends @Nullable Object> T write(Durability durability, Metadata.Work<T> work) {
        Metadata.refuseNesting();
        Answer<T> answer = new Answer<>();
        enqueue(() -> perform(durability, work, answer));
        return answer.await();
    }

    /** Waits until all that was written so far survives a power loss. */
    void flush() {
        Metadata.refuseNesting();
        Answer<Boolean> answer = new Answer<>();
        enqueue(() -> giveWhenFlushed(answer, true));
        answer.await();
    }

    /** Tells this one too, as {@link Metadata#listen}. */
    void listen(Consumer<List<Event>> listener) {
        listeners.add(listener);
    }

    /** Tells this one no more. */
    void ignore(Consumer<List<Event>> listener) {
        listeners.remove(listener);
    }

    /** Finishes what is queued, and ends. */
    @Override
    public void close() {
        gate.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            queue.add(() -> ended = true);
        } finally {
            gate.unlock();
        }
        Waiting.join(thread);
    }

    /** How many transactions were committed. */
    long changes() {
        return changes.get();
    }

    private void enqueue(Runnable task) {
        gate.lock();
        try {
            if (closed) {
                throw Fault.unavailable("write metadata", "the store is closed", "");
            }
            queue.add(task);
        } finally {
            gate.unlock();
        }
    }

    private void run() {
        while (!ended) {
            Metadata.nested(Waiting.uninterrupted(queue::take));
        }
    }

    private <T extends @Nullable Object> void perform(Durability durability, Metadata.Work<T> work, Answer<T> answer) {
        T result;
        try {
            flushing.check();
            session.execute("BEGIN IMMEDIATE");
            result = work.run(records);
            session.execute("COMMIT");
            changes.incrementAndGet();
        } catch (Throwable e) { // whatever it was, it belongs to the caller; this thread goes on
            undo(e);
            answer.fail(e);
            return;
        }
        tell(session.noted());
        switch (durability) {
            case PROCESS -> answer.give(result);
            case POWER -> giveWhenFlushed(answer, result);
        }
        afterCommit();
    }

    private <T extends @Nullable Object> void giveWhenFlushed(Answer<T> answer, T result) {
        flushing.await(failure -> {
            if (failure == null) {
                answer.give(result);
            } else {
                answer.fail(failure);
            }
        });
    }

    private void afterCommit() {
        checkpoints.committed();
        try {
            if (checkpoints.isLogLong()) {
                checkpoints.restartLog(session);
            }
        } catch (Fault e) {
            LOG.warn("the metadata log could not be begun anew; it grows until this works", e);
        }
    }

    private void tell(List<Event> events) {
        if (!events.isEmpty()) {
            listeners.forEach(listener -> listener.accept(events));
        }
    }

    private void undo(Throwable reason) {
        session.noted(); // it has not happened
        try {
            session.rollback();
        } catch (Fault e) {
            reason.addSuppressed(e);
        }
    }
}
