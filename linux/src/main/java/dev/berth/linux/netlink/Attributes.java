package dev.berth.linux.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The attributes of an answer, by type. Of a type that comes twice the last one counts. */
final class Attributes {
    private static final int TYPE_MASK = 0x3fff;

    private final Map<Integer, ByteBuffer> values = new HashMap<>();

    /** Reads what is between position and limit; stops quietly where the bytes make no sense. */
    static Attributes read(ByteBuffer from) {
        var all = new Attributes();
        ByteBuffer bytes = from.duplicate().order(ByteOrder.nativeOrder());
        while (bytes.remaining() >= 4) {
            int start = bytes.position();
            int length = Short.toUnsignedInt(bytes.getShort(start));
            if (length < 4 || length > bytes.remaining()) {
                break;
            }
            int type = bytes.getShort(start + 2) & TYPE_MASK;
            all.values.put(type, bytes.slice(start + 4, length - 4).order(ByteOrder.nativeOrder()));
            bytes.position(Math.min(bytes.limit(), start + (length + 3) / 4 * 4));
        }
        return all;
    }

    boolean has(int type) {
        return values.containsKey(type);
    }

    /** The bytes of an attribute, null if it is not there. */
    @Nullable
    ByteBuffer get(int type) {
        ByteBuffer value = values.get(type);
        return value == null ? null : value.duplicate().order(ByteOrder.nativeOrder());
    }

    byte @Nullable [] bytes(int type) {
        ByteBuffer value = get(type);
        if (value == null) {
            return null;
        }
        byte[] copy = new byte[value.remaining()];
        value.get(copy);
        return copy;
    }

    int number(int type, int otherwise) {
        ByteBuffer value = get(type);
        return value == null || value.remaining() < 4 ? otherwise : value.getInt();
    }

    /** A string; empty if it is not there. */
    String text(int type) {
        byte[] value = bytes(type);
        if (value == null) {
            return "";
        }
        int end = value.length;
        while (end > 0 && value[end - 1] == 0) {
            end--;
        }
        return new String(value, 0, end, StandardCharsets.UTF_8);
    }

    /** The attributes inside an attribute; none if it is not there. */
    Attributes nested(int type) {
        ByteBuffer value = get(type);
        return value == null ? new Attributes() : read(value);
    }
}
