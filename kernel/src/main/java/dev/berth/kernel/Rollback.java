package dev.berth.kernel;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * A stack of undo steps for something that is made in several steps and should outlive its maker if all goes well.
 *
 * <p>Steps run newest first, all of them, even if one fails; failures ride along as suppressed exceptions. A step must be
 * safe to run twice and must not inherit the deadline of the call that it undoes. Not thread-safe: one creation, one
 * thread.
 */
public final class Rollback implements AutoCloseable {
    /** One thing to undo. */
    public interface Step {
        void run() throws Exception;
    }

    private record Entry(String what, Step step) {}

    private final Deque<Entry> entries = new ArrayDeque<>();
    private boolean committed;

    /**
     * Adds a step.
     *
     * @param what the thing that would be left behind if the step failed, as in "network of 3f2a"
     */
    public void add(String what, Step step) {
        entries.push(new Entry(what, step));
    }

    /** Keeps everything: {@link #close()} does nothing after this. */
    public void commit() {
        committed = true;
    }

    /**
     * Undoes everything unless committed. An interrupt of the caller is held back while the steps run.
     *
     * @throws IllegalStateException if steps failed; it names the first thing left behind and carries the others
     */
    @Override
    public void close() {
        boolean interrupted = Thread.interrupted(); // a cancelled call must still clean up
        RuntimeException failed = null;
        while (!committed && !entries.isEmpty()) {
            failed = undo(entries.pop(), failed);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (failed != null) {
            throw failed; // try-with-resources attaches it to the first failure
        }
    }

    private static @Nullable RuntimeException undo(Entry entry, @Nullable RuntimeException failed) {
        try {
            entry.step().run();
            return failed;
        } catch (Exception e) {
            var left = new IllegalStateException("left behind: " + entry.what(), e);
            if (failed == null) {
                return left;
            }
            failed.addSuppressed(left);
            return failed;
        }
    }
}
