package dev.berth.linux;

/** What a directory entry is. */
public enum FileType {
    FIFO(0010000),
    CHARACTER_DEVICE(0020000),
    DIRECTORY(0040000),
    BLOCK_DEVICE(0060000),
    REGULAR(0100000),
    SYMLINK(0120000),
    SOCKET(0140000),
    /** A type that Linux did not have when this was written. */
    UNKNOWN(0);

    private static final int MASK = 0170000;

    private final int bits;

    FileType(int bits) {
        this.bits = bits;
    }

    /** The {@code S_IF} bits. */
    public int bits() {
        return bits;
    }

    /** The type in the mode of a file. */
    public static FileType ofMode(int mode) {
        for (FileType type : values()) {
            if (type.bits == (mode & MASK)) {
                return type;
            }
        }
        return UNKNOWN;
    }

    /** The type in a directory entry, {@code DT_*}, which is the mode's shifted. */
    static FileType ofEntry(int type) {
        return ofMode(type << 12);
    }
}
