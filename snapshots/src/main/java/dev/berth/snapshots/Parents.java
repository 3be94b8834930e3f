package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.FileStat;
import dev.berth.linux.FileType;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Finds the directories that entries go to, as if the layer's root were the root: links are followed within it, what is
 * missing is made. The last few stay open, since archives are sorted by directory.
 */
final class Parents implements AutoCloseable {
    private static final int OPEN = 32;
    private static final int MAX_LINKS = 255;

    /**
     * A directory.
     *
     * @param path where it really is, without links
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Found(Dir dir, byte[] path) {}

    private final Dir root;
    private final LayerForm form;
    private final Directories directories;
    private final LinkedHashMap<ByteBuffer, Found> open = new LinkedHashMap<>(OPEN, 0.75f, true);
    private final List<Found> retired = new ArrayList<>();

    Parents(Dir root, LayerForm form, Directories directories) {
        this.root = root;
        this.form = form;
        this.directories = directories;
    }

    /** The directory at a path, made if need be. It stays this object's. */
    Found make(byte[] path) throws IOException {
        ByteBuffer key = ByteBuffer.wrap(path);
        Found known = open.get(key);
        if (known != null) {
            return known;
        }
        Found found = direct(path);
        if (found == null) {
            found = new Walk(path, true).run();
        }
        if (found == null) {
            throw new IllegalStateException("a walk that makes what is missing finds it");
        }
        closeRetired();
        form.entering(found.dir, found.path);
        form.touch(found.path);
        remember(key, found);
        return found;
    }

    /** The directory at a path, or null if there is none. It is the caller's to close. */
    @Nullable
    Found find(byte[] path) throws IOException {
        Found found = direct(path);
        return found == null ? new Walk(path, false).run() : found;
    }

    /** Something was replaced through which a known path may lead. What is in use stays open until the next one is. */
    void forget() {
        retired.addAll(open.values());
        open.clear();
    }

    private void closeRetired() {
        retired.forEach(found -> found.dir.close());
        retired.clear();
    }

    private void remember(ByteBuffer key, Found found) {
        open.put(key, found);
        if (open.size() > OPEN) {
            Map.Entry<ByteBuffer, Found> oldest = open.firstEntry();
            open.remove(oldest.getKey());
            oldest.getValue().dir.close();
        }
    }

    /** One call, for the usual case that everything is there and no link is on the way. */
    private @Nullable Found direct(byte[] path) throws LinuxException {
        try {
            return new Found(root.openDir(path, Dir.Resolve.NO_LINKS), path);
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT) || e.is(Errno.ELOOP) || e.is(Errno.ENOTDIR)) {
                return null;
            }
            throw e;
        }
    }

    /** Component by component. */
    private final class Walk {
        private final byte[] asked;
        private final boolean make;
        private final Deque<byte[]> ahead;
        private final List<byte[]> behind = new ArrayList<>();
        private int links;

        Walk(byte[] path, boolean make) {
            this.asked = path;
            this.make = make;
            this.ahead = new ArrayDeque<>(LayerPath.components(path));
        }

        @Nullable
        Found run() throws IOException {
            Dir at = root.reopen();
            boolean found = false;
            try {
                while (!ahead.isEmpty()) {
                    Dir next = step(at, ahead.removeFirst());
                    if (next == null) {
                        return null;
                    }
                    at.close();
                    at = next;
                }
                found = true;
                return new Found(at, LayerPath.joined(behind));
            } finally {
                if (!found) {
                    at.close();
                }
            }
        }

        private @Nullable Dir step(Dir at, byte[] name) throws IOException {
            if (LayerPath.isDotDot(name)) {
                if (!behind.isEmpty()) {
                    behind.removeLast();
                }
                return openBehind();
            }
            FileStat there = at.find(name);
            if (there != null && there.type() == FileType.SYMLINK) {
                return follow(at, name);
            }
            if (there == null || !there.isDirectory()) {
                if (!make) {
                    return null;
                }
                makeMissing(at, name, there);
            }
            behind.add(name);
            return at.openDir(name, Dir.Resolve.NO_LINKS);
        }

        private Dir follow(Dir at, byte[] name) throws IOException {
            links++;
            if (links > MAX_LINKS) {
                throw LayerFault.refused(asked, "leads through more than " + MAX_LINKS + " links");
            }
            byte[] target = at.readlink(name);
            LayerPath.components(target).reversed().forEach(ahead::addFirst);
            if (target.length > 0 && target[0] == '/') {
                behind.clear();
            }
            return openBehind();
        }

        private Dir openBehind() throws IOException {
            return root.openDir(LayerPath.joined(behind), Dir.Resolve.NO_LINKS);
        }

        private void makeMissing(Dir at, byte[] name, @Nullable FileStat there) throws IOException {
            byte[] above = LayerPath.joined(behind);
            byte[] path = LayerPath.join(above, name);
            boolean hidden = there != null && form.isHidden(there);
            form.entering(at, above);
            if (hidden) {
                at.unlink(name);
            } else if (there != null) {
                form.makeWayForParent(at, name, path, there);
            }
            at.mkdir(name, 0700);
            if (hidden) {
                form.keepHidden(at, name, path);
            }
            directories.imply(path, form.implied(path));
            form.touch(path);
        }
    }

    @Override
    public void close() {
        forget();
        closeRetired();
    }
}
