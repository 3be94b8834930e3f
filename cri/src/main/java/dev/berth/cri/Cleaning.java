package dev.berth.cri;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import dev.berth.store.Durability;
import dev.berth.store.Leftovers.Leftover;
import dev.berth.store.Metadata;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Clean-up that failed: written down with what and why, and tried again in the background, ever more seldom, until it is
 * done; also by the next daemon.
 *
 * <p>What there is to remove is told by the records of pods and containers themselves, which stay until everything of them
 * is gone; a leftover only names one of them (or the id of something that no record knows), how to go about it, and
 * what stood in the way. So a retry by the caller, by recovery and by this class are the same steps, taken in turns, and
 * whoever succeeds first ends it for all.
 *
 * <p>Rooms below this one note leftovers of their own, which are looked for once a minute.
 *
 * <p>While nothing fails, this costs a look into an empty map.
 */
final class Cleaning implements AutoCloseable {
    /** How something is removed. The names are on disk. */
    enum Kind {
        /** Undo the creation of a pod whose record is there. */
        POD_CREATION,
        /** Take the network and namespaces of a stopped pod away. */
        POD_STOP,
        /** Remove a pod, as somebody asked for. */
        POD_REMOVAL,
        /** Undo the creation of a container that has no record. */
        CONTAINER_CREATION,
        /** Remove a container, as somebody asked for. */
        CONTAINER_REMOVAL,
        /** Delete the task of a container that has ended. */
        TASK,
        /** Let a container run again that stood still while it was written down. */
        PAUSE,
        /** Disconnect a pod that has no record. */
        NETWORK,
        /** Remove a writable layer that belongs to no container. */
        SNAPSHOT,
        /** Remove the files of a snapshot that is no more; noted by the snapshotter itself. */
        SNAPSHOT_FILES
    }

    /** Removes one thing; harmless if it is gone already. */
    interface Removal {
        void run(String id) throws InterruptedException;
    }

    private record Key(Kind kind, String id) {}

    /** When something is tried again. */
    private record Due(int attempts, long atNanos) {}

    private static final Logger LOG = LoggerFactory.getLogger(Cleaning.class);
    private static final Duration LOOK_FOR_MORE = Duration.ofMinutes(1);

    /** Each may be a plugin that hangs until its limit; the others go on meanwhile. */
    private static final int AT_ONCE = 8;

    private final Metadata metadata;
    private final Ticker ticker;
    private final Pauses pauses;
    private final Map<Kind, Removal> removals = new EnumMap<>(Kind.class);
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Map<Key, Due> waiting = new HashMap<>();

    /** Those of the waiting ones that somebody here is at. */
    private final Set<Key> underWay = new HashSet<>();

    private final Semaphore places = new Semaphore(AT_ONCE);
    private final Thread worker;
    private Function<String, LogScope> scopes = id -> LogScope.of("id", id);

    /** @param pauses between attempts */
    Cleaning(Metadata metadata, Ticker ticker, Pauses pauses) {
        this.metadata = metadata;
        this.ticker = ticker;
        this.pauses = pauses;
        this.worker = Thread.ofVirtual().name("cleaning").unstarted(this::work);
        read();
    }

    /** Takes up what is written down and not waited for yet. */
    private void read() {
        List<Leftover> all = metadata.read(records -> records.leftovers().list());
        lock.lock();
        try {
            for (Leftover leftover : all) {
                kind(leftover.kind())
                        .ifPresent(kind -> waiting.putIfAbsent(
                                new Key(kind, leftover.what()), new Due(leftover.attempts(), ticker.nanos())));
            }
            changed.signalAll(); // one that has just been done may have come back: it is done again at once
        } finally {
            lock.unlock();
        }
    }

    /** Says how things of a kind are removed; before {@link #begin}. */
    void by(Kind kind, Removal removal) {
        removals.put(kind, removal);
    }

    /** Says what the log is told of an id; before {@link #begin}. */
    void scopes(Function<String, LogScope> of) {
        scopes = of;
    }

    /** Begins to try again, at once with what an earlier daemon could not remove. */
    void begin() {
        worker.start();
    }

    /**
     * Has something removed in the background, as soon as clean-up has begun. It is only written down if it fails: whoever
     * says this would say it again after a restart.
     */
    void soon(Kind kind, String id) {
        lock.lock();
        try {
            waiting.putIfAbsent(new Key(kind, id), new Due(0, ticker.nanos()));
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Runs a removal that somebody waits for; if it fails it is tried again in the background too. */
    void run(Kind kind, String id, Rollback.Step step) throws InterruptedException {
        try {
            step.run();
        } catch (InterruptedException e) {
            throw e;
        } catch (RuntimeException e) {
            failed(kind, id, e);
            throw e;
        } catch (Exception e) {
            failed(kind, id, e);
            throw Fault.internal(describe(kind, id), String.valueOf(e.getMessage()), "It is tried again")
                    .causedBy(e);
        }
        done(kind, id);
    }

    /** The same as a step of a rollback. */
    Rollback.Step step(Kind kind, String id, Rollback.Step step) {
        return () -> run(kind, id, step);
    }

    /** Notes that something could not be removed. */
    void failed(Kind kind, String id, Exception why) {
        var key = new Key(kind, id);
        int attempts;
        lock.lock();
        try {
            Due before = waiting.get(key);
            attempts = before == null ? 1 : before.attempts() + 1;
            waiting.put(
                    key,
                    new Due(attempts, ticker.nanos() + pauses.after(attempts).toNanos()));
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        LOG.warn("{} failed, attempt {}: {}", describe(kind, id), attempts, String.valueOf(why.getMessage()));
        LOG.debug("{}", describe(kind, id), why);
        try {
            metadata.apply(
                    Durability.PROCESS,
                    records -> records.leftovers().failed(name(kind), id, String.valueOf(why.getMessage())));
        } catch (Fault e) {
            LOG.error("{}: this could not be written down; only this process knows it", describe(kind, id), e);
        }
    }

    /** It is gone; does nothing if it was not waited for. */
    void done(Kind kind, String id) {
        Due due;
        lock.lock();
        try {
            due = waiting.remove(new Key(kind, id));
        } finally {
            lock.unlock();
        }
        if (due == null || due.attempts() == 0) {
            return; // nothing was written down
        }
        LOG.info("{}: done at last", describe(kind, id));
        try {
            metadata.apply(Durability.PROCESS, records -> records.leftovers().done(name(kind), id));
        } catch (Fault e) {
            LOG.warn("{}: it is done, and the next daemon will look once more", describe(kind, id), e);
        }
    }

    /** How much waits to be removed, by kind as on disk. */
    Map<String, Integer> counts() {
        var counts = new HashMap<String, Integer>();
        for (Kind kind : Kind.values()) {
            counts.put(name(kind), 0);
        }
        read();
        lock.lock();
        try {
            waiting.keySet().forEach(key -> counts.merge(name(key.kind()), 1, Integer::sum));
        } finally {
            lock.unlock();
        }
        return counts;
    }

    private void work() {
        try (ExecutorService crew = Executors.newVirtualThreadPerTaskExecutor()) {
            try {
                while (true) {
                    List<Key> due = awaitDue();
                    for (Key key : due) {
                        places.acquire();
                        crew.execute(() -> attempt(key));
                    }
                    if (due.isEmpty()) {
                        read();
                    }
                }
            } catch (InterruptedException e) {
                LOG.debug("cleaning ends"); // close()
                crew.shutdownNow();
            }
        }
    }

    private void attempt(Key key) {
        Removal removal = removals.get(key.kind());
        try (var _ = scopes.apply(key.id())) {
            if (removal != null) {
                removal.run(key.id());
            }
            done(key.kind(), key.id());
        } catch (InterruptedException e) {
            LOG.debug("{} is left to the next daemon", describe(key.kind(), key.id()));
        } catch (RuntimeException e) {
            failed(key.kind(), key.id(), e);
        } finally {
            leave(key);
        }
    }

    private void leave(Key key) {
        places.release();
        lock.lock();
        try {
            underWay.remove(key);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** What is due, and under way from now on; nothing after a minute in which nothing was. */
    private List<Key> awaitDue() throws InterruptedException {
        long start = ticker.nanos();
        lock.lockInterruptibly();
        try {
            while (true) {
                long now = ticker.nanos();
                List<Key> due = waiting.entrySet().stream()
                        .filter(entry -> !underWay.contains(entry.getKey()))
                        .filter(entry -> entry.getValue().atNanos() - now <= 0)
                        .map(Map.Entry::getKey)
                        .toList();
                if (!due.isEmpty() || now - start >= LOOK_FOR_MORE.toNanos()) {
                    underWay.addAll(due);
                    return due;
                }
                long next = waiting.entrySet().stream()
                        .filter(entry -> !underWay.contains(entry.getKey()))
                        .mapToLong(entry -> entry.getValue().atNanos() - now)
                        .min()
                        .orElse(Long.MAX_VALUE);
                changed.awaitNanos(Math.min(next, start + LOOK_FOR_MORE.toNanos() - now));
            }
        } finally {
            lock.unlock();
        }
    }

    private static String describe(Kind kind, String id) {
        return "clean-up (" + name(kind) + ") of " + id;
    }

    private static String name(Kind kind) {
        return kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static Optional<Kind> kind(String name) {
        for (Kind kind : Kind.values()) {
            if (name(kind).equals(name)) {
                return Optional.of(kind);
            }
        }
        LOG.debug("a leftover of kind {} is not for this version", name);
        return Optional.empty();
    }

    @Override
    public void close() {
        worker.interrupt();
        try {
            if (worker.getState() != Thread.State.NEW) {
                worker.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
