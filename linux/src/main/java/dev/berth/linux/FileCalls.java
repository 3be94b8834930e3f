package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The system calls on names in a directory and on open files, one method each. A name is one component, as bytes; an empty
 * one means the directory itself where the call allows it.
 */
final class FileCalls {
    static final int AT_SYMLINK_NOFOLLOW = 0x100;
    static final int AT_REMOVEDIR = 0x200;
    static final int AT_EMPTY_PATH = 0x1000;
    static final byte[] ITSELF = {};

    private static final int STATX_BASIC = 0x7ff;
    private static final int AT_NO_AUTOMOUNT = 0x800;
    private static final long UTIME_OMIT = 0x3ffffffe;
    private static final int OPENAT2_TRIES = 64;
    private static final long FICLONE = 0x40049409L;
    private static final int PUNCH_HOLE_KEEP_SIZE = 3;
    private static final int SYNC_FILE_RANGE_WRITE = 2;

    private static final MethodHandle OPENAT2 =
            Native.syscall(437, Native.LONG, Native.POINTER, Native.POINTER, Native.LONG);
    private static final MethodHandle STATX =
            Native.withErrno("statx", Native.INT, Native.INT, Native.POINTER, Native.INT, Native.INT, Native.POINTER);
    private static final MethodHandle MKDIRAT =
            Native.withErrno("mkdirat", Native.INT, Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle MKNODAT =
            Native.withErrno("mknodat", Native.INT, Native.INT, Native.POINTER, Native.INT, Native.LONG);
    private static final MethodHandle SYMLINKAT =
            Native.withErrno("symlinkat", Native.INT, Native.POINTER, Native.INT, Native.POINTER);
    private static final MethodHandle LINKAT =
            Native.withErrno("linkat", Native.INT, Native.INT, Native.POINTER, Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle UNLINKAT =
            Native.withErrno("unlinkat", Native.INT, Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle RENAMEAT2 = Native.withErrno(
            "renameat2", Native.INT, Native.INT, Native.POINTER, Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle READLINKAT =
            Native.withErrno("readlinkat", Native.LONG, Native.INT, Native.POINTER, Native.POINTER, Native.LONG);
    private static final MethodHandle FCHOWNAT =
            Native.withErrno("fchownat", Native.INT, Native.INT, Native.POINTER, Native.INT, Native.INT, Native.INT);
    private static final MethodHandle FCHMOD = Native.withErrno("fchmod", Native.INT, Native.INT, Native.INT);
    private static final MethodHandle CHMOD = Native.withErrno("chmod", Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle FCHMODAT2 =
            Native.syscall(452, Native.LONG, Native.POINTER, Native.LONG, Native.LONG);
    private static final MethodHandle UTIMENSAT =
            Native.withErrno("utimensat", Native.INT, Native.INT, Native.POINTER, Native.POINTER, Native.INT);
    private static final MethodHandle FUTIMENS = Native.withErrno("futimens", Native.INT, Native.INT, Native.POINTER);
    private static final MethodHandle GETDENTS =
            Native.withErrno("getdents64", Native.LONG, Native.INT, Native.POINTER, Native.LONG);
    private static final MethodHandle LSEEK =
            Native.withErrno("lseek", Native.LONG, Native.INT, Native.LONG, Native.INT);
    private static final MethodHandle SYNC_FILE_RANGE =
            Native.withErrno("sync_file_range", Native.INT, Native.INT, Native.LONG, Native.LONG, Native.INT);
    private static final MethodHandle FTRUNCATE = Native.withErrno("ftruncate", Native.INT, Native.INT, Native.LONG);
    private static final MethodHandle FALLOCATE =
            Native.withErrno("fallocate", Native.INT, Native.INT, Native.INT, Native.LONG, Native.LONG);
    private static final MethodHandle COPY_FILE_RANGE = Native.withErrno(
            "copy_file_range",
            Native.LONG,
            Native.INT,
            Native.POINTER,
            Native.INT,
            Native.POINTER,
            Native.LONG,
            Native.INT);
    private static final MethodHandle IOCTL =
            Native.variadic("ioctl", 2, Native.INT, Native.INT, Native.LONG, Native.LONG);
    private static final MethodHandle IOCTL_POINTER =
            Native.variadic("ioctl", 2, Native.INT, Native.INT, Native.LONG, Native.POINTER);

    private FileCalls() {}

    /** The name with its zero byte. */
    static MemorySegment name(Arena memory, byte[] name) throws LinuxException {
        MemorySegment text = memory.allocate(name.length + 1L);
        MemorySegment.copy(name, 0, text, ValueLayout.JAVA_BYTE, 0, name.length);
        for (byte b : name) {
            if (b == 0) {
                throw new LinuxException("use the name " + shown(name), Errno.EINVAL);
            }
        }
        return text;
    }

    /** A name as it can be shown. */
    static String shown(byte[] name) {
        return name.length == 0 ? "(itself)" : new String(name, StandardCharsets.UTF_8);
    }

    static int openat2(int directory, byte[] path, int flags, int mode, int resolve) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment how = memory.allocate(24, 8);
            how.set(Native.LONG, 0, Integer.toUnsignedLong(flags | Fd.O_CLOEXEC));
            how.set(Native.LONG, 8, mode);
            how.set(Native.LONG, 16, resolve);
            MemorySegment name = name(memory, path);
            for (int i = 1; ; i++) {
                long fd = (long) OPENAT2.invokeExact(errno, (long) directory, name, how, 24L);
                int error = fd == -1 ? Native.errno(errno) : 0;
                // EAGAIN: something was renamed while the kernel followed a "..", it could not tell whether it left
                if (error != Errno.EINTR && (error != Errno.EAGAIN || i == OPENAT2_TRIES)) {
                    return (int) Native.check(fd, errno, "open " + shown(path));
                }
            }
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** Does not follow a symbolic link; null if there is no such name. */
    static @Nullable FileStat stat(int directory, byte[] name) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment statx = memory.allocate(FileStat.BYTES, 8);
            int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name.length == 0 ? AT_EMPTY_PATH : 0);
            int result = (int) STATX.invokeExact(errno, directory, name(memory, name), flags, STATX_BASIC, statx);
            if (result == -1 && Native.errno(errno) == Errno.ENOENT) {
                return null;
            }
            Native.check(result, errno, "stat " + shown(name));
            return FileStat.of(statx);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void mkdir(int directory, byte[] name, int mode) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) MKDIRAT.invokeExact(errno, directory, name(memory, name), mode);
            Native.check(result, errno, "make directory " + shown(name));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void mknod(int directory, byte[] name, int mode, long device) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) MKNODAT.invokeExact(errno, directory, name(memory, name), mode, device);
            Native.check(result, errno, "make node " + shown(name));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void symlink(byte[] target, int directory, byte[] name) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment to = name(memory, target);
            int result = (int) SYMLINKAT.invokeExact(errno, to, directory, name(memory, name));
            Native.check(result, errno, "make symbolic link " + shown(name));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void link(int fromDirectory, byte[] from, int directory, byte[] name) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment source = name(memory, from);
            int result = (int) LINKAT.invokeExact(errno, fromDirectory, source, directory, name(memory, name), 0);
            Native.check(result, errno, "link " + shown(name) + " to " + shown(from));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void unlink(int directory, byte[] name, int flags) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) UNLINKAT.invokeExact(errno, directory, name(memory, name), flags);
            Native.check(result, errno, "remove " + shown(name));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void rename(int fromDirectory, byte[] from, int directory, byte[] name, int flags) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment source = name(memory, from);
            MemorySegment target = name(memory, name);
            int result = (int) RENAMEAT2.invokeExact(errno, fromDirectory, source, directory, target, flags);
            Native.check(result, errno, "rename " + shown(from) + " to " + shown(name));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static byte[] readlink(int directory, byte[] name) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment target = memory.allocate(4096);
            long length = (long) READLINKAT.invokeExact(errno, directory, name(memory, name), target, 4096L);
            Native.check(length, errno, "read link " + shown(name));
            return target.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void chown(int directory, byte[] name, long uid, long gid) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int flags = AT_SYMLINK_NOFOLLOW | (name.length == 0 ? AT_EMPTY_PATH : 0);
            int result = (int) FCHOWNAT.invokeExact(errno, directory, name(memory, name), (int) uid, (int) gid, flags);
            Native.check(result, errno, "change the owner of " + shown(name));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** On an open file; not on one opened with O_PATH. */
    static void chmod(int fd, int mode) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) FCHMOD.invokeExact(errno, fd, mode);
            Native.check(result, errno, "change the mode of descriptor " + fd);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** Does not follow a symbolic link, which has no mode: EOPNOTSUPP. ENOSYS before Linux 6.6. */
    static void chmodNoFollow(int directory, byte[] name, int mode) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment text = name(memory, name);
            long result = (long)
                    FCHMODAT2.invokeExact(errno, (long) directory, text, (long) mode, (long) AT_SYMLINK_NOFOLLOW);
            Native.check(result, errno, "change the mode of " + shown(name));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** Through /proc: also on a descriptor opened with O_PATH. */
    static void chmodThroughProc(int fd, int mode) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) CHMOD.invokeExact(errno, memory.allocateFrom("/proc/self/fd/" + fd), mode);
            Native.check(result, errno, "change the mode of descriptor " + fd);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** Sets times; null leaves one as it is. Does not follow a symbolic link. */
    static void setTimes(int directory, byte[] name, @Nullable Instant accessed, @Nullable Instant modified)
            throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment times = memory.allocate(32, 8);
            time(times, 0, accessed);
            time(times, 16, modified);
            int result = name.length == 0
                    ? (int) FUTIMENS.invokeExact(errno, directory, times)
                    : (int) UTIMENSAT.invokeExact(errno, directory, name(memory, name), times, AT_SYMLINK_NOFOLLOW);
            Native.check(result, errno, "set the times of " + shown(name));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    private static void time(MemorySegment times, long offset, @Nullable Instant time) {
        times.set(Native.LONG, offset, time == null ? 0 : time.getEpochSecond());
        times.set(Native.LONG, offset + 8, time == null ? UTIME_OMIT : time.getNano());
    }

    /** Fills the memory with directory entries; 0 at the end. */
    static long getdents(int directory, MemorySegment entries) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            long n = (long) GETDENTS.invokeExact(errno, directory, entries, entries.byteSize());
            return Native.check(n, errno, "list directory");
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static long lseek(int fd, long offset, int whence) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            return Native.check((long) LSEEK.invokeExact(errno, fd, offset, whence), errno, "seek");
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** A file system that cannot do it need not: what is wrong with the disk is told by the sync that follows. */
    static void beginSync(int fd) {
        try (Arena memory = Arena.ofConfined()) {
            var _ = (int) SYNC_FILE_RANGE.invokeExact(Native.errno(memory), fd, 0L, 0L, SYNC_FILE_RANGE_WRITE);
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void truncate(int fd, long length) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) FTRUNCATE.invokeExact(errno, fd, length);
            Native.check(result, errno, "set the length of a file to " + length);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void punchHole(int fd, long offset, long length) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) FALLOCATE.invokeExact(errno, fd, PUNCH_HOLE_KEEP_SIZE, offset, length);
            Native.check(result, errno, "punch a hole");
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** From and to the current offsets; fewer bytes than asked for is normal, 0 is the end. */
    static long copyRange(int from, int to, long length) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment none = MemorySegment.NULL;
            return Native.check(
                    (long) COPY_FILE_RANGE.invokeExact(errno, from, none, to, none, length, 0), errno, "copy");
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void cloneFrom(int from, int to) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            Native.check((int) IOCTL.invokeExact(errno, to, FICLONE, (long) from), errno, "clone a file");
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** An ioctl(2) on an int in memory; returns the int afterwards. */
    static int ioctl(int fd, long request, int value) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment number = memory.allocate(8, 8); // some requests are declared for a long
            number.set(Native.INT, 0, value);
            int result = (int) IOCTL_POINTER.invokeExact(errno, fd, request, number);
            Native.check(result, errno, "ioctl 0x" + Long.toHexString(request));
            return number.get(Native.INT, 0);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }
}
