package dev.berth.images;

import dev.berth.images.registry.Shares;
import java.util.concurrent.Semaphore;

/**
 * How many layers are worked on at the same time, in all and of one registry: one that is slow, or means harm, must not take every turn
 * there is.
 */
final class Turns {
    private final Semaphore inAll;
    private final Shares byRegistry;

    Turns(int inAll) {
        this.inAll = new Semaphore(inAll, true);
        this.byRegistry = new Shares(Math.max(1, inAll * 3 / 4));
    }

    /** Where those wait who work for one registry. */
    final class Line {
        private final String registry;

        private Line(String registry) {
            this.registry = registry;
        }

        /** Waits for a turn. */
        void take() throws InterruptedException {
            byRegistry.take(registry);
            try {
                inAll.acquire();
            } catch (InterruptedException e) {
                byRegistry.giveBack(registry);
                throw e;
            }
        }

        void giveBack() {
            inAll.release();
            byRegistry.giveBack(registry);
        }
    }

    /** @param registry its domain; or what else takes no more than its share */
    Line of(String registry) {
        return new Line(registry);
    }
}
