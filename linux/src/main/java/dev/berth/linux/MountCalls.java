package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/** The system calls about mounts, one method each. Their numbers are the same on every architecture. */
final class MountCalls {
    static final int AT_FDCWD = -100;
    static final int AT_SYMLINK_NOFOLLOW = 0x100;
    static final int AT_EMPTY_PATH = 0x1000;
    static final int AT_RECURSIVE = 0x8000;

    static final int OPEN_TREE_CLONE = 1;
    static final int MOVE_FROM_EMPTY_PATH = 0x4;
    static final int MOVE_TO_EMPTY_PATH = 0x40;

    static final int SET_FLAG = 0;
    static final int SET_STRING = 1;
    static final int SET_FD = 5;
    static final int CREATE = 6;

    static final long MS_REMOUNT = 32;
    static final long MS_BIND = 4096;
    static final long MS_REC = 16384;

    private static final long CLOEXEC = 1;
    private static final long ATTR_IDMAP = 0x100000;
    private static final long ATTR_SIZE = 32;

    private static final MethodHandle MOUNT = Native.withErrno(
            "mount", Native.INT, Native.POINTER, Native.POINTER, Native.POINTER, Native.LONG, Native.POINTER);
    private static final MethodHandle UMOUNT2 = Native.withErrno("umount2", Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle OPEN_TREE = Native.syscall(428, Native.LONG, Native.POINTER, Native.LONG);
    private static final MethodHandle MOVE_MOUNT =
            Native.syscall(429, Native.LONG, Native.POINTER, Native.LONG, Native.POINTER, Native.LONG);
    private static final MethodHandle FSOPEN = Native.syscall(430, Native.POINTER, Native.LONG);
    private static final MethodHandle FSCONFIG =
            Native.syscall(431, Native.LONG, Native.LONG, Native.POINTER, Native.POINTER, Native.LONG);
    private static final MethodHandle FSMOUNT = Native.syscall(432, Native.LONG, Native.LONG, Native.LONG);
    private static final MethodHandle MOUNT_SETATTR =
            Native.syscall(442, Native.LONG, Native.POINTER, Native.LONG, Native.POINTER, Native.LONG);

    private MountCalls() {}

    static void mount(String source, String target, @Nullable String type, long flags, @Nullable String data)
            throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) MOUNT.invokeExact(
                    errno,
                    memory.allocateFrom(source),
                    memory.allocateFrom(target),
                    text(memory, type),
                    flags,
                    text(memory, data));
            Native.check(result, errno, "mount " + source + " on " + target);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void umount(String target, int flags) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) UMOUNT2.invokeExact(errno, memory.allocateFrom(target), flags);
            Native.check(result, errno, "unmount " + target);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static Fd openTree(int directory, String path, int flags) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            long fd = (long) OPEN_TREE.invokeExact(
                    errno, (long) directory, memory.allocateFrom(path), (long) (flags | Fd.O_CLOEXEC));
            return Fd.own((int) Native.check(fd, errno, "open_tree " + shown(directory, path)));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void moveMount(int mount, int directory, String path, int flags) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            long result = (long) MOVE_MOUNT.invokeExact(
                    errno, (long) mount, memory.allocateFrom(""), (long) directory, memory.allocateFrom(path), (long)
                            (flags | MOVE_FROM_EMPTY_PATH));
            Native.check(result, errno, "move_mount to " + shown(directory, path));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static Fd fsopen(String type) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            long fd = (long) FSOPEN.invokeExact(errno, memory.allocateFrom(type), CLOEXEC);
            return Fd.own((int) Native.check(fd, errno, "fsopen " + type));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /**
     * One fsconfig(2).
     *
     * @param value null where the command has none
     * @param extra the descriptor for {@link #SET_FD}, otherwise 0
     */
    static void fsconfig(Fd context, int command, @Nullable String key, @Nullable String value, int extra)
            throws LinuxException {
        context.use();
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            long result = (long) FSCONFIG.invokeExact(
                    errno, (long) context.number(), (long) command, text(memory, key), text(memory, value), (long)
                            extra);
            Native.check(result, errno, "fsconfig " + (key == null ? "create" : key));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        } finally {
            context.done();
        }
    }

    static Fd fsmount(Fd context, long attributes) throws LinuxException {
        context.use();
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            long fd = (long) FSMOUNT.invokeExact(errno, (long) context.number(), CLOEXEC, attributes);
            return Fd.own((int) Native.check(fd, errno, "fsmount"));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        } finally {
            context.done();
        }
    }

    static void setattr(int directory, String path, int flags, MountAttributes change) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment attr = memory.allocate(ATTR_SIZE, 8);
            long set = MountFlag.attributes(change.set());
            long clear = MountFlag.attributes(change.clear());
            if (((set | clear) & MountFlag.ATTR_ATIME) != 0) {
                clear |= MountFlag.ATTR_ATIME; // the three access time modes are one field
            }
            Fd idmap = change.idmap();
            attr.set(Native.LONG, 0, idmap == null ? set : set | ATTR_IDMAP);
            attr.set(Native.LONG, 8, clear);
            attr.set(Native.LONG, 16, change.propagation().bits());
            attr.set(Native.LONG, 24, idmap == null ? 0 : idmap.number());
            long result = (long) MOUNT_SETATTR.invokeExact(
                    errno, (long) directory, memory.allocateFrom(path), (long) flags, attr, ATTR_SIZE);
            Native.check(result, errno, "mount_setattr of " + shown(directory, path));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    private static MemorySegment text(Arena memory, @Nullable String text) {
        return text == null ? MemorySegment.NULL : memory.allocateFrom(text);
    }

    private static String shown(int directory, String path) {
        return path.isEmpty() ? "descriptor " + directory : path;
    }
}
