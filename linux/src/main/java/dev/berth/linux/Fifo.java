package dev.berth.linux;

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
        Native.call("mkfifo " + path, (memory, errno) ->
                (int) MKFIFO.invokeExact(errno, memory.allocateFrom(path.toString()), mode));
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

    /**
     * Opens the reading end for a child, which expects reads that wait. Does not wait itself, whether or not there is a
     * writer.
     */
    public static Fd openReaderForChild(Path path) throws LinuxException {
        Fd fd = openReader(path);
        try {
            fd.nonBlocking(false);
            return fd;
        } catch (LinuxException e) {
            fd.close();
            throw e;
        }
    }

    /**
     * Opens both ends in one descriptor for a child, which expects writes that wait. As the child then reads from the pipe
     * too, it never gets SIGPIPE, and the pipe lives on while the reader is away.
     */
    public static Fd openWriterForChild(Path path) throws LinuxException {
        return Fd.open(path, Fd.O_RDWR);
    }

    /** Opens both ends in one descriptor, non-blocking: the pipe then neither breaks nor ends. */
    public static Fd openBoth(Path path) throws LinuxException {
        return Fd.open(path, Fd.O_RDWR | Fd.O_NONBLOCK);
    }
}
