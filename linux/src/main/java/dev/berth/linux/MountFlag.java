package dev.berth.linux;

import java.util.Collection;

/** A property of one mount (not of the file system behind it). */
public enum MountFlag {
    READ_ONLY("ro", 0x1, 0x1),
    NO_SUID("nosuid", 0x2, 0x2),
    NO_DEV("nodev", 0x4, 0x4),
    NO_EXEC("noexec", 0x8, 0x8),
    NO_SYMLINK_FOLLOW("nosymfollow", 0x100, 0x200000),
    NO_ATIME("noatime", 0x400, 0x10),
    STRICT_ATIME("strictatime", 0x1000000, 0x20),
    NO_DIR_ATIME("nodiratime", 0x800, 0x80);

    static final long ATTR_ATIME = 0x70;

    private final String option;
    private final long oldBit;
    private final long attribute;

    MountFlag(String option, long oldBit, long attribute) {
        this.option = option;
        this.oldBit = oldBit;
        this.attribute = attribute;
    }

    /** The word for it in /proc/self/mountinfo and in mount(8). */
    public String option() {
        return option;
    }

    /** The bits for mount(2), {@code MS_*}. */
    static long oldBits(Collection<MountFlag> flags) {
        long bits = 0;
        for (MountFlag flag : flags) {
            bits |= flag.oldBit;
        }
        return bits;
    }

    /** The bits for fsmount(2) and mount_setattr(2), {@code MOUNT_ATTR_*}. */
    static long attributes(Collection<MountFlag> flags) {
        long bits = 0;
        for (MountFlag flag : flags) {
            bits |= flag.attribute;
        }
        return bits;
    }
}
