package dev.berth.snapshots;

import dev.berth.store.SnapshotRecord.Usage;

/** A layer that was unpacked by itself and is not part of a chain yet. It goes with the chain that made it. */
public interface LayerDraft {
    /** What it takes on disk. */
    Usage usage();
}
