package dev.berth.images.registry;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/** How many bodies may come from, or go to, one host at the same time. Who comes later waits. */
final class Places {
    private final int most;
    private final Map<String, Semaphore> byHost = new ConcurrentHashMap<>();

    Places(int most) {
        this.most = most;
    }

    /** A place at a host, until it is closed; once. */
    static final class Place implements AutoCloseable {
        private final Semaphore from;
        private boolean left;

        private Place(Semaphore from) {
            this.from = from;
        }

        @Override
        public void close() {
            if (!left) {
                left = true;
                from.release();
            }
        }
    }

    /** Waits for a place. */
    Place take(Host host) throws InterruptedException {
        Semaphore places = byHost.computeIfAbsent(host.authority(), name -> new Semaphore(most, true));
        places.acquire();
        return new Place(places);
    }
}
