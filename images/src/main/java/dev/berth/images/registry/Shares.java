package dev.berth.images.registry;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/**
 * How many may work for one name at the same time; who comes later waits for his turn. A name is known as long as somebody works, or
 * waits, for it: strangers choose the names. Thread-safe.
 */
public final class Shares {
    /** @param users those who have a permit or wait for one */
    private record Share(Semaphore permits, int users) {}

    private final int most;
    private final Map<String, Share> byName = new ConcurrentHashMap<>();

    public Shares(int most) {
        this.most = most;
    }

    /** Waits for a permit. */
    public void take(String name) throws InterruptedException {
        Share share = byName.compute(
                name,
                (_, known) -> known == null
                        ? new Share(new Semaphore(most, true), 1)
                        : new Share(known.permits, known.users + 1));
        try {
            share.permits.acquire();
        } catch (InterruptedException e) {
            leave(name);
            throw e;
        }
    }

    /** Gives a permit back; once for each that was taken. */
    public void giveBack(String name) {
        byName.computeIfPresent(name, (_, share) -> {
            share.permits.release();
            return share;
        });
        leave(name);
    }

    private void leave(String name) {
        byName.computeIfPresent(
                name, (_, share) -> share.users == 1 ? null : new Share(share.permits, share.users - 1));
    }

    /** How many names are known. */
    public int names() {
        return byName.size();
    }
}
