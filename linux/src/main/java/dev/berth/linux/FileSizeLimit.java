package dev.berth.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * How long a file may become that a process writes (RLIMIT_FSIZE). With zero every write into a file fails from then on, which
 * ends a program that is writing by its own care, with all that it does when a disk is full, if it ignores SIGXFSZ.
 */
public final class FileSizeLimit {
    private static final int RLIMIT_FSIZE = 1;

    private static final MethodHandle PRLIMIT =
            Native.withErrno("prlimit", Native.INT, Native.INT, Native.INT, Native.POINTER, Native.POINTER);

    private FileSizeLimit() {}

    /**
     * Sets the limit of another process, or of this one; it may be raised again as far as before.
     *
     * @return false if there is no such process
     */
    public static boolean set(int pid, long bytes) throws LinuxException {
        try {
            Native.call("limit what process " + pid + " may write", (memory, errno) -> {
                MemorySegment limit = memory.allocate(2 * ValueLayout.JAVA_LONG.byteSize(), Long.BYTES);
                int read = (int) PRLIMIT.invokeExact(errno, pid, RLIMIT_FSIZE, MemorySegment.NULL, limit);
                if (read != 0) {
                    return read;
                }
                limit.setAtIndex(ValueLayout.JAVA_LONG, 0, bytes);
                return (int) PRLIMIT.invokeExact(errno, pid, RLIMIT_FSIZE, limit, MemorySegment.NULL);
            });
            return true;
        } catch (LinuxException e) {
            if (e.is(Errno.ESRCH)) {
                return false;
            }
            throw e;
        }
    }
}
