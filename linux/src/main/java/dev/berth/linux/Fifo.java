package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** Named pipes: made, and opened without ever blocking. */
public final class Fifo {
    private static final MethodHandle MKFIFO = Native.withErrno("mkfifo", Native.INT, Native.POINTER, Native.INT);

    private Fifo() {}

    /**
     * Makes a FIFO.
     *
     * @throws LinuxException EEXIST if there is something of that name
     */
    public static void create(Path path, int mode) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) MKFIFO.invokeExact(errno, memory.allocateFrom(path.toString()), mode);
            Native.check(result, errno, "mkfifo " + path);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** Opens the reading end, non-blocking. Reads give the end of the file while nobody has it open for writing. */
    public static Fd openReader(Path path) throws LinuxException {
        return Fd.open(path, Fd.O_RDONLY | Fd.O_NONBLOCK);
    }

    /**
     * Opens the writing end, non-blocking.
     *
     * @throws LinuxException ENXIO if nobody has it open for reading
     */
    public static Fd openWriter(Path path) throws LinuxException {
        return Fd.open(path, Fd.O_WRONLY | Fd.O_NONBLOCK);
    }

    /** Opens both ends in one descriptor, non-blocking: the pipe then neither breaks nor ends. */
    public static Fd openBoth(Path path) throws LinuxException {
        return Fd.open(path, Fd.O_RDWR | Fd.O_NONBLOCK);
    }
}
