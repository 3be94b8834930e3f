package dev.berth.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A directory held open, and what can be done beneath it.
 *
 * <p>Names and paths are bytes: those in images and containers need not be UTF-8. A <em>name</em> is one component and is
 * never followed if it is a symbolic link. A <em>path</em> is resolved by the kernel under a {@link Resolve} rule, which
 * holds also while somebody renames things. So nothing outside is ever reached by a name from inside.
 *
 * <p>Not thread-safe; open another handle of the same directory for another thread. The calls are those of a local disk:
 * they may be made from a virtual thread if there are few of them.
 */
public final class Dir implements AutoCloseable {
    /** What a path may lead through. */
    public enum Resolve {
        /** As if this directory were the root: absolute links start here, {@code ..} stops here. */
        IN_ROOT(0x10 | 0x2),
        /** Refuses, with EXDEV, what leads out of this directory, absolute links included. */
        BENEATH(0x8 | 0x2),
        /** Refuses, with ELOOP, every symbolic link, the last component included. */
        NO_LINKS(0x8 | 0x4),
        /** As NO_LINKS, and refuses, with EXDEV, to cross into another mount. */
        SAME_MOUNT(0x8 | 0x4 | 0x1);

        private final int bits;

        Resolve(int bits) {
            this.bits = bits;
        }
    }

    /** An entry as readdir tells it; UNKNOWN where the file system does not tell the type. */
    public static final class Entry {
        private final byte[] name;
        private final FileType type;

        Entry(byte[] name, FileType type) {
            this.name = name;
            this.type = type;
        }

        public byte[] name() {
            return name;
        }

        public FileType type() {
            return type;
        }
    }

    /** Takes one entry. */
    public interface Visitor {
        void visit(Entry entry) throws IOException;
    }

    private static final int O_DIRECTORY = isArm() ? 0x4000 : 0x10000;
    private static final int O_NOFOLLOW = isArm() ? 0x8000 : 0x20000;
    private static final int LISTING_BYTES = 32768;
    private static final int RENAME_NOREPLACE = 1;

    private final Fd fd;

    private Dir(Fd fd) {
        this.fd = fd;
    }

    /** These two constants are swapped around on ARM. */
    private static boolean isArm() {
        return System.getProperty("os.arch", "").equals("aarch64");
    }

    /**
     * Opens a directory of our own by its path, links followed.
     *
     * @throws LinuxException ENOENT, or ENOTDIR if it is something else
     */
    public static Dir open(Path path) throws LinuxException {
        return new Dir(Fd.open(path, Fd.O_RDONLY | O_DIRECTORY));
    }

    /** Another handle of the directory that a descriptor has open (O_PATH or not), for instance a mount's root. */
    public static Dir open(Fd directory) throws LinuxException {
        directory.use();
        try {
            return new Dir(Fd.own(FileCalls.openat2(
                    directory.number(), new byte[] {'.'}, Fd.O_RDONLY | O_DIRECTORY, 0, Resolve.NO_LINKS.bits)));
        } finally {
            directory.done();
        }
    }

    /** The descriptor; it stays this object's. */
    public Fd fd() {
        return fd;
    }

    /** Another handle of this directory. */
    public Dir reopen() throws LinuxException {
        return open(fd);
    }

    /**
     * Opens a directory beneath this one.
     *
     * @param path components separated by slashes; an empty path means this directory
     */
    public Dir openDir(byte[] path, Resolve how) throws LinuxException {
        if (path.length == 0) {
            return reopen();
        }
        return new Dir(Fd.own(FileCalls.openat2(number(), path, Fd.O_RDONLY | O_DIRECTORY, 0, how.bits)));
    }

    /**
     * Opens something beneath this directory. A FIFO opened without O_NONBLOCK may block for ever: say O_NONBLOCK or O_PATH
     * unless the tree is your own.
     *
     * @param flags {@code O_} constants of {@link Fd}
     */
    public Fd openFile(byte[] path, int flags, Resolve how) throws LinuxException {
        return Fd.own(FileCalls.openat2(number(), path, flags, 0, how.bits));
    }

    /**
     * Makes a regular file and opens it for reading and writing.
     *
     * @param mode reduced by the umask
     * @throws LinuxException EEXIST if there is something of that name, a dangling link included
     */
    public RegularFile create(byte[] name, int mode) throws LinuxException {
        int flags = Fd.O_RDWR | Fd.O_CREAT | Fd.O_EXCL | O_NOFOLLOW;
        return new RegularFile(
                Fd.own(FileCalls.openat2(number(), component(name), flags, mode, Resolve.NO_LINKS.bits)));
    }

    /**
     * Opens a regular file for reading.
     *
     * @throws LinuxException ELOOP if it is a symbolic link, EINVAL if it is anything else that is not a regular file
     */
    public RegularFile read(byte[] name) throws LinuxException {
        RegularFile file = new RegularFile(Fd.own(FileCalls.openat2(
                number(), component(name), Fd.O_RDONLY | Fd.O_NONBLOCK | O_NOFOLLOW, 0, Resolve.NO_LINKS.bits)));
        if (file.stat().type() != FileType.REGULAR) {
            file.close();
            throw new LinuxException("read " + FileCalls.shown(name) + ", which is no regular file", Errno.EINVAL);
        }
        return file;
    }

    /** Makes a directory; the mode is reduced by the umask. */
    public void mkdir(byte[] name, int mode) throws LinuxException {
        FileCalls.mkdir(number(), component(name), mode);
    }

    /**
     * Makes a device, FIFO or socket file.
     *
     * @param mode permission bits, reduced by the umask
     * @param rdev for a device {@code major << 32 | minor}, else 0
     */
    public void mknod(byte[] name, FileType type, int mode, long rdev) throws LinuxException {
        long major = rdev >>> 32;
        long minor = rdev & 0xffffffffL;
        long device = (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffL) << 12 | (major & ~0xfffL) << 32;
        FileCalls.mknod(number(), component(name), type.bits() | mode, device);
    }

    /** Makes a symbolic link; the target is any text. */
    public void symlink(byte[] target, byte[] name) throws LinuxException {
        FileCalls.symlink(target, number(), component(name));
    }

    /** Makes a further name for a file that has one in another directory; a symbolic link itself is linked. */
    public void link(Dir from, byte[] existing, byte[] name) throws LinuxException {
        FileCalls.link(from.number(), component(existing), number(), component(name));
    }

    /** Removes a name that is no directory. */
    public void unlink(byte[] name) throws LinuxException {
        FileCalls.unlink(number(), component(name), 0);
    }

    /** Removes an empty directory. */
    public void rmdir(byte[] name) throws LinuxException {
        FileCalls.unlink(number(), component(name), FileCalls.AT_REMOVEDIR);
    }

    /**
     * Removes a name with everything below it; does nothing if there is none. Holds a bounded number of descriptors however
     * deep the tree is, never follows a link and never enters another mount.
     *
     * @throws LinuxException EBUSY if something is mounted in the tree; what is not below it may be gone by then
     */
    public void removeTree(byte[] name) throws IOException {
        new TreeRemoval(this, component(name)).run();
    }

    /** Moves a name, in place of what has the new name. */
    public void rename(byte[] name, Dir to, byte[] newName) throws LinuxException {
        FileCalls.rename(number(), component(name), to.number(), component(newName), 0);
    }

    /**
     * Moves a name to one that is free.
     *
     * @throws LinuxException EEXIST if it is not
     */
    public void renameNew(byte[] name, Dir to, byte[] newName) throws LinuxException {
        FileCalls.rename(number(), component(name), to.number(), component(newName), RENAME_NOREPLACE);
    }

    /** What a name is, or null if there is no such name. */
    public @Nullable FileStat find(byte[] name) throws LinuxException {
        return FileCalls.stat(number(), component(name));
    }

    /**
     * What a name is.
     *
     * @throws LinuxException ENOENT if there is no such name
     */
    public FileStat stat(byte[] name) throws LinuxException {
        FileStat stat = find(name);
        if (stat == null) {
            throw new LinuxException("stat " + FileCalls.shown(name), Errno.ENOENT);
        }
        return stat;
    }

    /** What this directory is. */
    public FileStat stat() throws LinuxException {
        return statOf(fd);
    }

    static FileStat statOf(Fd open) throws LinuxException {
        FileStat stat = FileCalls.stat(open.number(), FileCalls.ITSELF);
        if (stat == null) {
            throw new LinuxException("stat descriptor " + open.number(), Errno.ENOENT);
        }
        return stat;
    }

    /** The target of a symbolic link. */
    public byte[] readlink(byte[] name) throws LinuxException {
        return FileCalls.readlink(number(), component(name));
    }

    /** Sets owner and group of a name. Takes away set-user-ID and set-group-ID of a file, so set the mode afterwards. */
    public void chown(byte[] name, long uid, long gid) throws LinuxException {
        FileCalls.chown(number(), component(name), uid, gid);
    }

    /** Sets owner and group of this directory. */
    public void chown(long uid, long gid) throws LinuxException {
        FileCalls.chown(number(), FileCalls.ITSELF, uid, gid);
    }

    /**
     * Sets the permission bits of a name.
     *
     * @throws LinuxException EOPNOTSUPP for a symbolic link, which has none
     */
    public void chmod(byte[] name, int mode) throws LinuxException {
        if (Features.chmodNoFollow()) {
            FileCalls.chmodNoFollow(number(), component(name), mode);
            return;
        }
        try (Fd file = openFile(component(name), Fd.O_PATH | O_NOFOLLOW, Resolve.BENEATH)) {
            if (statOf(file).type() == FileType.SYMLINK) {
                throw new LinuxException("change the mode of " + FileCalls.shown(name), Errno.EOPNOTSUPP);
            }
            FileCalls.chmodThroughProc(file.number(), mode);
        }
    }

    /** Sets the permission bits of this directory. */
    public void chmod(int mode) throws LinuxException {
        FileCalls.chmod(number(), mode);
    }

    /** Sets times of a name; null leaves one as it is. */
    public void setTimes(byte[] name, @Nullable Instant accessed, @Nullable Instant modified) throws LinuxException {
        FileCalls.setTimes(number(), component(name), accessed, modified);
    }

    /** Sets times of this directory; null leaves one as it is. */
    public void setTimes(@Nullable Instant accessed, @Nullable Instant modified) throws LinuxException {
        FileCalls.setTimes(number(), FileCalls.ITSELF, accessed, modified);
    }

    /** Sets an extended attribute of a name. */
    public void setXattr(byte[] name, byte[] attribute, byte[] value) throws LinuxException {
        XattrCalls.set(number(), component(name), attribute, value);
    }

    /** Sets an extended attribute of this directory. */
    public void setXattr(byte[] attribute, byte[] value) throws LinuxException {
        XattrCalls.set(number(), FileCalls.ITSELF, attribute, value);
    }

    /** An extended attribute of a name, or null. */
    public byte @Nullable [] xattr(byte[] name, byte[] attribute) throws LinuxException {
        return XattrCalls.get(number(), component(name), attribute);
    }

    /** An extended attribute of this directory, or null. */
    public byte @Nullable [] xattr(byte[] attribute) throws LinuxException {
        return XattrCalls.get(number(), FileCalls.ITSELF, attribute);
    }

    /** The names of the extended attributes of a name. */
    public List<byte[]> xattrs(byte[] name) throws LinuxException {
        return XattrCalls.list(number(), component(name));
    }

    /** The names of the extended attributes of this directory. */
    public List<byte[]> xattrs() throws LinuxException {
        return XattrCalls.list(number(), FileCalls.ITSELF);
    }

    /** Removes an extended attribute of a name; harmless if it has none. */
    public void removeXattr(byte[] name, byte[] attribute) throws LinuxException {
        XattrCalls.remove(number(), component(name), attribute);
    }

    /** Removes an extended attribute of this directory; harmless if it has none. */
    public void removeXattr(byte[] attribute) throws LinuxException {
        XattrCalls.remove(number(), FileCalls.ITSELF, attribute);
    }

    /**
     * Shows every entry but {@code .} and {@code ..}, in the order of the file system. The visitor may remove entries; it
     * must not list this same handle.
     */
    public void forEach(Visitor visitor) throws IOException {
        FileCalls.lseek(number(), 0, RegularFile.SEEK_SET);
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment listing = memory.allocate(LISTING_BYTES, 8);
            for (long n = FileCalls.getdents(number(), listing); n > 0; n = FileCalls.getdents(number(), listing)) {
                for (long at = 0; at < n; at += Short.toUnsignedInt(listing.get(ValueLayout.JAVA_SHORT, at + 16))) {
                    Entry entry = entry(listing, at);
                    if (!isDot(entry.name)) {
                        visitor.visit(entry);
                    }
                }
            }
        }
    }

    /** Every entry but {@code .} and {@code ..}; for directories whose size is known to be small. */
    public List<Entry> entries() throws IOException {
        List<Entry> entries = new ArrayList<>();
        forEach(entries::add);
        return entries;
    }

    private static Entry entry(MemorySegment listing, long at) {
        long start = at + 19;
        long end = start;
        while (listing.get(ValueLayout.JAVA_BYTE, end) != 0) {
            end++;
        }
        byte[] name = listing.asSlice(start, end - start).toArray(ValueLayout.JAVA_BYTE);
        return new Entry(name, FileType.ofEntry(listing.get(ValueLayout.JAVA_BYTE, at + 18)));
    }

    private static boolean isDot(byte[] name) {
        return name[0] == '.' && (name.length == 1 || (name.length == 2 && name[1] == '.'));
    }

    /** A name is one component: what has a slash would be resolved without a rule. */
    private static byte[] component(byte[] name) throws LinuxException {
        boolean bad = name.length == 0 || isDot(name);
        for (byte b : name) {
            bad |= b == '/' || b == 0;
        }
        if (bad) {
            throw new LinuxException("use the name \"" + FileCalls.shown(name) + "\"", Errno.EINVAL);
        }
        return name;
    }

    private int number() throws LinuxException {
        if (fd.isClosed()) {
            throw new LinuxException("use a directory", Errno.EBADF);
        }
        return fd.number();
    }

    @Override
    public void close() {
        fd.close();
    }
}
