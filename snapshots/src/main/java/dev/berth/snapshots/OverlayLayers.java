package dev.berth.snapshots;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Rollback;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.FileStat;
import dev.berth.linux.FileType;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Mounts;
import dev.berth.linux.OverlayMount;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Usage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Layers for an overlay: each in a directory of its own, stacked by filling in what only the layers below can tell. */
final class OverlayLayers extends LayerStack {
    private final SnapshotFiles files;

    /** A layer unpacked by itself. */
    private record Draft(SnapshotRecord snapshot, LayerUnpack.Standalone content) implements LayerDraft {
        @Override
        public Usage usage() {
            Usage usage = content.usage();
            return usage == null ? Usage.ZERO : usage;
        }
    }

    OverlayLayers(OverlaySnapshotter snapshotter, Namespace namespace, String base) {
        super(snapshotter, namespace, base);
        this.files = snapshotter.files;
    }

    @Override
    public boolean sideBySide() {
        return true;
    }

    @Override
    public LayerDraft unpack(InputStream tar) {
        try (Rollback undo = new Rollback()) {
            SnapshotRecord snapshot = newDraft(false);
            undo.add("draft " + snapshot.number(), () -> drop(snapshot));
            LayerUnpack.Standalone content = unpack(snapshot, tar);
            flushIfLarge(content.usage());
            undo.commit();
            return new Draft(snapshot, content);
        } catch (IOException e) {
            throw SnapshotFault.of("unpack a layer", e);
        }
    }

    private LayerUnpack.Standalone unpack(SnapshotRecord snapshot, InputStream tar) throws IOException {
        try (Dir fs = files.open(snapshot.number())) {
            return LayerUnpack.standalone(fs, tar);
        }
    }

    @Override
    public Placement append(String name, Map<String, String> labels, LayerDraft draft) {
        if (!(draft instanceof Draft ours)) {
            throw new IllegalArgumentException("this draft belongs to another snapshotter");
        }
        try {
            String needsParent = ours.content.needsParent();
            if (needsParent == null) {
                needsParent = fillIn(ours);
            }
            if (needsParent != null) {
                drop(ours.snapshot);
                return new Placement.NeedsParent(needsParent);
            }
            return stack(name, labels, ours.snapshot, usage(ours));
        } catch (IOException e) {
            throw SnapshotFault.of("stack layer " + name, e);
        }
    }

    private Usage usage(Draft draft) throws IOException {
        Usage usage = draft.content.usage();
        return usage == null ? files.usage(draft.snapshot.number()) : usage;
    }

    /**
     * Does what only the layers below can tell.
     *
     * @return why the layer can't be stacked, or null if it is ready
     */
    private @Nullable String fillIn(Draft draft) throws IOException {
        try (Dir own = files.open(draft.snapshot.number());
                Below below = new Below()) {
            for (Map.Entry<byte[], Directories.Implied> entry :
                    draft.content.implied().all().entrySet()) {
                byte[] path = entry.getKey();
                FileMeta meta = FileMeta.PLAIN;
                if (entry.getValue() != Directories.Implied.FRESH) {
                    try (Dir there = below.open(path)) {
                        meta = there == null ? FileMeta.PLAIN : FileMeta.of(there);
                    } catch (LinuxException e) {
                        if (e.is(Errno.ELOOP)) {
                            return "\"" + LayerFault.shown(path) + "\" is a link in a lower layer";
                        }
                        throw e;
                    }
                }
                if (entry.getValue() != Directories.Implied.NO_MORE) {
                    apply(meta, own, path);
                }
            }
            for (byte[] path : draft.content.marked().all().keySet()) {
                if (!draft.content.seesContentBelow(path) || !below.has(path)) {
                    removeMarks(own, path);
                }
            }
            if (below().isEmpty()) {
                for (byte[] path : draft.content.hidden().all().keySet()) {
                    removeOpaque(own, path);
                }
            }
            return null;
        }
    }

    private static void apply(FileMeta meta, Dir own, byte[] path) throws IOException {
        try (Dir dir = own.openDir(path, Dir.Resolve.NO_LINKS)) {
            meta.apply(dir);
        }
    }

    /** The kernel shows the marks of deleted names in a directory that it need not merge with another. */
    private static void removeMarks(Dir own, byte[] path) throws IOException {
        change(own, path, dir -> {
            FileStat before = dir.stat();
            dir.forEach(entry -> {
                if (entry.type() == FileType.CHARACTER_DEVICE
                        && dir.stat(entry.name()).isWhiteout()) {
                    dir.unlink(entry.name());
                }
            });
            dir.setTimes(before.accessed(), before.modified());
        });
    }

    /** Nothing is below, and the layer may be seen without an overlay. */
    private static void removeOpaque(Dir own, byte[] path) throws IOException {
        change(own, path, dir -> dir.removeXattr(StandaloneForm.OPAQUE));
    }

    private interface Change {
        void apply(Dir dir) throws IOException;
    }

    private static void change(Dir own, byte[] path, Change change) throws IOException {
        try (Dir dir = own.openDir(path, Dir.Resolve.NO_LINKS)) {
            change.apply(dir);
        } catch (LinuxException e) {
            if (!e.is(Errno.ENOENT) && !e.is(Errno.ENOTDIR) && !e.is(Errno.ELOOP)) {
                throw e; // a later entry has replaced the directory
            }
        }
    }

    /** The layers below, seen together, as soon as more than their root is asked for. */
    private final class Below implements AutoCloseable {
        private @Nullable DetachedMount mount;
        private @Nullable Dir merged;

        /**
         * A directory as it is below, or null if there is none.
         *
         * @throws LinuxException ELOOP if a link is on the way
         */
        @Nullable
        Dir open(byte[] path) throws IOException {
            if (below().isEmpty()) {
                return null;
            }
            try {
                return path.length == 0 ? files.open(below().getFirst()) : merged().openDir(path, Dir.Resolve.NO_LINKS);
            } catch (LinuxException e) {
                if (e.is(Errno.ENOENT) || e.is(Errno.ENOTDIR)) {
                    return null;
                }
                throw e;
            }
        }

        boolean has(byte[] path) throws IOException {
            try (Dir there = open(path)) {
                return there != null;
            } catch (LinuxException e) {
                if (e.is(Errno.ELOOP)) {
                    return false; // a directory of ours hides that link
                }
                throw e;
            }
        }

        private Dir merged() throws IOException {
            Dir known = merged;
            if (known != null) {
                return known;
            }
            List<Path> layers = below().stream().map(files::fs).toList();
            Dir opened;
            if (layers.size() == 1) {
                opened = Dir.open(layers.getFirst());
            } else {
                DetachedMount made = overlay(new OverlayMount(layers, null, List.of()));
                mount = made;
                opened = Dir.open(made.fd());
            }
            merged = opened;
            return opened;
        }

        @Override
        public void close() {
            if (merged != null) {
                merged.close();
            }
            if (mount != null) {
                mount.close();
            }
        }
    }

    private static DetachedMount overlay(OverlayMount overlay) throws IOException {
        return SnapshotFiles.longWork("mount-layers", () -> Mounts.overlay(overlay));
    }

    @Override
    public Placement.Placed appendInTurn(String name, Map<String, String> labels, InputStream tar) {
        try (Rollback undo = new Rollback()) {
            SnapshotRecord snapshot = newDraft(true);
            undo.add("draft " + snapshot.number(), () -> drop(snapshot));
            if (below().isEmpty()) {
                unpackAlone(snapshot, tar);
            } else {
                unpackOntoParents(snapshot, tar);
            }
            files.removeWork(snapshot.number());
            Usage usage = files.usage(snapshot.number());
            undo.commit();
            return stack(name, labels, snapshot, usage);
        } catch (IOException e) {
            throw SnapshotFault.of("unpack layer " + name, e);
        }
    }

    /** Nothing is below: the layer is the whole tree, and what is missing in it is missing. */
    private void unpackAlone(SnapshotRecord snapshot, InputStream tar) throws IOException {
        try (Dir fs = files.open(snapshot.number())) {
            FileMeta.PLAIN.apply(fs);
            LayerUnpack.inPlace(fs, tar);
        }
    }

    /** The kernel itself records what the layer changes: links are followed, files copied up, deletions noted. */
    private void unpackOntoParents(SnapshotRecord snapshot, InputStream tar) throws IOException {
        try (Dir below = files.open(below().getFirst());
                Dir own = files.open(snapshot.number())) {
            FileMeta.of(below).apply(own);
        }
        OverlayMount.Upper upper = new OverlayMount.Upper(files.fs(snapshot.number()), files.work(snapshot.number()));
        List<Path> lower = below().stream().map(files::fs).toList();
        List<String> options = List.of("index=off", "redirect_dir=off", "metacopy=off", "volatile");
        try (DetachedMount mount = overlay(new OverlayMount(lower, upper, options));
                Dir merged = Dir.open(mount.fd())) {
            LayerUnpack.inPlace(merged, tar);
        } catch (LinuxException e) {
            throw Fault.internal("unpack a layer", "its overlay cannot be mounted: " + e.getMessage(), "")
                    .causedBy(e);
        }
    }
}
