package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import java.util.function.Function;

/** A pull under way, and those who wait for it. It goes on when they have gone, unless somebody ends it. */
final class Flight implements Progress {
    private final FutureTask<Descriptor> work;
    private final List<Progress> listeners = new CopyOnWriteArrayList<>();
    /** What is known of its images, to be told again; guards also that nobody begins to listen between two of them. */
    private final List<Consumer<Progress>> known = new ArrayList<>();

    private final Thread thread;
    private int waiting; // guarded by whoever hands flights out

    /** @param pull is given this flight to tell its progress to */
    Flight(String name, Function<Progress, Callable<Descriptor>> pull) {
        this.work = new FutureTask<>(pull.apply(this));
        this.thread = Thread.ofPlatform().daemon().name("pull " + name).unstarted(work);
    }

    void start() {
        thread.start();
    }

    /** Somebody waits for it. */
    void join() {
        waiting++;
    }

    /** Somebody waits no longer; true if nobody else does. */
    boolean leave() {
        waiting--;
        return waiting == 0;
    }

    /** Tells somebody how it goes from now on. */
    void tell(Progress listener) {
        synchronized (known) {
            known.forEach(each -> each.accept(listener));
            listeners.add(listener);
        }
    }

    /**
     * Waits for its end. An interrupt ends the waiting, not the pull.
     *
     * @throws Fault the pull's; CANCELLED if the caller was interrupted
     */
    Descriptor await(String what) {
        try {
            return work.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, what, "the caller has gone", "")
                    .causedBy(e);
        } catch (ExecutionException e) {
            throw Crew.fault(e);
        }
    }

    /** Asks it to end. */
    void interrupt() {
        thread.interrupt();
    }

    /** Waits until it has ended, however. */
    void awaitEnd() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true; // it ends soon, and must not be left behind
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void found(Descriptor part, List<Descriptor> names, boolean before) {
        tellAll(listener -> listener.found(part, names, before));
    }

    @Override
    public void resolved(Descriptor manifest, List<Descriptor> layers) {
        tellAll(listener -> listener.resolved(manifest, layers));
    }

    private void tellAll(Consumer<Progress> fact) {
        synchronized (known) {
            known.add(fact);
            listeners.forEach(fact);
        }
    }

    @Override
    public void layer(Digest layer, Stage stage, long bytes) {
        listeners.forEach(it -> it.layer(layer, stage, bytes));
    }
}
