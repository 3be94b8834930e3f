package dev.berth.snapshots;

import java.util.Arrays;

/**
 * One header block: fields at fixed places.
 *
 * @see <a href="https://www.gnu.org/software/tar/manual/html_node/Standard.html">GNU tar, basic tar format</a>
 * @see <a href="https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html">POSIX, pax</a>
 */
final class TarHeader {
    private static final int CHECKSUM = 148;
    private static final int MAGIC = 257;
    private static final int PREFIX = 345;
    private static final byte[] USTAR = {'u', 's', 't', 'a', 'r', 0};
    private static final byte[] GNU = {'u', 's', 't', 'a', 'r', ' ', ' ', 0};

    private final byte[] block;

    TarHeader(byte[] block) {
        this.block = block;
    }

    boolean isZero() {
        for (byte b : block) {
            if (b != 0) {
                return false;
            }
        }
        return true;
    }

    /** Some old programs summed the bytes as signed numbers. */
    void verifyChecksum() {
        long unsigned = 0;
        long signed = 0;
        for (int i = 0; i < TarInput.BLOCK; i++) {
            byte b = i >= CHECKSUM && i < CHECKSUM + 8 ? (byte) ' ' : block[i];
            unsigned += Byte.toUnsignedInt(b);
            signed += b;
        }
        long said = isBlankOrNumber(CHECKSUM, 8) ? number(CHECKSUM, 8) : -1;
        if (said != unsigned && said != signed) {
            throw LayerFault.malformed("a header's checksum is wrong, or it is no tar archive");
        }
    }

    byte type() {
        return block[156];
    }

    byte[] link() {
        return text(157, 100);
    }

    int permissions() {
        return (int) (number(100, 8) & 07777);
    }

    long uid() {
        return number(108, 8);
    }

    long gid() {
        return number(116, 8);
    }

    long size() {
        return number(124, 12);
    }

    long modified() {
        return number(136, 12);
    }

    long rdev() {
        long major = number(329, 8);
        long minor = number(337, 8);
        if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) {
            throw LayerFault.refused(name(), "is a device with impossible numbers");
        }
        return (major << 32) | minor;
    }

    byte[] name() {
        byte[] name = text(0, 100);
        byte[] prefix = prefix();
        if (prefix.length == 0) {
            return name;
        }
        byte[] whole = Arrays.copyOf(prefix, prefix.length + 1 + name.length);
        whole[prefix.length] = '/';
        System.arraycopy(name, 0, whole, prefix.length + 1, name.length);
        return whole;
    }

    private byte[] prefix() {
        if (startsWith(USTAR)) {
            boolean star = block[508] == 't' && block[509] == 'a' && block[510] == 'r' && block[511] == 0;
            return text(PREFIX, star ? 131 : 155);
        }
        if (isGnu() && !hasGnuTimes()) {
            return text(PREFIX, 155);
        }
        return new byte[0];
    }

    boolean isGnu() {
        return startsWith(GNU);
    }

    /**
     * GNU's format has two times where the standard has a prefix. Go before 1.8, and so Docker of that time, wrote a prefix
     * there all the same: what is no number, but is text, is such a prefix.
     */
    private boolean hasGnuTimes() {
        return isBlankOrNumber(PREFIX, 12) && isBlankOrNumber(PREFIX + 12, 12);
    }

    private boolean isBlankOrNumber(int at, int length) {
        if (block[at] == 0 || (block[at] & 0x80) != 0) {
            return true;
        }
        for (int i = at; i < at + length; i++) {
            boolean digit = block[i] >= '0' && block[i] <= '7';
            if (!digit && block[i] != ' ' && block[i] != 0) {
                return false;
            }
        }
        return true;
    }

    private boolean startsWith(byte[] magic) {
        return Arrays.equals(block, MAGIC, MAGIC + magic.length, magic, 0, magic.length);
    }

    byte[] text(int at, int length) {
        int end = at;
        while (end < at + length && block[end] != 0) {
            end++;
        }
        return Arrays.copyOfRange(block, at, end);
    }

    /** Octal digits with blanks around, or GNU's binary form for what does not fit. */
    long number(int at, int length) {
        return number(block, at, length);
    }

    static long number(byte[] bytes, int at, int length) {
        return (bytes[at] & 0x80) != 0 ? binary(bytes, at, length) : octal(bytes, at, length);
    }

    private static long binary(byte[] bytes, int at, int length) {
        long value = (bytes[at] & 0x40) != 0 ? -1 : 0;
        value = (value << 6) | (bytes[at] & 0x3f);
        for (int i = at + 1; i < at + length; i++) {
            if (value != value << 8 >> 8) {
                throw LayerFault.malformed("a number in a header is larger than 8 EiB");
            }
            value = (value << 8) | Byte.toUnsignedInt(bytes[i]);
        }
        return value;
    }

    private static long octal(byte[] bytes, int at, int length) {
        int start = at;
        int end = at + length;
        while (start < end && isBlank(bytes[start])) {
            start++;
        }
        while (end > start && isBlank(bytes[end - 1])) {
            end--;
        }
        long value = 0;
        for (int i = start; i < end; i++) {
            if (bytes[i] < '0' || bytes[i] > '7') {
                throw LayerFault.malformed("a number in a header has something else in it");
            }
            value = (value << 3) | (bytes[i] - '0');
        }
        return value;
    }

    private static boolean isBlank(byte b) {
        return b == ' ' || b == 0;
    }
}
