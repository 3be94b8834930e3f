package dev.berth.snapshots;

import dev.berth.kernel.Namespace;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Usage;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Keeps trees of files that stand on each other.
 *
 * <p>A snapshot is <em>active</em> (writable, made by {@link #prepare}), a <em>view</em> (read-only), or <em>committed</em>
 * (finished for ever: what it holds never changes, and others may stand on it). Its key is unique in its namespace. An image
 * is a chain of committed snapshots, each named by the chain id of its layers; a container is one active snapshot on top.
 *
 * <p>Nothing is mounted here: {@link #mounts} says what to mount.
 */
public interface Snapshotter {
    /**
     * A label for {@link #prepare}, together with {@link #GROUPS}: the snapshot is for a user namespace that maps users so,
     * {@code INSIDE:OUTSIDE:LENGTH}, several with commas between. Layers below are mounted with those owners. What is
     * written keeps the node's ids on disk; in a snapshot that is no overlay, the image's. The names are containerd's.
     */
    String USERS = "containerd.io/snapshot/uidmapping";

    /** The same for groups. */
    String GROUPS = "containerd.io/snapshot/gidmapping";

    /** {@code overlayfs} or {@code native}, as containerd names them. */
    String name();

    /** Where all its files are. */
    Path directory();

    /**
     * Makes a writable snapshot.
     *
     * @param parent the key of a committed snapshot, or empty
     * @param labels {@link OverlaySnapshotter#VOLATILE}, {@link #USERS} and {@link #GROUPS} are understood
     * @return what to mount to see it
     * @throws dev.berth.kernel.Fault ALREADY_EXISTS; NOT_FOUND if there is no such parent; INVALID_ARGUMENT if it is not
     *     committed
     */
    List<MountPoint> prepare(Namespace namespace, String key, String parent, Map<String, String> labels);

    /** Makes a read-only snapshot; otherwise as {@link #prepare}. */
    List<MountPoint> view(Namespace namespace, String key, String parent, Map<String, String> labels);

    /**
     * What to mount to see an active snapshot or a view.
     *
     * @throws dev.berth.kernel.Fault NOT_FOUND; FAILED_PRECONDITION for a committed one: make a view of it
     */
    List<MountPoint> mounts(Namespace namespace, String key);

    /**
     * What to mount to read a committed snapshot. Nothing is noted: whoever mounts it sees to it that it stays.
     *
     * @throws dev.berth.kernel.Fault NOT_FOUND; FAILED_PRECONDITION if it is not committed
     */
    List<MountPoint> contents(Namespace namespace, String key);

    /**
     * Finishes an active snapshot and gives it a new key. On disk when this returns.
     *
     * @throws dev.berth.kernel.Fault NOT_FOUND; ALREADY_EXISTS if the name is taken; FAILED_PRECONDITION if it is not active
     */
    SnapshotRecord commit(Namespace namespace, String name, String key, Map<String, String> labels);

    /**
     * Removes a snapshot and its files. Whatever shows it must be unmounted before.
     *
     * @throws dev.berth.kernel.Fault NOT_FOUND; FAILED_PRECONDITION if others stand on it
     */
    void remove(Namespace namespace, String key);

    /**
     * What is known of a snapshot.
     *
     * @throws dev.berth.kernel.Fault NOT_FOUND
     */
    SnapshotRecord stat(Namespace namespace, String key);

    /** All snapshots of a namespace, oldest first. */
    List<SnapshotRecord> list(Namespace namespace);

    /**
     * Replaces the labels.
     *
     * @throws dev.berth.kernel.Fault NOT_FOUND
     */
    SnapshotRecord label(Namespace namespace, String key, Map<String, String> labels);

    /** Whether there is a snapshot of this key. */
    boolean exists(Namespace namespace, String key);

    /** What it takes on disk: as measured at the commit, or counted now if it is active (a walk through its own files). */
    Usage usage(Namespace namespace, String key);

    /**
     * The directory in which an active snapshot's own files are, for statistics. What is in it belongs to a container: never
     * follow a path from here.
     */
    Path writablePath(Namespace namespace, String key);

    /**
     * Begins to unpack an image's layers.
     *
     * @param base the key of the committed snapshot on which the first of them stands, or empty
     */
    LayerChain layers(Namespace namespace, String base);

    /**
     * Forgets the drafts of layers that a crash left behind. Once, before anything else is called; {@link #tidy} then removes
     * their files.
     */
    void recover();

    /**
     * Removes the files of snapshots that are no more: what a crash left behind, and what could not be removed at the first
     * attempt. May take long; in the background, from time to time.
     */
    void tidy();
}
