package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.FileStat;
import dev.berth.linux.RegularFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

/** Everything that can be seen of a tree, as text by path, to be compared. Bytes of names are shown as Latin-1. */
final class Tree {
    private final TreeMap<String, String> lines = new TreeMap<>();
    private final Map<Long, String> firstNames = new HashMap<>();
    private final boolean withTimes;

    private Tree(boolean withTimes) {
        this.withTimes = withTimes;
    }

    static Map<String, String> of(Dir root) throws IOException {
        return of(root, true);
    }

    static Map<String, String> of(Dir root, boolean withTimes) throws IOException {
        Tree tree = new Tree(withTimes);
        tree.lines.put("/", tree.line(root.stat(), "") + xattrs(root, null));
        tree.add(root, "");
        return tree.lines;
    }

    private void add(Dir dir, String above) throws IOException {
        var sorted = new TreeMap<String, byte[]>();
        dir.forEach(entry -> sorted.put(new String(entry.name(), StandardCharsets.ISO_8859_1), entry.name()));
        for (Map.Entry<String, byte[]> entry : sorted.entrySet()) {
            String path = above + "/" + entry.getKey();
            byte[] name = entry.getValue();
            FileStat stat = dir.stat(name);
            String first = stat.isDirectory() ? path : firstNames.computeIfAbsent(stat.inode(), _ -> path);
            lines.put(
                    path,
                    line(stat, content(dir, name, stat))
                            + xattrs(dir, name)
                            + (first.equals(path) ? "" : " same file as " + first));
            if (stat.isDirectory()) {
                try (Dir below = dir.openDir(name, Dir.Resolve.NO_LINKS)) {
                    add(below, path);
                }
            }
        }
    }

    private String line(FileStat stat, String content) {
        String times = withTimes ? " " + stat.modified() : "";
        return "%s %04o %d:%d%s%s".formatted(stat.type(), stat.permissions(), stat.uid(), stat.gid(), times, content);
    }

    private static String content(Dir dir, byte[] name, FileStat stat) throws IOException {
        return switch (stat.type()) {
            case REGULAR -> " " + stat.size() + " bytes " + digest(dir, name);
            case SYMLINK -> " -> " + new String(dir.readlink(name), StandardCharsets.ISO_8859_1);
            case CHARACTER_DEVICE, BLOCK_DEVICE -> " " + (stat.rdev() >>> 32) + ":" + (stat.rdev() & 0xffffffffL);
            default -> "";
        };
    }

    private static String digest(Dir dir, byte[] name) throws IOException {
        try (RegularFile file = dir.read(name)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 16);
            while (file.read(buffer.clear()) > 0) {
                digest.update(buffer.flip());
            }
            return HexFormat.of().formatHex(digest.digest(), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private static String xattrs(Dir dir, byte @org.jspecify.annotations.Nullable [] name) throws IOException {
        var shown = new TreeMap<String, String>();
        for (byte[] attribute : name == null ? dir.xattrs() : dir.xattrs(name)) {
            byte[] value = name == null ? dir.xattr(attribute) : dir.xattr(name, attribute);
            shown.put(
                    new String(attribute, StandardCharsets.ISO_8859_1),
                    value == null ? "gone" : HexFormat.of().formatHex(value));
        }
        shown.keySet().removeIf(key -> key.startsWith("trusted.overlay.") && !key.endsWith(".opaque"));
        return shown.isEmpty() ? "" : " " + shown;
    }
}
