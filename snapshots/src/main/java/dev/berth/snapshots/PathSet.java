package dev.berth.snapshots;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Values of paths within a layer, sorted so that a whole tree can be forgotten at once. A directory comes before its content. */
final class PathSet<V> {
    /** Compares bytes, with the slash as the least, so that a path and all below it are neighbours. */
    private static final Comparator<byte[]> ORDER = (a, b) -> {
        int at = Arrays.mismatch(a, b);
        if (at < 0) {
            return 0;
        }
        if (at == a.length || at == b.length) {
            return Integer.compare(a.length, b.length);
        }
        return Integer.compare(rank(a[at]), rank(b[at]));
    };

    /** What all paths may take together: a hostile layer has millions of long ones. */
    private static final long MAX_BYTES = 64L << 20;

    private final TreeMap<byte[], V> values = new TreeMap<>(ORDER);
    private long bytes;

    private static int rank(byte b) {
        return b == '/' ? -1 : Byte.toUnsignedInt(b);
    }

    void put(byte[] path, V value) {
        if (values.put(path, value) == null) {
            bytes += path.length;
            if (bytes > MAX_BYTES) {
                throw LayerFault.tooMuch("the names of its directories take more than " + MAX_BYTES + " bytes");
            }
        }
    }

    @Nullable
    V get(byte[] path) {
        return values.get(path);
    }

    void remove(byte[] path) {
        if (values.remove(path) != null) {
            bytes -= path.length;
        }
    }

    /** Forgets a path and everything below it. */
    void removeWithin(byte[] path) {
        within(path).forEach(this::remove);
    }

    /** A path and everything below it, as far as it is in the set. */
    List<byte[]> within(byte[] path) {
        List<byte[]> found = new ArrayList<>();
        for (byte[] candidate : values.tailMap(path, true).keySet()) {
            if (!LayerPath.isWithin(candidate, path)) {
                break;
            }
            found.add(candidate);
        }
        return found;
    }

    /** Whether a directory above a path is in the set. */
    boolean coversAbove(byte[] path) {
        byte[] at = path;
        while (at.length > 0) {
            at = LayerPath.parent(at);
            if (values.containsKey(at)) {
                return true;
            }
        }
        return false;
    }

    Map<byte[], V> all() {
        return values;
    }
}
