package dev.berth.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Instant;

/**
 * What statx(2) tells about a file.
 *
 * @param mode type and permission bits
 * @param uid owner, 0 to 2³²-2
 * @param gid group, 0 to 2³²-2
 * @param links names it has
 * @param size bytes, or the length of a symbolic link's target
 * @param blocks what it takes on disk, in units of 512 bytes
 * @param device the file system, {@code major << 32 | minor}
 * @param inode its number there
 * @param rdev of a device file, {@code major << 32 | minor}
 * @param accessed time of the last access
 * @param modified time of the last change of content
 * @param mountRoot whether it is the root of a mount
 */
public record FileStat(
        int mode,
        long uid,
        long gid,
        int links,
        long size,
        long blocks,
        long device,
        long inode,
        long rdev,
        Instant accessed,
        Instant modified,
        boolean mountRoot) {
    static final long BYTES = 256;

    private static final int MOUNT_ROOT = 0x2000;

    public FileType type() {
        return FileType.ofMode(mode);
    }

    /** Permission bits with set-user-ID, set-group-ID and sticky. */
    public int permissions() {
        return mode & 07777;
    }

    public boolean isDirectory() {
        return type() == FileType.DIRECTORY;
    }

    /** Whether it is the device 0:0, by which an overlay hides a name of the layers below. */
    public boolean isWhiteout() {
        return type() == FileType.CHARACTER_DEVICE && rdev == 0;
    }

    /** Whether the two are the same file. */
    public boolean sameFile(FileStat other) {
        return device == other.device && inode == other.inode;
    }

    static FileStat of(MemorySegment statx) {
        return new FileStat(
                Short.toUnsignedInt(statx.get(ValueLayout.JAVA_SHORT, 28)),
                unsigned(statx, 20),
                unsigned(statx, 24),
                statx.get(ValueLayout.JAVA_INT, 16),
                statx.get(ValueLayout.JAVA_LONG, 40),
                statx.get(ValueLayout.JAVA_LONG, 48),
                unsigned(statx, 136) << 32 | unsigned(statx, 140),
                statx.get(ValueLayout.JAVA_LONG, 32),
                unsigned(statx, 128) << 32 | unsigned(statx, 132),
                time(statx, 64),
                time(statx, 112),
                (statx.get(ValueLayout.JAVA_LONG, 8) & MOUNT_ROOT) != 0);
    }

    private static long unsigned(MemorySegment statx, long offset) {
        return Integer.toUnsignedLong(statx.get(ValueLayout.JAVA_INT, offset));
    }

    private static Instant time(MemorySegment statx, long offset) {
        return Instant.ofEpochSecond(
                statx.get(ValueLayout.JAVA_LONG, offset), statx.get(ValueLayout.JAVA_INT, offset + 8));
    }
}
