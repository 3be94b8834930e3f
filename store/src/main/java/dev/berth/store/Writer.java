package dev.berth.store;

import dev.berth.kernel.Fault;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** The one thread that changes the database: a queue of transactions, each done or undone before the next. */
final class Writer implements AutoCloseable {
    private final Session session;
    private final Records records;
    private final Flushing flushing;
    private final Runnable afterCommit;
    private final BlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
    private final ReentrantLock gate = new ReentrantLock();
    private final Thread thread;
    private boolean closed;
    private boolean ended;

    /** @param afterCommit runs on the writer's thread after each commit; must be quick */
    Writer(Session session, Records records, Flushing flushing, Runnable afterCommit) {
        this.session = session;
        this.records = records;
        this.flushing = flushing;
        this.afterCommit = afterCommit;
        this.thread = Thread.ofPlatform().name("store-write").daemon().start(this::run);
    }

    <T extends @Nullable Object> T write(Durability durability, Metadata.Work<T> work) {
        Metadata.refuseNesting();
        Answer<T> answer = new Answer<>();
        enqueue(() -> perform(durability, work, answer));
        return answer.await();
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
        } catch (Throwable e) { // whatever it was, it belongs to the caller; this thread goes on
            undo(e);
            answer.fail(e);
            return;
        }
        switch (durability) {
            case PROCESS -> answer.give(result);
            case POWER ->
                flushing.await(failure -> {
                    if (failure == null) {
                        answer.give(result);
                    } else {
                        answer.fail(failure);
                    }
                });
        }
        afterCommit.run();
    }

    private void undo(Throwable reason) {
        try {
            session.rollback();
        } catch (Fault e) {
            reason.addSuppressed(e);
        }
    }
}
