package dev.berth.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

/**
 * The removal of one tree. It descends with a handle for each level; where that would become too many, a subdirectory is
 * moved up to the top of the tree and has its turn later, so neither the depth of a tree nor the length of its paths
 * matters. Links are never followed, other mounts never entered.
 */
final class TreeRemoval {
    private static final int MAX_HANDLES = 64;
    private static final int MAX_ROUNDS = 1000;
    private static final long GET_FLAGS = 0x80086601L;
    private static final long SET_FLAGS = 0x40086602L;
    private static final int IMMUTABLE_OR_APPEND = 0x30;

    private final Dir parent;
    private final byte[] name;
    private final Deque<Dir> open = new ArrayDeque<>();
    private long moved;

    TreeRemoval(Dir parent, byte[] name) {
        this.parent = parent;
        this.name = name;
    }

    void run() throws IOException {
        if (isDirectory(parent, name)) {
            descend(parent, name);
        }
    }

    /** Removes the name unless it is a directory. */
    private static boolean isDirectory(Dir in, byte[] name) throws LinuxException {
        try {
            unlinkIfThere(in, name);
            return false;
        } catch (LinuxException e) {
            if (e.is(Errno.EISDIR)) {
                return true;
            }
            throw e;
        }
    }

    /** Somebody else may be removing the same tree. */
    private static void unlinkIfThere(Dir in, byte[] name) throws LinuxException {
        try {
            unlink(in, name);
        } catch (LinuxException e) {
            if (!e.is(Errno.ENOENT)) {
                throw e;
            }
        }
    }

    private static Dir enter(Dir in, byte[] name) throws LinuxException {
        try {
            return in.openDir(name, Dir.Resolve.SAME_MOUNT);
        } catch (LinuxException e) {
            if (e.is(Errno.EXDEV)) {
                throw busy(name);
            }
            throw e;
        }
    }

    private static LinuxException busy(byte[] name) {
        return new LinuxException("remove " + FileCalls.shown(name) + ", on which something is mounted", Errno.EBUSY);
    }

    /** Lists again until nothing is left: a listing may miss what comes while it is read, our own moves included. */
    private void empty(Dir directory) throws IOException {
        for (int round = 0; round < MAX_ROUNDS; round++) {
            boolean[] any = {false};
            directory.forEach(entry -> {
                any[0] = true;
                remove(directory, entry);
            });
            if (!any[0]) {
                return;
            }
        }
        throw new LinuxException("remove a directory in which somebody makes files", Errno.ENOTEMPTY);
    }

    private void remove(Dir directory, Dir.Entry entry) throws IOException {
        boolean maybeDirectory = entry.type() == FileType.DIRECTORY || entry.type() == FileType.UNKNOWN;
        if (!maybeDirectory) {
            unlinkIfThere(directory, entry.name());
        } else if (entry.type() == FileType.DIRECTORY || isDirectory(directory, entry.name())) {
            descend(directory, entry.name());
        }
    }

    private void descend(Dir directory, byte[] child) throws IOException {
        if (open.size() >= MAX_HANDLES) {
            moveUp(directory, child);
            return;
        }
        try (Dir inside = enter(directory, child)) {
            open.addLast(inside);
            empty(inside);
            open.removeLast();
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT)) {
                return;
            }
            throw e;
        }
        removeEmptied(directory, child);
    }

    private void moveUp(Dir directory, byte[] child) throws LinuxException {
        Dir top = open.getFirst();
        while (true) {
            byte[] free = (".removing-" + moved).getBytes(StandardCharsets.US_ASCII);
            moved++;
            try {
                directory.renameNew(child, top, free);
                return;
            } catch (LinuxException e) {
                if (e.is(Errno.EXDEV) || e.is(Errno.EBUSY)) {
                    throw busy(child);
                }
                if (e.is(Errno.EPERM) && unlock(directory, child)) {
                    continue;
                }
                if (!e.is(Errno.EEXIST)) {
                    throw e;
                }
            }
        }
    }

    private static void unlink(Dir in, byte[] name) throws LinuxException {
        try {
            in.unlink(name);
        } catch (LinuxException e) {
            if (!e.is(Errno.EPERM) || !unlock(in, name)) {
                throw e;
            }
            in.unlink(name);
        }
    }

    private static void removeEmptied(Dir in, byte[] name) throws LinuxException {
        try {
            in.rmdir(name);
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT)) {
                return;
            }
            if (!e.is(Errno.EPERM) || !unlock(in, name)) {
                throw e;
            }
            in.rmdir(name);
        }
    }

    /** Takes away the immutable and append-only flags (chattr) of a directory and a name in it; whether there were any. */
    private static boolean unlock(Dir in, byte[] name) {
        boolean any = unlock(in.fd());
        try (Fd file = in.openFile(name, Fd.O_RDONLY | Fd.O_NONBLOCK, Dir.Resolve.SAME_MOUNT)) {
            any |= unlock(file);
        } catch (LinuxException e) {
            return any; // a link or a device has no such flags
        }
        return any;
    }

    private static boolean unlock(Fd file) {
        try {
            int flags = FileCalls.ioctl(file.number(), GET_FLAGS, 0);
            if ((flags & IMMUTABLE_OR_APPEND) == 0) {
                return false;
            }
            FileCalls.ioctl(file.number(), SET_FLAGS, flags & ~IMMUTABLE_OR_APPEND);
            return true;
        } catch (LinuxException e) {
            return false; // not every file system has them
        }
    }

    @Override
    public String toString() {
        return "removal of " + Arrays.toString(name);
    }
}
