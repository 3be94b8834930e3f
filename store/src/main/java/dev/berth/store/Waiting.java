package dev.berth.store;

/** Waiting that an interrupt does not cut short: what was begun must be known to have ended. */
final class Waiting {
    /** Something that waits. */
    interface Interruptible<T> {
        T run() throws InterruptedException;
    }

    private Waiting() {}

    static <T> T uninterrupted(Interruptible<T> waiting) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return waiting.run();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    static void join(Thread thread) {
        uninterrupted(() -> {
            thread.join();
            return thread;
        });
    }
}
