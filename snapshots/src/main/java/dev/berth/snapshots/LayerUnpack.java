package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.FileStat;
import dev.berth.linux.FileType;
import dev.berth.linux.LinuxException;
import dev.berth.linux.RegularFile;
import dev.berth.store.SnapshotRecord.Usage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Puts the entries of one archive beneath a directory handle, byte for byte: kinds, owners, modes, times, attributes, holes.
 *
 * <p>A later entry replaces an earlier one of the same name. {@code .wh.NAME} deletes a name of the layers below,
 * {@code .wh..wh..opq} all that they have in its directory.
 *
 * @see <a href="https://github.com/opencontainers/image-spec/blob/main/layer.md">OCI image layer</a>
 */
final class LayerUnpack implements AutoCloseable {
    private static final int MAX_ENTRIES = 4_000_000;
    private static final int CHUNK = 1 << 18;
    /** Files of this size and more hold nearly all bytes of a layer, and are few. */
    private static final long LARGE = 1 << 16;

    private static final int SYNC_STEP_CHUNKS = 32;
    private static final int PAGE = 4096;
    /** Links that are shorter take no room of their own in any file system. */
    private static final int SHORT_LINK = 60;

    private static final byte[] WHITEOUT = ".wh.".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] WHITEOUT_META = ".wh..wh.".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] OPAQUE = ".wh..wh..opq".getBytes(StandardCharsets.US_ASCII);

    private final Dir root;
    private final TarReader reader;
    private final LayerForm form;
    private final Directories directories;
    private final Parents parents;
    private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK);
    private long bytes;
    private long inodes;
    private boolean replaced;
    private boolean bookKeeping;

    private LayerUnpack(Dir root, InputStream tar, LayerForm form, Directories directories) {
        this.root = root;
        this.reader = new TarReader(tar);
        this.form = form;
        this.directories = directories;
        this.parents = new Parents(root, form, directories);
    }

    /**
     * What a layer unpacked by itself needs to become part of a chain.
     *
     * @param implied directories that the layer has no entry for, parents first
     * @param hidden directories that hide what the layers below have there
     * @param marked directories in which names are marked as deleted
     * @param usage null if it must be counted
     * @param needsParent why the layer can't be unpacked by itself, or null; then its directory is of no use
     */
    record Standalone(
            PathSet<Directories.Implied> implied,
            PathSet<StandaloneForm.Hidden> hidden,
            PathSet<Boolean> marked,
            @Nullable Usage usage,
            @Nullable String needsParent) {
        /** Whether what the layers below have in a directory of this one is seen. */
        boolean seesContentBelow(byte[] directory) {
            return hidden.get(directory) == null && !hidden.coversAbove(directory);
        }
    }

    /** Unpacks into an empty directory, in an overlay's form. */
    static Standalone standalone(Dir root, InputStream tar) {
        Directories directories = new Directories();
        StandaloneForm form = new StandaloneForm();
        directories.imply(LayerPath.ROOT, Directories.Implied.AS_BELOW);
        try (LayerUnpack unpack = new LayerUnpack(root, tar, form, directories)) {
            try {
                unpack.run();
            } catch (NeedsParentException e) {
                unpack.reader.drain();
                return new Standalone(directories.implied(), form.hidden(), form.marked(), null, e.why());
            }
            return new Standalone(directories.implied(), form.hidden(), form.marked(), unpack.usage(), null);
        } catch (IOException e) {
            throw LayerFault.of(LayerPath.ROOT, e);
        }
    }

    /** Unpacks onto a tree that shows the layers below. */
    static void inPlace(Dir root, InputStream tar) {
        Directories directories = new Directories();
        try (LayerUnpack unpack = new LayerUnpack(root, tar, new InPlaceForm(root, directories), directories)) {
            unpack.run();
            directories.applyPlain(root);
        } catch (IOException e) {
            throw LayerFault.of(LayerPath.ROOT, e);
        }
    }

    private void run() {
        byte[] name = LayerPath.ROOT;
        try {
            int entries = 0;
            for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
                name = entry.name();
                entries++;
                if (entries > MAX_ENTRIES) {
                    throw LayerFault.tooMuch("it has more than " + MAX_ENTRIES + " entries");
                }
                put(entry);
            }
            name = LayerPath.ROOT;
            removeBookKeeping();
            directories.applyDescribed(root);
        } catch (IOException e) {
            throw LayerFault.of(name, e);
        }
    }

    /** Old layers of AUFS keep files there that others of their files are links to. */
    private void removeBookKeeping() throws IOException {
        if (!bookKeeping) {
            return;
        }
        replaced = true;
        root.forEach(entry -> {
            if (startsWith(entry.name(), WHITEOUT_META)) {
                root.removeTree(entry.name());
                directories.forget(entry.name());
            }
        });
    }

    private @Nullable Usage usage() throws IOException {
        if (replaced) {
            return null;
        }
        Usage ofDirectories = directories.usage(root);
        return new Usage(bytes + ofDirectories.bytes(), inodes + ofDirectories.inodes());
    }

    private void put(TarEntry entry) throws IOException {
        byte[] path = LayerPath.clean(entry.name());
        if (path.length == 0) {
            putRoot(entry);
            return;
        }
        byte[] name = LayerPath.name(path);
        byte[] above = LayerPath.parent(path);
        bookKeeping |= startsWith(above, WHITEOUT_META);
        if (startsWith(name, WHITEOUT)) {
            putWhiteout(entry, above, name);
            return;
        }
        Parents.Found parent = parents.make(above);
        byte[] place = LayerPath.join(parent.path(), name);
        if (entry.kind() == TarEntry.Kind.CHARACTER_DEVICE && entry.rdev() == 0) {
            whiteout(parent, name, place); // an overlay's own form of a whiteout, as found in careless archives
            return;
        }
        switch (entry.kind()) {
            case REGULAR -> putRegular(entry, parent, name, place);
            case DIRECTORY -> putDirectory(entry, parent, name, place);
            case HARD_LINK -> putLink(entry, parent, name, place);
            case SYMLINK -> {
                if (entry.link().length == 0) {
                    throw LayerFault.refused(entry.name(), "is a link to nothing");
                }
                place(parent, name, place, () -> parent.dir().symlink(entry.link(), name));
                describe(entry, parent.dir(), name);
                if (entry.link().length >= SHORT_LINK) {
                    bytes += blocks(parent.dir(), name);
                }
            }
            case CHARACTER_DEVICE -> putNode(entry, FileType.CHARACTER_DEVICE, parent, name, place);
            case BLOCK_DEVICE -> putNode(entry, FileType.BLOCK_DEVICE, parent, name, place);
            case FIFO -> putNode(entry, FileType.FIFO, parent, name, place);
        }
        form.touch(place);
    }

    private void putRoot(TarEntry entry) {
        if (entry.kind() != TarEntry.Kind.DIRECTORY) {
            throw LayerFault.refused(entry.name(), "would replace the root directory");
        }
        directories.describe(LayerPath.ROOT, FileMeta.of(entry));
    }

    private void putWhiteout(TarEntry entry, byte[] above, byte[] name) throws IOException {
        if (Arrays.equals(name, OPAQUE)) {
            Parents.Found parent = parents.make(above);
            form.opaque(parent.dir(), parent.path());
            return;
        }
        if (startsWith(name, WHITEOUT_META)) {
            return; // book-keeping of AUFS, which means nothing to others
        }
        byte[] hidden = Arrays.copyOfRange(name, WHITEOUT.length, name.length);
        if (hidden.length == 0 || LayerPath.isDotDot(hidden) || (hidden.length == 1 && hidden[0] == '.')) {
            throw LayerFault.refused(entry.name(), "would delete its own directory or its parent");
        }
        Parents.Found parent = parents.make(above);
        whiteout(parent, hidden, LayerPath.join(parent.path(), hidden));
    }

    private void whiteout(Parents.Found parent, byte[] name, byte[] place) throws IOException {
        inodes++;
        if (form.whiteout(parent.dir(), name, place)) {
            parents.forget();
        }
    }

    private void putRegular(TarEntry entry, Parents.Found parent, byte[] name, byte[] place) throws IOException {
        try (RegularFile file = create(entry, parent, name, place)) {
            write(entry, file);
            if (entry.uid() != 0 || entry.gid() != 0 || form.inheritsGroups()) {
                file.chown(entry.uid(), entry.gid());
            }
            if (!Umask.leaves(entry.permissions())) {
                file.chmod(entry.permissions());
            }
            setXattrs(entry, parent.dir(), name);
            file.setTimes(entry.accessed(), entry.modified());
            if (entry.storedSize() >= LARGE) {
                file.beginSync(); // the disk works while the next ones are unpacked
            }
        }
        inodes++;
    }

    private RegularFile create(TarEntry entry, Parents.Found parent, byte[] name, byte[] place) throws IOException {
        try {
            return parent.dir().create(name, entry.permissions());
        } catch (LinuxException e) {
            makeRoom(e, parent, name, place);
            return parent.dir().create(name, entry.permissions());
        }
    }

    private void write(TarEntry entry, RegularFile file) throws IOException {
        List<TarEntry.Piece> pieces = entry.pieces();
        if (pieces == null) {
            copy(file, entry.storedSize());
            return;
        }
        for (TarEntry.Piece piece : pieces) {
            file.seek(piece.offset());
            copy(file, piece.length());
        }
        file.truncate(entry.size());
    }

    private void copy(RegularFile file, long length) throws IOException {
        long left = length;
        for (int chunks = 1; left > 0; chunks++) {
            chunk.clear().limit((int) Math.min(CHUNK, left));
            while (chunk.hasRemaining()) {
                reader.read(chunk, chunk.remaining());
            }
            left -= chunk.flip().remaining();
            file.write(chunk);
            if (chunks % SYNC_STEP_CHUNKS == 0) {
                file.beginSync();
            }
        }
        bytes += (length + PAGE - 1) / PAGE * PAGE;
    }

    private void putDirectory(TarEntry entry, Parents.Found parent, byte[] name, byte[] place) throws IOException {
        try {
            parent.dir().mkdir(name, 0700);
        } catch (LinuxException e) {
            FileStat there = e.is(Errno.EEXIST) ? parent.dir().find(name) : null;
            if (there == null || !there.isDirectory()) {
                makeRoom(e, parent, name, place);
                parent.dir().mkdir(name, 0700);
                form.keepHidden(parent.dir(), name, place);
            }
        }
        directories.describe(place, FileMeta.of(entry));
    }

    private void putLink(TarEntry entry, Parents.Found parent, byte[] name, byte[] place) throws IOException {
        byte[] target = LayerPath.clean(entry.link());
        if (target.length == 0) {
            throw LayerFault.refused(entry.name(), "is a hard link to a directory");
        }
        Parents.Found found = parents.find(LayerPath.parent(target));
        if (found == null) {
            throw form.missingTarget(entry);
        }
        byte[] targetName = LayerPath.name(target);
        try (Dir from = found.dir()) {
            FileStat there = from.find(targetName);
            if (there == null || form.isHidden(there)) {
                throw form.missingTarget(entry);
            }
            if (there.isDirectory()) {
                byte[] real = LayerPath.join(found.path(), targetName);
                throw directories.implied().get(real) == Directories.Implied.AS_BELOW
                        ? form.impliedAsTarget(entry)
                        : LayerFault.refused(entry.name(), "is a hard link to a directory");
            }
            FileStat same = parent.dir().find(name);
            if (same == null || !same.sameFile(there)) {
                place(parent, name, place, () -> parent.dir().link(from, targetName, name));
                inodes--; // no new one
            }
        }
    }

    private void putNode(TarEntry entry, FileType type, Parents.Found parent, byte[] name, byte[] place)
            throws IOException {
        Dir dir = parent.dir();
        place(parent, name, place, () -> dir.mknod(name, type, entry.permissions(), entry.rdev()));
        describe(entry, dir, name);
    }

    /** Owner, mode, attributes and times, in the order in which one does not undo another. */
    private void describe(TarEntry entry, Dir dir, byte[] name) throws IOException {
        if (entry.uid() != 0 || entry.gid() != 0 || form.inheritsGroups()) {
            dir.chown(name, entry.uid(), entry.gid());
        }
        if (entry.kind() != TarEntry.Kind.SYMLINK && !Umask.leaves(entry.permissions())) {
            dir.chmod(name, entry.permissions());
        }
        setXattrs(entry, dir, name);
        dir.setTimes(name, entry.accessed(), entry.modified());
    }

    private void setXattrs(TarEntry entry, Dir dir, byte[] name) throws IOException {
        List<TarEntry.Xattr> settable = FileMeta.settable(entry.xattrs());
        if (settable.isEmpty()) {
            return;
        }
        long before = blocks(dir, name);
        for (TarEntry.Xattr xattr : settable) {
            try {
                dir.setXattr(name, xattr.name(), xattr.value());
            } catch (LinuxException e) {
                FileMeta.goWithout(xattr, e);
            }
        }
        bytes += blocks(dir, name) - before; // what does not fit beside the owner and the times
    }

    private static long blocks(Dir dir, byte[] name) throws IOException {
        return dir.stat(name).blocks() * TreeUsage.BLOCK;
    }

    /** Makes one name. */
    private interface Making {
        void make() throws IOException;
    }

    private void place(Parents.Found parent, byte[] name, byte[] place, Making making) throws IOException {
        try {
            making.make();
        } catch (LinuxException e) {
            makeRoom(e, parent, name, place);
            making.make();
        }
        inodes++;
    }

    /** Removes what has the name already; any other failure stays one. */
    private void makeRoom(LinuxException failure, Parents.Found parent, byte[] name, byte[] place) throws IOException {
        if (!failure.is(Errno.EEXIST)) {
            throw failure;
        }
        replaced = true;
        FileStat there = parent.dir().find(name);
        if (there != null && there.isDirectory()) {
            parent.dir().removeTree(name);
            directories.forget(place);
        } else {
            parent.dir().unlink(name);
        }
        if (there != null && (there.isDirectory() || there.type() == FileType.SYMLINK)) {
            parents.forget();
        }
    }

    private static boolean startsWith(byte[] name, byte[] prefix) {
        return name.length >= prefix.length && Arrays.equals(name, 0, prefix.length, prefix, 0, prefix.length);
    }

    @Override
    public void close() {
        parents.close();
    }
}
