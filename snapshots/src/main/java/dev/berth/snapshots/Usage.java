package dev.berth.snapshots;

/**
 * What a snapshot takes on disk, without its parents.
 *
 * @param bytes of disk blocks
 * @param inodes files of any kind; one with several names counts once
 */
public record Usage(long bytes, long inodes) {
    public static final Usage NOTHING = new Usage(0, 0);
}
