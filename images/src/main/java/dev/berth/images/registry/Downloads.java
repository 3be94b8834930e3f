package dev.berth.images.registry;

import dev.berth.kernel.Ticker;
import java.util.concurrent.Semaphore;

/**
 * How the bodies of blobs come, for all pulls together.
 *
 * @param memory for pieces that come before their turn
 */
record Downloads(Places places, Connections connections, Semaphore memory, Ticker ticker) {
    static Downloads of(RegistrySettings settings, Ticker ticker) {
        Connections allowed = settings.connections();
        return new Downloads(new Places(allowed.perHost()), allowed, new Semaphore(allowed.piecesInAll()), ticker);
    }
}
