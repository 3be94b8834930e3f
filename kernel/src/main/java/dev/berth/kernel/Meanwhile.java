package dev.berth.kernel;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A piece of work that goes on while the one who began it does something else. It has ended when its block ends, whatever
 * happened: what is half made could not be undone.
 *
 * <pre>{@code
 * try (var network = Meanwhile.begin("network of " + id, () -> attach(id))) {
 *     makeFiles(id);
 *     network.await();
 * }
 * }</pre>
 */
public final class Meanwhile implements AutoCloseable {
    /** What is to be done. */
    @FunctionalInterface
    public interface Step {
        void run() throws Exception;
    }

    private final String name;
    private final FutureTask<Void> work;
    private final Thread worker;

    private Meanwhile(String name, FutureTask<Void> work, Thread worker) {
        this.name = name;
        this.work = work;
        this.worker = worker;
    }

    /**
     * Begins on a virtual thread.
     *
     * @param name of the thread, and of the work in messages
     */
    public static Meanwhile begin(String name, Step step) {
        var work = new FutureTask<Void>(() -> {
            step.run();
            return null;
        });
        return new Meanwhile(name, work, Thread.ofVirtual().name(name).start(work));
    }

    /**
     * Waits for its end. If the one who waits is interrupted, so is the work.
     *
     * @throws Fault as the work has it; INTERNAL for any other failure
     */
    public void await() throws InterruptedException {
        try {
            work.get();
        } catch (ExecutionException e) {
            throw Fault.of(name, e);
        } catch (InterruptedException e) {
            worker.interrupt();
            throw e;
        }
    }

    /** Waits for its end and says nothing about how it ended. */
    @Override
    public void close() {
        boolean interrupted = Thread.interrupted();
        if (interrupted) {
            worker.interrupt();
        }
        while (true) {
            try {
                worker.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
                worker.interrupt();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
