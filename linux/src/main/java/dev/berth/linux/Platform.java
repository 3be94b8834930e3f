package dev.berth.linux;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Running a call that blocks in the kernel where it holds no carrier of virtual threads: on a platform thread of its own,
 * which also is a thread whose namespaces and cgroup may be changed, because it ends with the call.
 */
public final class Platform {
    private Platform() {}

    /** A call that may fail in a way its caller must know of. */
    public interface Call<T extends @org.jspecify.annotations.Nullable Object, E extends Exception> {
        T run() throws E, InterruptedException;
    }

    /**
     * Runs it on a new platform thread and waits. An interrupt of the caller interrupts the thread, and the caller waits
     * on until it has ended: a call that changes namespaces is never left running behind the caller's back.
     *
     * @param name the thread's name, as thread dumps show it
     */
    @SuppressWarnings("unchecked") // the exception can only be one that run() declares
    public static <T extends @org.jspecify.annotations.Nullable Object, E extends Exception> T thread(
            String name, Call<T, E> call) throws E, InterruptedException {
        Callable<T> body = call::run;
        FutureTask<T> task = new FutureTask<>(body);
        Thread thread = Thread.ofPlatform().daemon().name(name).start(task);
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    thread.join();
                    return task.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                    thread.interrupt();
                }
            }
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case InterruptedException i -> {
                    interrupted = false;
                    throw i;
                }
                case RuntimeException r -> throw r;
                case Error error -> throw error;
                case null, default -> throw (E) e.getCause();
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Runs it here if this is a platform thread, else as {@link #thread} does. */
    public static <T extends @org.jspecify.annotations.Nullable Object, E extends Exception> T call(
            String name, Call<T, E> call) throws E, InterruptedException {
        return Thread.currentThread().isVirtual() ? thread(name, call) : call.run();
    }
}
