package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.FileStat;
import dev.berth.linux.FileType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** A layer by itself, in the form that an overlay reads: deletions are recorded, as device 0:0 and as an attribute. */
final class StandaloneForm implements LayerForm {
    static final byte[] OPAQUE = "trusted.overlay.opaque".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] YES = {'y'};

    /** How much of a directory of the layers below is hidden. */
    enum Hidden {
        /** What is in it. */
        CONTENT,
        /** The directory itself; another one has taken its place. */
        ALL
    }

    private final PathSet<Hidden> hidden = new PathSet<>();
    private final PathSet<Boolean> marked = new PathSet<>();

    /** Directories that hide what the layers below have there. */
    PathSet<Hidden> hidden() {
        return hidden;
    }

    /** Directories in which a name is marked as deleted. */
    PathSet<Boolean> marked() {
        return marked;
    }

    @Override
    public boolean isHidden(FileStat there) {
        return there.isWhiteout();
    }

    @Override
    public void makeWayForParent(Dir in, byte[] name, byte[] path, FileStat there) {
        throw LayerFault.refused(path, "is no directory, but other entries are below it");
    }

    @Override
    public void keepHidden(Dir in, byte[] name, byte[] path) throws IOException {
        in.setXattr(name, OPAQUE, YES);
        hidden.put(path, Hidden.ALL);
    }

    @Override
    public boolean whiteout(Dir in, byte[] name, byte[] path) throws IOException {
        FileStat there = in.find(name);
        if (there == null) {
            in.mknod(name, FileType.CHARACTER_DEVICE, 0, 0);
            marked.put(LayerPath.parent(path), true);
        } else if (there.isDirectory()) {
            keepHidden(in, name, path); // what this layer has in it stays, wherever the whiteout stands
        }
        return false;
    }

    @Override
    public void opaque(Dir dir, byte[] path) throws IOException {
        if (path.length == 0) {
            // The kernel always shows the roots of all layers together.
            throw new NeedsParentException("it hides all that the layers below have");
        }
        dir.setXattr(OPAQUE, YES);
        if (hidden.get(path) == null) {
            hidden.put(path, Hidden.CONTENT);
        }
    }

    @Override
    public Directories.Implied implied(byte[] path) {
        boolean seesBelow = hidden.get(path) != Hidden.ALL && !hidden.coversAbove(path);
        return seesBelow ? Directories.Implied.AS_BELOW : Directories.Implied.FRESH;
    }

    @Override
    public void touch(byte[] path) {
        // What is in the directory is this layer's.
    }

    @Override
    public void entering(Dir dir, byte[] path) {
        // Times are set in the end.
    }

    @Override
    public RuntimeException missingTarget(TarEntry link) {
        return new NeedsParentException("\"" + LayerFault.shown(link.name()) + "\" is a link to \""
                + LayerFault.shown(link.link()) + "\" of a lower layer");
    }

    @Override
    public RuntimeException impliedAsTarget(TarEntry link) {
        // It may stand for a link of a lower layer, through which this one's entries go elsewhere.
        return new NeedsParentException("\"" + LayerFault.shown(link.name()) + "\" is a link to \""
                + LayerFault.shown(link.link()) + "\", which is a directory unless a lower layer says otherwise");
    }

    @Override
    public boolean inheritsGroups() {
        return false;
    }
}
