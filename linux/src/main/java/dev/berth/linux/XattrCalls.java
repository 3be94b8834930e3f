package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Extended attributes. The calls that take a descriptor refuse one of O_PATH, and those that take a path know no directory
 * handle, so both are named through /proc/self/fd, without following the last component.
 */
final class XattrCalls {
    private static final int FIRST_SIZE = 256;
    private static final int MAX_SIZE = 65536; // the kernel's limit for a value and for a list

    private static final MethodHandle LSETXATTR = Native.withErrno(
            "lsetxattr", Native.INT, Native.POINTER, Native.POINTER, Native.POINTER, Native.LONG, Native.INT);
    private static final MethodHandle LGETXATTR =
            Native.withErrno("lgetxattr", Native.LONG, Native.POINTER, Native.POINTER, Native.POINTER, Native.LONG);
    private static final MethodHandle LLISTXATTR =
            Native.withErrno("llistxattr", Native.LONG, Native.POINTER, Native.POINTER, Native.LONG);
    private static final MethodHandle LREMOVEXATTR =
            Native.withErrno("lremovexattr", Native.INT, Native.POINTER, Native.POINTER);

    private XattrCalls() {}

    static void set(int directory, byte[] name, byte[] attribute, byte[] value) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment bytes = memory.allocate(Math.max(1, value.length));
            MemorySegment.copy(value, 0, bytes, ValueLayout.JAVA_BYTE, 0, value.length);
            int result = (int) LSETXATTR.invokeExact(
                    errno,
                    path(memory, directory, name),
                    FileCalls.name(memory, attribute),
                    bytes,
                    (long) value.length,
                    0);
            Native.check(result, errno, what("set", attribute, name));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** Null if it has no such attribute. */
    static byte @Nullable [] get(int directory, byte[] name, byte[] attribute) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment path = path(memory, directory, name);
            MemorySegment text = FileCalls.name(memory, attribute);
            for (int size = FIRST_SIZE; ; size = MAX_SIZE) {
                MemorySegment value = memory.allocate(size);
                long length = (long) LGETXATTR.invokeExact(errno, path, text, value, (long) size);
                if (length != -1) {
                    return value.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
                }
                int error = Native.errno(errno);
                if (error == Errno.ENODATA || error == Errno.EOPNOTSUPP) {
                    return null;
                }
                if (error != Errno.ERANGE || size == MAX_SIZE) {
                    throw new LinuxException(what("get", attribute, name), error);
                }
            }
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static List<byte[]> list(int directory, byte[] name) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment path = path(memory, directory, name);
            for (int size = FIRST_SIZE; ; size = MAX_SIZE) {
                MemorySegment names = memory.allocate(size);
                long length = (long) LLISTXATTR.invokeExact(errno, path, names, (long) size);
                if (length != -1) {
                    return split(names.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
                }
                int error = Native.errno(errno);
                if (error == Errno.EOPNOTSUPP) {
                    return List.of();
                }
                if (error != Errno.ERANGE || size == MAX_SIZE) {
                    throw new LinuxException("list the attributes of " + FileCalls.shown(name), error);
                }
            }
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static void remove(int directory, byte[] name, byte[] attribute) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment text = FileCalls.name(memory, attribute);
            int result = (int) LREMOVEXATTR.invokeExact(errno, path(memory, directory, name), text);
            if (result != -1 || Native.errno(errno) != Errno.ENODATA) {
                Native.check(result, errno, what("remove", attribute, name));
            }
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    private static List<byte[]> split(byte[] names) {
        List<byte[]> list = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < names.length; i++) {
            if (names[i] == 0) {
                list.add(Arrays.copyOfRange(names, start, i));
                start = i + 1;
            }
        }
        return list;
    }

    /** The directory itself is named with a dot, because its link in /proc would not be followed. */
    private static MemorySegment path(Arena memory, int directory, byte[] name) throws LinuxException {
        byte[] last = name.length == 0 ? new byte[] {'.'} : name;
        byte[] prefix = ("/proc/self/fd/" + directory + "/").getBytes(java.nio.charset.StandardCharsets.US_ASCII);
        byte[] path = Arrays.copyOf(prefix, prefix.length + last.length);
        System.arraycopy(last, 0, path, prefix.length, last.length);
        return FileCalls.name(memory, path);
    }

    private static String what(String verb, byte[] attribute, byte[] name) {
        return verb + " the attribute " + FileCalls.shown(attribute) + " of " + FileCalls.shown(name);
    }
}
