package dev.berth.snapshots;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Writes an archive: ustar, with an extended header before an entry that does not fit. Names and attributes are bytes. The same
 * entries always give the same bytes, and those that containerd writes for them, so that a layer's digest is the same too.
 *
 * <p>Times of the last access are left out: they tell who looked, not what is there.
 */
public final class TarWriter {
    private static final int NAME = 100;
    private static final int PREFIX = 155;
    private static final byte[] MAGIC = {'u', 's', 't', 'a', 'r', 0, '0', '0'};
    private static final byte[] PAX_DIRECTORY = "PaxHeaders.0".getBytes(StandardCharsets.US_ASCII);

    private final OutputStream out;
    private long left;
    private int padding;

    /** @param out should be buffered; stays the caller's */
    public TarWriter(OutputStream out) {
        this.out = out;
    }

    /**
     * Begins an entry. Of a regular file {@link TarEntry#size} bytes follow by {@link #write}, holes as zeroes.
     *
     * @throws IllegalStateException if the entry before has fewer bytes than it said
     */
    public void begin(TarEntry entry) throws IOException {
        endData();
        byte[] name = entry.name();
        if (entry.kind() == TarEntry.Kind.DIRECTORY && (name.length == 0 || name[name.length - 1] != '/')) {
            name = Arrays.copyOf(name, name.length + 1);
            name[name.length - 1] = '/';
        }
        long size = entry.kind() == TarEntry.Kind.REGULAR ? entry.size() : 0;
        int split = split(name);
        Map<String, byte[]> records = records(entry, name, size);
        boolean plain = records.isEmpty() || (split > 0 && records.keySet().equals(Set.of("path")));
        if (!plain) {
            extend(name, records);
        }
        byte[] block = new byte[TarInput.BLOCK];
        if (plain && split > 0) {
            text(block, 0, NAME, Arrays.copyOfRange(name, split + 1, name.length));
            text(block, 345, PREFIX, Arrays.copyOf(name, split));
        } else {
            text(block, 0, NAME, plain ? name : ascii(name));
        }
        octal(block, 100, 8, entry.permissions());
        octal(block, 108, 8, entry.uid());
        octal(block, 116, 8, entry.gid());
        octal(block, 124, 12, size);
        octal(block, 136, 12, entry.modified().getEpochSecond());
        block[156] = type(entry.kind());
        text(block, 157, NAME, plain ? entry.link() : ascii(entry.link()));
        octal(block, 329, 8, entry.rdev() >>> 32);
        octal(block, 337, 8, entry.rdev() & 0xffffffffL);
        out.write(sealed(block));
        left = size;
        padding = (int) (-size & (TarInput.BLOCK - 1));
    }

    /** Writes data of the entry that was begun. */
    public void write(byte[] bytes, int from, int length) throws IOException {
        if (length > left) {
            throw new IllegalStateException("more data than the entry said");
        }
        out.write(bytes, from, length);
        left -= length;
    }

    /** Writes the end mark. */
    public void finish() throws IOException {
        endData();
        out.write(new byte[2 * TarInput.BLOCK]);
    }

    private void endData() throws IOException {
        if (left > 0) {
            throw new IllegalStateException("an entry lacks " + left + " bytes");
        }
        out.write(new byte[padding]);
        padding = 0;
    }

    /** What the block cannot hold. */
    private static Map<String, byte[]> records(TarEntry entry, byte[] name, long size) {
        Map<String, byte[]> records = new TreeMap<>();
        if (name.length > NAME || !isAscii(name)) {
            records.put("path", name);
        }
        if (entry.link().length > NAME || !isAscii(entry.link())) {
            records.put("linkpath", entry.link());
        }
        number(records, "uid", 8, entry.uid());
        number(records, "gid", 8, entry.gid());
        number(records, "size", 12, size);
        Instant modified = entry.modified();
        if (modified.getNano() != 0 || !fits(12, modified.getEpochSecond())) {
            records.put("mtime", latin(seconds(modified)));
        }
        for (TarEntry.Xattr xattr : entry.xattrs()) {
            records.put(PaxRecords.XATTR + new String(xattr.name(), StandardCharsets.ISO_8859_1), xattr.value());
        }
        return records;
    }

    private static void number(Map<String, byte[]> records, String key, int width, long value) {
        if (!fits(width, value)) {
            records.put(key, latin(Long.toString(value)));
        }
    }

    private static String seconds(Instant time) {
        long whole = time.getEpochSecond();
        int nanos = time.getNano();
        String sign = "";
        if (whole < 0 && nanos > 0) {
            sign = whole == -1 ? "-" : "";
            whole++;
            nanos = 1_000_000_000 - nanos;
        }
        String fraction = nanos == 0 ? "" : ("." + "%09d".formatted(nanos)).replaceAll("0+$", "");
        return sign + whole + fraction;
    }

    /** An entry of its own, whose data is about the next one. */
    private void extend(byte[] name, Map<String, byte[]> records) throws IOException {
        var data = new ByteArrayOutputStream();
        records.forEach((key, value) -> {
            int payload = key.length() + value.length + 3;
            int length = payload + Integer.toString(payload).length();
            length = payload + Integer.toString(length).length();
            data.writeBytes(latin(length + " " + key + "="));
            data.writeBytes(value);
            data.write('\n');
        });
        byte[] shown = ascii(paxName(name));
        byte[] block = new byte[TarInput.BLOCK];
        text(block, 0, NAME, shown);
        octal(block, 100, 8, 0);
        octal(block, 108, 8, 0);
        octal(block, 116, 8, 0);
        octal(block, 124, 12, data.size());
        octal(block, 136, 12, 0);
        block[156] = 'x';
        out.write(sealed(block));
        data.writeTo(out);
        out.write(new byte[-data.size() & (TarInput.BLOCK - 1)]);
    }

    private static byte[] paxName(byte[] name) {
        int slash = name.length - 1;
        while (slash >= 0 && name[slash] != '/') {
            slash--;
        }
        byte[] directory = Arrays.copyOf(name, Math.max(0, slash));
        byte[] file = Arrays.copyOfRange(name, slash + 1, name.length);
        byte[] within = LayerPath.join(directory, PAX_DIRECTORY);
        return file.length == 0 ? within : LayerPath.join(within, file);
    }

    /** Where a long name can be divided into the two fields; 0 if it cannot or need not. */
    private static int split(byte[] name) {
        if (name.length <= NAME || !isAscii(name)) {
            return 0;
        }
        int at = Math.min(name.length - 2, PREFIX); // a slash at the end does not divide
        while (at > 0 && name[at] != '/') {
            at--;
        }
        return name.length - at - 1 > NAME ? 0 : Math.max(0, at);
    }

    private static byte type(TarEntry.Kind kind) {
        return (byte)
                switch (kind) {
                    case REGULAR -> '0';
                    case HARD_LINK -> '1';
                    case SYMLINK -> '2';
                    case CHARACTER_DEVICE -> '3';
                    case BLOCK_DEVICE -> '4';
                    case DIRECTORY -> '5';
                    case FIFO -> '6';
                };
    }

    private static byte[] sealed(byte[] block) {
        System.arraycopy(MAGIC, 0, block, 257, MAGIC.length);
        Arrays.fill(block, 148, 156, (byte) ' ');
        long sum = 0;
        for (byte b : block) {
            sum += Byte.toUnsignedInt(b);
        }
        octal(block, 148, 7, sum);
        return block;
    }

    private static void text(byte[] block, int at, int width, byte[] text) {
        int length = Math.min(width, text.length);
        while (text.length > width && length > 0 && text[length - 1] == '/') {
            length--; // some readers take what ends so for a directory
        }
        System.arraycopy(text, 0, block, at, length);
    }

    private static boolean fits(int width, long value) {
        return value >= 0 && value < 1L << (3 * (width - 1));
    }

    /** What does not fit is in the extended header. */
    private static void octal(byte[] block, int at, int width, long value) {
        long rest = fits(width, value) ? value : 0;
        for (int i = at + width - 2; i >= at; i--) {
            block[i] = (byte) ('0' + (rest & 7));
            rest >>>= 3;
        }
        block[at + width - 1] = 0;
    }

    private static boolean isAscii(byte[] text) {
        for (byte b : text) {
            if (b < 0) {
                return false;
            }
        }
        return true;
    }

    private static byte[] ascii(byte[] text) {
        var kept = new ByteArrayOutputStream(text.length);
        for (byte b : text) {
            if (b > 0) {
                kept.write(b);
            }
        }
        return kept.toByteArray();
    }

    private static byte[] latin(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }
}
