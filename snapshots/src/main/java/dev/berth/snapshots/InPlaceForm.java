package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.FileStat;
import dev.berth.linux.FileType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/**
 * A layer put onto a tree that shows its parents: deletions are carried out. A deletion means what the layers below have, never
 * what this layer has brought, wherever it stands in the archive; so the paths of this layer are remembered, as hashes.
 */
final class InPlaceForm implements LayerForm {
    private final Dir root;
    private final Directories directories;
    private final byte[] seed = new byte[16];
    private final MessageDigest digest;
    private final Set<Long> ours = new HashSet<>();

    InPlaceForm(Dir root, Directories directories) {
        this.root = root;
        this.directories = directories;
        new SecureRandom().nextBytes(seed);
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** A keyed hash, so that nobody can choose paths that collide. */
    private long hash(byte[] path) {
        digest.update(seed);
        return ByteBuffer.wrap(digest.digest(path)).getLong();
    }

    @Override
    public boolean isHidden(FileStat there) {
        return false;
    }

    @Override
    public void makeWayForParent(Dir in, byte[] name, byte[] path, FileStat there) throws IOException {
        if (ours.contains(hash(path))) {
            throw LayerFault.refused(path, "is no directory, but other entries are below it");
        }
        in.unlink(name);
    }

    @Override
    public void keepHidden(Dir in, byte[] name, byte[] path) {
        // What was hidden is gone.
    }

    @Override
    public boolean whiteout(Dir in, byte[] name, byte[] path) throws IOException {
        FileStat there = in.find(name);
        if (there == null) {
            return false;
        }
        if (!ours.contains(hash(path))) {
            in.removeTree(name);
        } else if (there.isDirectory()) {
            removeLower(path);
        }
        return there.isDirectory() || there.type() == FileType.SYMLINK;
    }

    @Override
    public void opaque(Dir dir, byte[] path) throws IOException {
        removeLower(path);
    }

    /** Removes what this layer has not brought. Directories wait as paths, so that one handle is open at a time. */
    private void removeLower(byte[] top) throws IOException {
        Deque<byte[]> waiting = new ArrayDeque<>();
        waiting.add(top);
        while (!waiting.isEmpty()) {
            byte[] path = waiting.removeLast();
            try (Dir dir = root.openDir(path, Dir.Resolve.NO_LINKS)) {
                directories.keep(dir, path);
                dir.forEach(entry -> {
                    byte[] below = LayerPath.join(path, entry.name());
                    if (!ours.contains(hash(below))) {
                        dir.removeTree(entry.name());
                    } else if (entry.type() == FileType.DIRECTORY) {
                        waiting.add(below);
                    }
                });
            }
        }
    }

    @Override
    public Directories.Implied implied(byte[] path) {
        return Directories.Implied.FRESH;
    }

    @Override
    public void touch(byte[] path) {
        byte[] at = path;
        boolean isNew = true;
        while (isNew && at.length > 0) { // once a directory is known, so are those above it
            isNew = ours.add(hash(at));
            at = LayerPath.parent(at);
        }
    }

    @Override
    public void entering(Dir dir, byte[] path) throws IOException {
        directories.keep(dir, path);
    }

    @Override
    public RuntimeException missingTarget(TarEntry link) {
        return LayerFault.refused(
                link.name(), "is a link to \"" + LayerFault.shown(link.link()) + "\", which is not there");
    }

    @Override
    public RuntimeException impliedAsTarget(TarEntry link) {
        return LayerFault.refused(link.name(), "is a hard link to a directory");
    }

    @Override
    public boolean inheritsGroups() {
        return true;
    }
}
