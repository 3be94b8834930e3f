package dev.berth.snapshots;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes archives byte by byte, the well-formed and the others. */
final class TarBytes {
    static final byte[] NO_DATA = {};

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream pax = new ByteArrayOutputStream();
    private int mode = 0644;
    private long uid;
    private long gid;
    private long mtime = 1_600_000_000L;

    static byte[] b(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    TarBytes mode(int bits) {
        mode = bits;
        return this;
    }

    TarBytes owner(long user, long group) {
        uid = user;
        gid = group;
        return this;
    }

    TarBytes mtime(long seconds) {
        mtime = seconds;
        return this;
    }

    TarBytes file(String name, String content) {
        return entry(b(name), '0', NO_DATA, b(content));
    }

    TarBytes file(byte[] name, byte[] content) {
        return entry(name, '0', NO_DATA, content);
    }

    TarBytes dir(String name) {
        int before = mode;
        mode = (mode & 07000) | 0755;
        entry(b(name + "/"), '5', NO_DATA, NO_DATA);
        mode = before;
        return this;
    }

    TarBytes symlink(String name, String target) {
        return entry(b(name), '2', b(target), NO_DATA);
    }

    TarBytes link(String name, String target) {
        return entry(b(name), '1', b(target), NO_DATA);
    }

    TarBytes whiteout(String name) {
        int slash = name.lastIndexOf('/') + 1;
        return file(name.substring(0, slash) + ".wh." + name.substring(slash), "");
    }

    TarBytes opaque(String dir) {
        return file(dir + "/.wh..wh..opq", "");
    }

    TarBytes device(String name, char type, int major, int minor) {
        byte[] block = block(b(name), type, NO_DATA, 0);
        number(block, 329, 8, major);
        number(block, 337, 8, minor);
        return header(block);
    }

    TarBytes entry(byte[] name, char type, byte[] link, byte[] data) {
        byte[] shortName = name;
        byte[] shortLink = link;
        if (name.length > 100) {
            gnuLong('L', name);
            shortName = Arrays.copyOf(name, 100);
        }
        if (link.length > 100) {
            gnuLong('K', link);
            shortLink = Arrays.copyOf(link, 100);
        }
        return header(block(shortName, type, shortLink, data.length)).data(data);
    }

    TarBytes gnuLong(char type, byte[] text) {
        byte[] data = Arrays.copyOf(text, text.length + 1);
        return raw(sealed(block(b("././@LongLink"), type, NO_DATA, data.length)))
                .data(data);
    }

    /** A record for the next entry's extended header. */
    TarBytes pax(String key, byte[] value) {
        int payload = b(key).length + value.length + 3;
        int length = payload;
        while (length != payload + Integer.toString(length).length()) {
            length = payload + Integer.toString(length).length();
        }
        pax.writeBytes(b(length + " " + key + "="));
        pax.writeBytes(value);
        pax.write('\n');
        return this;
    }

    TarBytes pax(String key, String value) {
        return pax(key, b(value));
    }

    /** A header block, preceded by what was collected for an extended header. */
    TarBytes header(byte[] block) {
        if (pax.size() > 0) {
            byte[] records = pax.toByteArray();
            pax.reset();
            raw(sealed(block(b("PaxHeaders/x"), 'x', NO_DATA, records.length))).data(records);
        }
        return raw(sealed(block));
    }

    /** An unsealed header block in ustar format. */
    byte[] block(byte[] name, char type, byte[] link, long size) {
        byte[] block = new byte[512];
        System.arraycopy(name, 0, block, 0, name.length);
        number(block, 100, 8, mode);
        number(block, 108, 8, uid);
        number(block, 116, 8, gid);
        number(block, 124, 12, size);
        number(block, 136, 12, mtime);
        block[156] = (byte) type;
        System.arraycopy(link, 0, block, 157, link.length);
        System.arraycopy(b("ustar\00000"), 0, block, 257, 8);
        return block;
    }

    static void number(byte[] block, int at, int length, long value) {
        if (value >= 0 && value < 1L << ((length - 1) * 3)) {
            byte[] digits = b(String.format("%0" + (length - 1) + "o", value));
            System.arraycopy(digits, 0, block, at, digits.length);
            return;
        }
        for (int i = length - 1; i >= 0; i--) {
            int shift = (length - 1 - i) * 8;
            block[at + i] = (byte) (shift > 63 ? value >> 63 : value >> shift);
        }
        block[at] = (byte) (value < 0 ? 0xff : 0x80 | block[at]);
    }

    static byte[] sealed(byte[] block) {
        Arrays.fill(block, 148, 156, (byte) ' ');
        int sum = 0;
        for (byte b : block) {
            sum += Byte.toUnsignedInt(b);
        }
        System.arraycopy(b(String.format("%06o\0 ", sum)), 0, block, 148, 8);
        return block;
    }

    TarBytes data(byte[] data) {
        raw(data);
        return raw(new byte[-data.length & 511]);
    }

    TarBytes raw(byte[] bytes) {
        out.writeBytes(bytes);
        return this;
    }

    byte[] bytes() {
        byte[] archive = out.toByteArray();
        return Arrays.copyOf(archive, archive.length + 1024);
    }

    /** What is written so far, without an end. */
    byte[] unfinished() {
        return out.toByteArray();
    }

    InputStream stream() {
        return new ByteArrayInputStream(bytes());
    }
}
