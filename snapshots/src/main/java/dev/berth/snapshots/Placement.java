package dev.berth.snapshots;

import dev.berth.store.SnapshotRecord.Usage;

/** How the stacking of a layer ended. */
public sealed interface Placement {
    /** It is on top of the chain now. */
    record Placed(Usage usage) implements Placement {}

    /**
     * It means something that only the layers below tell; its bytes must be read once more.
     *
     * @param why for the log
     */
    record NeedsParent(String why) implements Placement {}
}
