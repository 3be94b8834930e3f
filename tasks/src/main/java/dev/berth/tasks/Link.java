package dev.berth.tasks;

import dev.berth.ttrpc.TtrpcClient;
import java.time.Duration;

/** A way to a shim that may have to be connected again. */
interface Link {
    /**
     * A connection that was open a moment ago.
     *
     * @throws dev.berth.kernel.Fault UNAVAILABLE if there is none within the time
     */
    TtrpcClient client(Duration limit);

    /** Whether a status of 255 may stand for an end that nobody saw, which only our own supervisor tells apart. */
    default boolean mayMakeUpExits() {
        return false;
    }
}
