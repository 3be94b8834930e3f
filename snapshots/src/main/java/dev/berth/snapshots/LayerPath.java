package dev.berth.snapshots;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * Paths within a layer: bytes, components separated by one slash, none at the ends, the root being empty.
 *
 * <p>{@link #clean} makes such a path of a name in an archive: absolute names start at the layer's root, and {@code ..} stops
 * there.
 */
final class LayerPath {
    static final byte[] ROOT = {};

    /** What the kernel takes in one call; no process could name what is longer. */
    private static final int MAX_PATH = 4095;

    private static final int MAX_NAME = 255;
    private static final int MAX_DEPTH = 1000;

    private LayerPath() {}

    static byte[] clean(byte[] raw) {
        Deque<byte[]> kept = new ArrayDeque<>();
        for (byte[] name : components(raw)) {
            if (isDotDot(name)) {
                kept.pollLast();
            } else if (name.length > MAX_NAME) {
                throw LayerFault.refused(raw, "has a name of more than " + MAX_NAME + " bytes");
            } else {
                kept.addLast(name);
            }
        }
        if (kept.size() > MAX_DEPTH) {
            throw LayerFault.refused(raw, "is more than " + MAX_DEPTH + " directories deep");
        }
        byte[] path = joined(kept);
        if (path.length > MAX_PATH) {
            throw LayerFault.refused(raw, "has a path of more than " + MAX_PATH + " bytes");
        }
        return path;
    }

    /** The components, without empty ones and dots. */
    static List<byte[]> components(byte[] path) {
        List<byte[]> names = new ArrayList<>();
        int start = 0;
        for (int i = 0; i <= path.length; i++) {
            if (i == path.length || path[i] == '/') {
                boolean dot = i - start == 1 && path[start] == '.';
                if (i > start && !dot) {
                    names.add(Arrays.copyOfRange(path, start, i));
                }
                start = i + 1;
            }
        }
        return names;
    }

    static boolean isDotDot(byte[] name) {
        return name.length == 2 && name[0] == '.' && name[1] == '.';
    }

    static byte[] joined(Iterable<byte[]> names) {
        byte[] path = ROOT;
        for (byte[] name : names) {
            path = join(path, name);
        }
        return path;
    }

    static byte[] join(byte[] parent, byte[] name) {
        if (parent.length == 0) {
            return name;
        }
        byte[] path = Arrays.copyOf(parent, parent.length + 1 + name.length);
        path[parent.length] = '/';
        System.arraycopy(name, 0, path, parent.length + 1, name.length);
        return path;
    }

    static byte[] parent(byte[] path) {
        return Arrays.copyOf(path, Math.max(0, lastSlash(path)));
    }

    static byte[] name(byte[] path) {
        return Arrays.copyOfRange(path, lastSlash(path) + 1, path.length);
    }

    private static int lastSlash(byte[] path) {
        int i = path.length - 1;
        while (i >= 0 && path[i] != '/') {
            i--;
        }
        return i;
    }

    /** Whether a path is the other one or below it. */
    static boolean isWithin(byte[] path, byte[] other) {
        return other.length == 0
                || (path.length >= other.length
                        && Arrays.equals(path, 0, other.length, other, 0, other.length)
                        && (path.length == other.length || path[other.length] == '/'));
    }
}
