package dev.berth.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Moving bytes out of and between pipes inside the kernel, without waiting.
 *
 * <p>A move is whole with respect to a kill of the mover: each byte is at any moment in exactly one of the two places,
 * whereas bytes that were read into memory are lost with the reader.
 */
public final class Tee {
    private static final int SPLICE_F_NONBLOCK = 2;
    private static final int FIONREAD = 0x541B;

    private static final MethodHandle TEE =
            Native.withErrno("tee", Native.LONG, Native.INT, Native.INT, Native.LONG, Native.INT);
    private static final MethodHandle SPLICE = Native.withErrno(
            "splice", Native.LONG, Native.INT, Native.POINTER, Native.INT, Native.POINTER, Native.LONG, Native.INT);
    private static final MethodHandle IOCTL =
            Native.variadic("ioctl", 2, Native.INT, Native.INT, Native.LONG, Native.POINTER);

    private Tee() {}

    /**
     * Copies from one pipe to another; the bytes stay in the first.
     *
     * @return bytes copied; 0 if nothing is there now or the second is full; -1 at the end (no writer is left)
     */
    public static int tee(Fd from, Fd to, int max) throws LinuxException {
        return transfer(from, to, "tee", (memory, errno) ->
                (long) TEE.invokeExact(errno, from.number(), to.number(), (long) max, SPLICE_F_NONBLOCK));
    }

    /**
     * Moves between two descriptors of which at least one is a pipe.
     *
     * @return bytes moved; 0 if nothing is there now or there is no room; -1 at the end (no writer is left)
     * @throws LinuxException EIO from a terminal whose other side is closed
     */
    public static int splice(Fd from, Fd to, int max) throws LinuxException {
        return transfer(from, to, "splice", (memory, errno) -> (long) SPLICE.invokeExact(
                errno,
                from.number(),
                MemorySegment.NULL,
                to.number(),
                MemorySegment.NULL,
                (long) max,
                SPLICE_F_NONBLOCK));
    }

    /**
     * Moves from a pipe to a place in a file; the file's length then tells how much arrived, whatever becomes of this
     * process.
     *
     * @return bytes moved; 0 if nothing is there now; -1 at the end (no writer is left)
     */
    public static int spliceAt(Fd pipe, Fd file, long offset, int max) throws LinuxException {
        return transfer(pipe, file, "splice", (memory, errno) -> (long) SPLICE.invokeExact(
                errno,
                pipe.number(),
                MemorySegment.NULL,
                file.number(),
                memory.allocateFrom(ValueLayout.JAVA_LONG, offset),
                (long) max,
                SPLICE_F_NONBLOCK));
    }

    /** Bytes that wait in a pipe, a terminal or a socket. */
    public static int waiting(Fd fd) throws LinuxException {
        fd.use();
        try {
            int[] count = new int[1];
            Native.call("count what waits in descriptor " + fd.number(), (memory, errno) -> {
                MemorySegment number = memory.allocate(ValueLayout.JAVA_INT);
                int result = (int) IOCTL.invokeExact(errno, fd.number(), (long) FIONREAD, number);
                count[0] = number.get(ValueLayout.JAVA_INT, 0);
                return result;
            });
            return count[0];
        } finally {
            fd.done();
        }
    }

    private static int transfer(Fd from, Fd to, String what, Native.Call call) throws LinuxException {
        from.use();
        try {
            to.use();
            try {
                int moved = (int) Native.call(what, call);
                return moved == 0 ? -1 : moved;
            } finally {
                to.done();
            }
        } catch (LinuxException e) {
            if (e.is(Errno.EAGAIN)) {
                return 0;
            }
            throw e;
        } finally {
            from.done();
        }
    }
}
