package dev.berth.images;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/**
 * How many layers are worked on at the same time, in all and of one registry: one that is slow, or means harm, must not take every turn
 * there is.
 */
final class Turns {
    private final Semaphore inAll;
    private final int most;
    private final Map<String, Semaphore> byRegistry = new ConcurrentHashMap<>();

    Turns(int inAll) {
        this.inAll = new Semaphore(inAll, true);
        this.most = Math.max(1, inAll * 3 / 4);
    }

    /** Where those wait who work for one registry. */
    record Line(Semaphore here, Semaphore inAll) {
        /** Waits for a turn. */
        void take() throws InterruptedException {
            here.acquire();
            try {
                inAll.acquire();
            } catch (InterruptedException e) {
                here.release();
                throw e;
            }
        }

        void giveBack() {
            inAll.release();
            here.release();
        }
    }

    /** @param registry its domain; or what else takes no more than its share */
    Line of(String registry) {
        return new Line(byRegistry.computeIfAbsent(registry, it -> new Semaphore(most, true)), inAll);
    }
}
