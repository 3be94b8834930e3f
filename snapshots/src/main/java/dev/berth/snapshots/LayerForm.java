package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.FileStat;
import java.io.IOException;

/** What differs between a layer unpacked by itself and one unpacked onto its parents. */
interface LayerForm {
    /** Whether what is there counts as nothing. */
    boolean isHidden(FileStat there);

    /**
     * Makes a directory in the place of something that is not one.
     *
     * @param path the directory's
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT if this layer itself has put it there and needs the directory for what
     *     comes below
     */
    void makeWayForParent(Dir in, byte[] name, byte[] path, FileStat there) throws IOException;

    /** A new directory replaces something that hid what the layers below have there. */
    void keepHidden(Dir in, byte[] name, byte[] path) throws IOException;

    /**
     * Hides a name of the layers below.
     *
     * @return whether a directory or link is gone by this
     */
    boolean whiteout(Dir in, byte[] name, byte[] path) throws IOException;

    /** Hides everything that the layers below have in a directory. */
    void opaque(Dir dir, byte[] path) throws IOException;

    /** What a directory is that has to be made now. */
    Directories.Implied implied(byte[] path);

    /** Something of this layer is at this path. */
    void touch(byte[] path);

    /** Something is about to change in this directory. */
    void entering(Dir dir, byte[] path) throws IOException;

    /** A hard link's target is not there. */
    RuntimeException missingTarget(TarEntry link);

    /** A hard link's target is a directory that was only made because something lies below it. */
    RuntimeException impliedAsTarget(TarEntry link);

    /** Whether new files may inherit a group from their directory. */
    boolean inheritsGroups();
}
