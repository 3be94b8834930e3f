package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The seam to the C library: how a function is found and how its errno is kept.
 *
 * <p>A handle made by {@link #withErrno} takes the memory for errno as its first argument. The usual form is
 *
 * <pre>{@code
 * try (Arena memory = Arena.ofConfined()) {
 *     MemorySegment errno = Native.errno(memory);
 *     int fd = (int) OPEN.invokeExact(errno, Native.path(memory, path), flags);
 *     return Native.check(fd, errno, "open " + path);
 * }
 * }</pre>
 */
final class Native {
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    static final MemoryLayout POINTER = ValueLayout.ADDRESS;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final Linker.Option ERRNO_OPTION = Linker.Option.captureCallState("errno");
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private Native() {}

    /** A function of the C library that sets errno. */
    static MethodHandle withErrno(String name, MemoryLayout returns, MemoryLayout... takes) {
        return LINKER.downcallHandle(
                LINKER.defaultLookup().findOrThrow(name), FunctionDescriptor.of(returns, takes), ERRNO_OPTION);
    }

    /** A variadic function of the C library that sets errno; {@code fixed} arguments come before the variadic ones. */
    static MethodHandle variadic(String name, int fixed, MemoryLayout returns, MemoryLayout... takes) {
        return LINKER.downcallHandle(
                LINKER.defaultLookup().findOrThrow(name),
                FunctionDescriptor.of(returns, takes),
                ERRNO_OPTION,
                Linker.Option.firstVariadicArg(fixed));
    }

    /**
     * The raw {@code syscall(2)} with its number bound, for calls that the C library lacks. All arguments and the result
     * are {@code long} or pointers; the first argument of the handle is the memory for errno.
     */
    static MethodHandle syscall(long number, MemoryLayout... takes) {
        MemoryLayout[] all = new MemoryLayout[takes.length + 1];
        all[0] = LONG;
        System.arraycopy(takes, 0, all, 1, takes.length);
        MethodHandle handle = variadic("syscall", 1, LONG, all);
        return java.lang.invoke.MethodHandles.insertArguments(handle, 1, number);
    }

    /** A function that does not set errno. */
    static MethodHandle plain(String name, MemoryLayout returns, MemoryLayout... takes) {
        return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), FunctionDescriptor.of(returns, takes));
    }

    /** Memory in which a call leaves its errno. */
    static MemorySegment errno(Arena memory) {
        return memory.allocate(STATE);
    }

    /** What the last call with this memory left there. */
    static int errno(MemorySegment state) {
        return (int) ERRNO.get(state, 0L);
    }

    /** Returns the result unless it is -1. */
    static int check(int result, MemorySegment state, String what) throws LinuxException {
        if (result == -1) {
            throw new LinuxException(what, errno(state));
        }
        return result;
    }

    /** Returns the result unless it is -1. */
    static long check(long result, MemorySegment state, String what) throws LinuxException {
        if (result == -1) {
            throw new LinuxException(what, errno(state));
        }
        return result;
    }

    /** One system call, given memory for its arguments and for its errno; answers -1 for an error. */
    interface Call {
        long run(Arena memory, MemorySegment errno) throws Throwable;
    }

    /** Makes the call and returns its result unless it is -1. A call that a signal interrupted is made again. */
    static long call(String what, Call call) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = errno(memory);
            long result;
            do {
                result = call.run(memory, errno);
            } while (result == -1 && errno(errno) == Errno.EINTR);
            return check(result, errno, what);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /** Downcalls declare Throwable but throw nothing checked. */
    static RuntimeException impossible(Throwable e) {
        if (e instanceof RuntimeException r) {
            return r;
        }
        if (e instanceof Error error) {
            throw error;
        }
        return new IllegalStateException(e);
    }
}
