package dev.berth.linux;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Mounting and unmounting.
 *
 * <p>A mount is made detached, changed while nobody can see it, and then moved to its place in one step. Everything that
 * takes a path means the mount namespace of the calling thread. Calls may block on a slow disk; on a virtual thread they
 * hold its carrier, so long ones (overlay with many layers, unmounting what must be flushed) belong on a platform thread.
 *
 * @see Namespaces#inMountCopy for mounts that no other process shall see
 */
public final class Mounts {
    /** How to unmount. */
    public enum Unmount {
        /** Take the mount out of the tree now, and let go of the file system when its last user does. */
        DETACH(2),
        /** Do not follow a symbolic link at the end of the path. */
        NO_FOLLOW(8);

        private final int bits;

        Unmount(int bits) {
            this.bits = bits;
        }
    }

    private Mounts() {}

    /**
     * An overlay file system. Up to 500 layers on Linux 6.7 and later; before, as many as have names that fit into 4095
     * bytes, counted from the directory that they share.
     *
     * @throws LinuxException with the kernel's own words on what it did not like
     */
    public static DetachedMount overlay(OverlayMount overlay) throws IOException, InterruptedException {
        return Features.overlayLayerByLayer() ? Overlays.layerByLayer(overlay) : Overlays.byOptions(overlay);
    }

    /**
     * A file system in memory.
     *
     * @param options of tmpfs, for instance {@code size=67108864} and {@code mode=1777}
     */
    public static DetachedMount tmpfs(Map<String, String> options, Set<MountFlag> flags) throws LinuxException {
        List<String> words = options.entrySet().stream()
                .map(option -> option.getKey() + "=" + option.getValue())
                .toList();
        return filesystem("tmpfs", "tmpfs", words, flags);
    }

    /**
     * A file system of any type.
     *
     * @param options each {@code name} or {@code name=value}
     */
    public static DetachedMount filesystem(String type, String source, List<String> options, Set<MountFlag> flags)
            throws LinuxException {
        try (FsContext context = FsContext.open(type)) {
            context.string("source", source);
            for (String option : options) {
                context.option(option);
            }
            return context.mount(MountFlag.attributes(flags));
        }
    }

    /**
     * What a mount is asked for in containerd's form, {@code containerd.types.Mount}: types {@code bind}, {@code overlay}
     * and those of the kernel, options as mount(8) takes them. {@code uidmap=} and {@code gidmap=}, each with ranges
     * {@code INSIDE:OUTSIDE:LENGTH} between commas, map the ids of a bind mount, and those of the lower layers of an overlay.
     *
     * @throws LinuxException EINVAL if the options contradict each other, and whatever the kernel answers
     */
    public static DetachedMount fromOptions(String type, String source, List<String> options)
            throws IOException, InterruptedException {
        return MountOptions.parse(type, source, options).mount(null);
    }

    /** The same where a user namespace is at hand that maps as the options say: else one is made for the moment. */
    public static DetachedMount fromOptions(String type, String source, List<String> options, Fd userNamespace)
            throws IOException, InterruptedException {
        return MountOptions.parse(type, source, options).mount(userNamespace);
    }

    /**
     * A clone of what is mounted at a path: a bind mount that has no place yet.
     *
     * @param recursive with the mounts below it
     */
    public static DetachedMount bind(Path source, boolean recursive) throws LinuxException {
        int flags = MountCalls.OPEN_TREE_CLONE | (recursive ? MountCalls.AT_RECURSIVE : 0);
        return new DetachedMount(MountCalls.openTree(MountCalls.AT_FDCWD, source.toString(), flags));
    }

    /** A clone of what a descriptor has open: a directory, a file, or a namespace. */
    public static DetachedMount bind(Fd source, boolean recursive) throws LinuxException {
        source.use();
        try {
            int flags =
                    MountCalls.OPEN_TREE_CLONE | MountCalls.AT_EMPTY_PATH | (recursive ? MountCalls.AT_RECURSIVE : 0);
            return new DetachedMount(MountCalls.openTree(source.number(), "", flags));
        } finally {
            source.done();
        }
    }

    /**
     * Changes the properties of the mount at a path, which must be the root of a mount.
     *
     * @param recursive also of the mounts below it
     */
    public static void setattr(Path target, MountAttributes change, boolean recursive) throws LinuxException {
        MountCalls.setattr(MountCalls.AT_FDCWD, target.toString(), recursive ? MountCalls.AT_RECURSIVE : 0, change);
    }

    /** The old mount(2), for what the new calls do not know: remounts, cgroup v1 hierarchies. */
    public static void mount(String source, Path target, String type, Set<MountFlag> flags, String options)
            throws LinuxException {
        MountCalls.mount(source, target.toString(), type, MountFlag.oldBits(flags), options.isEmpty() ? null : options);
    }

    /**
     * Unmounts what is topmost at a path.
     *
     * @throws LinuxException EINVAL if the path is not the root of a mount, ENOENT if there is no such path, EBUSY if it is
     *     in use (without DETACH)
     */
    public static void unmount(Path target, Unmount... how) throws LinuxException {
        int flags = 0;
        for (Unmount one : how) {
            flags |= one.bits;
        }
        MountCalls.umount(target.toString(), flags);
    }

    /**
     * Unmounts everything at a path, however many mounts lie on each other, and does nothing if there is none: for
     * clean-up. Does not follow a symbolic link at the end.
     *
     * @return whether there was anything
     */
    public static boolean unmountAll(Path target) throws LinuxException {
        boolean any = false;
        while (true) {
            try {
                unmount(target, Unmount.DETACH, Unmount.NO_FOLLOW);
                any = true;
            } catch (LinuxException e) {
                if (e.is(Errno.EINVAL) || e.is(Errno.ENOENT) || e.is(Errno.ENOTDIR)) {
                    return any;
                }
                throw e;
            }
        }
    }

    /** The mounts of the calling thread's mount namespace, parents before children. */
    public static List<MountEntry> list() throws IOException {
        return MountEntry.ofThisThread();
    }
}
