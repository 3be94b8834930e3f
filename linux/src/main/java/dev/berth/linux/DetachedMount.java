package dev.berth.linux;

import java.nio.file.Path;

/**
 * A mount that is in no mount table: only this descriptor holds it. It can be changed, read through, and moved to a place,
 * in any mount namespace. Closing it before it was moved makes it disappear; afterwards closing only drops the handle.
 *
 * <p>Not thread-safe.
 */
public final class DetachedMount implements AutoCloseable {
    private final Fd fd;

    DetachedMount(Fd fd) {
        this.fd = fd;
    }

    /** The mount's root as an O_PATH descriptor, owned by this object. */
    public Fd fd() {
        return fd;
    }

    /**
     * Changes the mount's properties.
     *
     * @param recursive also those of the mounts below it (it has some if it is a recursive clone)
     */
    public void setattr(MountAttributes change, boolean recursive) throws LinuxException {
        fd.use();
        try {
            int flags = MountCalls.AT_EMPTY_PATH | (recursive ? MountCalls.AT_RECURSIVE : 0);
            MountCalls.setattr(fd.number(), "", flags, change);
        } finally {
            fd.done();
        }
    }

    /** Puts the mount on a directory (or a file, if its root is one) of the calling thread's mount namespace. */
    public void moveTo(Path target) throws LinuxException {
        move(MountCalls.AT_FDCWD, target.toString(), 0);
    }

    /** Puts the mount on what the descriptor has open, for targets that were resolved safely before. */
    public void moveTo(Fd target) throws LinuxException {
        target.use();
        try {
            move(target.number(), "", MountCalls.MOVE_TO_EMPTY_PATH);
        } finally {
            target.done();
        }
    }

    private void move(int directory, String path, int flags) throws LinuxException {
        fd.use();
        try {
            MountCalls.moveMount(fd.number(), directory, path, flags);
        } finally {
            fd.done();
        }
    }

    @Override
    public void close() {
        fd.close();
    }
}
