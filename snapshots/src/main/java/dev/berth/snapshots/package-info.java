/**
 * The snapshots room: trees of files on top of each other, and the layers of images unpacked into them.
 *
 * <p>Here: {@link Snapshotter} (prepare, view, mounts, commit, remove) with two ways to do it, overlay and copy; {@link
 * LayerChain} (an image's layers unpacked side by side and then stacked); a tar reader and writer whose names are bytes; {@link MountedTree} (a layer put
 * onto a tree that a client mounts, and made of two). Not here: how
 * a layer is fetched or decompressed ({@code images}), who may remove a snapshot, any mounting on the host (mounts are
 * handed out as {@link MountPoint}s, the supervisor makes them in a namespace that goes away).
 *
 * <p>Threads: everything may be called from any thread. Unpacking and copying are long work with system calls: call them on
 * a bounded pool of platform threads.
 *
 * <p>Always true: layers are hostile; nothing in one reaches anything outside of its own directory. A committed snapshot is
 * on disk before its record is. A directory without a record is a leftover of a crash and goes at the next start.
 *
 * <pre>
 * directory/NUMBER/fs      the snapshot's own files: an overlay's upper directory, or the whole tree of a copy
 * directory/NUMBER/work    overlay's scratch directory
 * </pre>
 */
@NullMarked
package dev.berth.snapshots;

import org.jspecify.annotations.NullMarked;
