package dev.berth.cri;

import dev.berth.kernel.Fault;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Creations under way, so that a retry joins the work of a caller that gave up instead of being told that the name is
 * taken. The work runs on a thread of its own: nobody's cancellation ends it.
 */
final class Creations {
    /** What is known of a name that nobody is working on. */
    sealed interface Before {
        /** The name is free. */
        record Free() implements Before {}

        /** A request was carried out and its caller never heard of it: the same one gets what it made. */
        record Unheard(String id, Object request) implements Before {}

        /** The name belongs to something that was delivered, or that another request made. */
        record Taken(String id) implements Before {}
    }

    /** Looks a name up among the records; called under the lock of this class, so it must be quick. */
    interface Lookup {
        Before find();
    }

    private static final class Work {
        final Object request;
        final CountDownLatch done = new CountDownLatch(1);

        @Nullable
        String id;

        @Nullable
        RuntimeException failed;

        Work(Object request) {
            this.request = request;
        }
    }

    private final Map<String, Work> running = new HashMap<>();

    /**
     * Creates something once, or joins or finds the same creation.
     *
     * @param what for messages, as in "pod web_default_1_0"
     * @param request compared with equals: only the same request is joined
     * @return the id of what was made
     * @throws Fault ALREADY_EXISTS if the name is taken; ABORTED if this caller was interrupted, while the work goes on
     */
    String once(String what, Object request, Lookup lookup, Callable<String> create) {
        Work work;
        synchronized (running) {
            Work other = running.get(what);
            if (other != null) {
                if (!other.request.equals(request)) {
                    throw taken(what, "another request with this name is being carried out");
                }
                work = other;
            } else {
                switch (lookup.find()) {
                    case Before.Free() -> {
                        work = new Work(request);
                        running.put(what, work);
                        begin(what, work, create);
                    }
                    case Before.Unheard(String id, Object unheard) -> {
                        if (!unheard.equals(request)) {
                            throw taken(what, "the name belongs to " + id + ", which another request made");
                        }
                        return id;
                    }
                    case Before.Taken(String id) -> throw taken(what, "the name belongs to " + id);
                }
            }
        }
        return await(what, work);
    }

    private static Fault taken(String what, String why) {
        return Fault.alreadyExists(what, why, "Remove it first, or use another name or attempt number");
    }

    private void begin(String what, Work work, Callable<String> create) {
        Thread.ofVirtual().name("create " + what).start(() -> {
            try {
                work.id = create.call();
            } catch (RuntimeException e) {
                work.failed = e;
            } catch (Exception e) {
                work.failed =
                        Fault.internal(what, String.valueOf(e.getMessage()), "").causedBy(e);
            } catch (Error e) {
                work.failed = Fault.internal(what, e.toString(), "See the log").causedBy(e);
                throw e;
            } finally {
                synchronized (running) {
                    running.remove(what);
                }
                work.done.countDown();
            }
        });
    }

    private static String await(String what, Work work) {
        try {
            work.done.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.ABORTED, what, "the caller went away", "The work goes on; ask again")
                    .causedBy(e);
        }
        if (work.failed != null) {
            throw work.failed;
        }
        return java.util.Objects.requireNonNull(work.id);
    }
}
