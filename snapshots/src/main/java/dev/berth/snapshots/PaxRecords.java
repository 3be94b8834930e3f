package dev.berth.snapshots;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The records of an extended header, {@code LENGTH KEY=VALUE\n} each, in their order. Keys are text, values are bytes.
 *
 * @see <a href="https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html">POSIX, pax Extended Header</a>
 */
final class PaxRecords {
    static final PaxRecords NONE = new PaxRecords();

    static final String XATTR = "SCHILY.xattr.";
    private static final int MAX_LENGTH_DIGITS = 10;

    /** One record; never compared. */
    @SuppressWarnings("ArrayRecordComponent")
    record Entry(String key, byte[] value) {}

    private final List<Entry> entries = new ArrayList<>();

    static PaxRecords parse(byte[] bytes) {
        PaxRecords records = new PaxRecords();
        int at = 0;
        while (at < bytes.length) {
            at = records.parseOne(bytes, at);
        }
        return records;
    }

    private int parseOne(byte[] bytes, int start) {
        int at = start;
        int length = 0;
        while (at < bytes.length && bytes[at] >= '0' && bytes[at] <= '9' && at - start < MAX_LENGTH_DIGITS) {
            length = Math.min(length, 100_000_000) * 10 + bytes[at] - '0';
            at++;
        }
        int end = start + length;
        if (at == start
                || at >= bytes.length
                || bytes[at] != ' '
                || end > bytes.length
                || end < at + 2
                || bytes[end - 1] != '\n') {
            throw LayerFault.malformed("a record of an extended header is malformed");
        }
        int key = at + 1;
        int equals = key;
        while (equals < end && bytes[equals] != '=') {
            equals++;
        }
        if (equals == end || equals == key) {
            throw LayerFault.malformed("a record of an extended header has no key");
        }
        // Latin-1 keeps every byte of an attribute's name.
        String text = new String(bytes, key, equals - key, StandardCharsets.ISO_8859_1);
        entries.add(new Entry(text, Arrays.copyOfRange(bytes, equals + 1, end - 1)));
        return end;
    }

    List<Entry> entries() {
        return entries;
    }

    /** The last value of a key; an empty value takes an earlier one back. */
    byte @Nullable [] value(String key) {
        for (Entry entry : entries.reversed()) {
            if (entry.key.equals(key)) {
                return entry.value.length == 0 ? null : entry.value;
            }
        }
        return null;
    }

    @Nullable
    String text(String key) {
        byte[] value = value(key);
        return value == null ? null : new String(value, StandardCharsets.ISO_8859_1);
    }

    long number(String key, long otherwise) {
        String text = text(key);
        return text == null ? otherwise : number(text);
    }

    static long number(String text) {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw LayerFault.malformed("\"" + LayerFault.shown(text.getBytes(StandardCharsets.ISO_8859_1))
                            + "\" in an extended header is not a number")
                    .causedBy(e);
        }
    }

    /** A time with a fraction of up to nine digits that count. */
    @Nullable
    Instant time(String key) {
        String text = text(key);
        if (text == null) {
            return null;
        }
        int dot = text.indexOf('.');
        String whole = dot < 0 ? text : text.substring(0, dot);
        String fraction = dot < 0 ? "" : text.substring(dot + 1);
        if (!fraction.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw LayerFault.malformed("a time in an extended header is not a number");
        }
        boolean negative = whole.startsWith("-");
        long seconds = whole.isEmpty() || whole.equals("-") ? 0 : number(whole);
        int nanos = Integer.parseInt((fraction + "000000000").substring(0, 9));
        return instant(seconds, negative ? -nanos : nanos);
    }

    /** A time that {@link Instant} can't hold becomes the nearest that it can. */
    static Instant instant(long seconds, int nanos) {
        long bound = Instant.MAX.getEpochSecond() - 1;
        return Instant.ofEpochSecond(Math.clamp(seconds, -bound, bound), nanos);
    }

    List<TarEntry.Xattr> xattrs() {
        List<TarEntry.Xattr> xattrs = new ArrayList<>();
        for (Entry entry : entries) {
            if (entry.key.startsWith(XATTR) && entry.key.length() > XATTR.length()) {
                byte[] name = entry.key.substring(XATTR.length()).getBytes(StandardCharsets.ISO_8859_1);
                xattrs.removeIf(earlier -> Arrays.equals(earlier.name(), name));
                xattrs.add(new TarEntry.Xattr(name, entry.value));
            }
        }
        return xattrs;
    }
}
