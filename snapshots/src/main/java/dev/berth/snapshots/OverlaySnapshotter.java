package dev.berth.snapshots;

/** Snapshots as directories that the kernel's overlay file system puts on top of each other. */
public final class OverlaySnapshotter {
    /**
     * A label for {@link Snapshotter#prepare}: with the value {@code true} the overlay is mounted {@code volatile}. Its
     * unmounting then does not flush the disk, and what was written is lost if the machine crashes; for containers that are
     * never started again after that.
     */
    public static final String VOLATILE = "dev.berth/snapshot.volatile";

    private OverlaySnapshotter() {}
}
