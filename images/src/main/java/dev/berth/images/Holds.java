package dev.berth.images;

import dev.berth.oci.Digest;
import dev.berth.store.Garbage.Node;
import dev.berth.store.Store;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What pulls under way rely on although no record names it yet, so that the sweep lets it be. What is released while a sweep runs
 * stays held until its end: the sweep may have read the records before the pull wrote its own.
 */
final class Holds {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition ended = lock.newCondition(); // of a sweep
    private final Map<String, Integer> held = new HashMap<>();
    private final Set<String> releasedMeanwhile = new HashSet<>();
    private boolean sweeping;

    /** The holds of one pull; they end with it. For one thread. */
    final class Hold implements Keeping {
        private final Set<String> mine = new HashSet<>();

        @Override
        public void blob(Digest digest) {
            add(key(digest));
        }

        @Override
        public void snapshot(String key) {
            add(snapshotKey(key));
        }

        private void add(String key) {
            lock.lock();
            try {
                if (mine.add(key)) {
                    held.merge(key, 1, Integer::sum);
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void close() {
            lock.lock();
            try {
                mine.forEach(key -> held.computeIfPresent(key, (it, count) -> count == 1 ? null : count - 1));
                if (sweeping) {
                    releasedMeanwhile.addAll(mine);
                }
                mine.clear();
            } finally {
                lock.unlock();
            }
        }
    }

    Hold begin() {
        return new Hold();
    }

    /** Says that a sweep reads the records from now on. One at a time. */
    void sweepBegins() {
        lock.lock();
        try {
            sweeping = true;
        } finally {
            lock.unlock();
        }
    }

    void sweepEnds() {
        lock.lock();
        try {
            sweeping = false;
            ended.signalAll();
            releasedMeanwhile.clear();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for the end of a sweep that is under way: until then it also counts as held what has just been let go. */
    void awaitNoSweep() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (sweeping) {
                ended.await();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Removes a blob unless it is held or has a record; nobody can begin to hold it meanwhile. */
    void removeUnclaimed(Store store, Digest digest) {
        lock.lock();
        try {
            if (!isHeld(key(digest))
                    && !store.metadata()
                            .<Boolean>read(records -> records.contents().isClaimed(digest))) {
                store.blobs().delete(digest);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Removes records except those that are held; nobody can begin to hold one meanwhile. */
    List<Node> remove(Function<Predicate<Node>, List<Node>> removal) {
        lock.lock();
        try {
            return removal.apply(this::isHeld);
        } finally {
            lock.unlock();
        }
    }

    /** Called with the lock, by whichever thread works for its holder. */
    private boolean isHeld(Node node) {
        return switch (node.kind()) {
            case CONTENT -> isHeld("blob " + node.key());
            case SNAPSHOT -> isHeld(snapshotKey(node.name()));
            case IMAGE, LEASE, INGEST, CONTAINER, SANDBOX -> false;
        };
    }

    private boolean isHeld(String key) {
        return held.containsKey(key) || releasedMeanwhile.contains(key);
    }

    private static String key(Digest digest) {
        return "blob " + digest;
    }

    private static String snapshotKey(String key) {
        return "snapshot " + key;
    }
}
