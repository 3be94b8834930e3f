package dev.berth.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * The master side of a pseudo terminal. When its last descriptor is closed, the processes on the other side get SIGHUP:
 * somebody must hold one as long as they shall live.
 */
public final class Pty implements AutoCloseable {
    private static final long TIOCGWINSZ = 0x5413;
    private static final long TIOCSWINSZ = 0x5414;
    private static final long TIOCSPTLCK = 0x40045431;
    private static final long TIOCGPTPEER = 0x5441;
    private static final int WINSIZE_BYTES = 8;

    private static final MethodHandle IOCTL =
            Native.variadic("ioctl", 2, Native.INT, Native.INT, Native.LONG, Native.POINTER);
    private static final MethodHandle IOCTL_NUMBER =
            Native.variadic("ioctl", 2, Native.INT, Native.INT, Native.LONG, Native.LONG);

    /**
     * The size of a terminal's window.
     *
     * @param columns width in characters
     * @param rows height in characters
     */
    public record Size(int columns, int rows) {
        public Size {
            if (columns < 0 || columns > 0xffff || rows < 0 || rows > 0xffff) {
                throw new IllegalArgumentException("not a terminal size: " + columns + "x" + rows);
            }
        }
    }

    private final Fd master;

    private Pty(Fd master) {
        this.master = master;
    }

    /** Makes a new one in the /dev/pts of the calling thread's mount namespace; the master does not wait. */
    public static Pty open() throws LinuxException {
        Fd master = Fd.open(Path.of("/dev/ptmx"), Fd.O_RDWR | Fd.O_NOCTTY | Fd.O_NONBLOCK);
        try {
            Native.call("unlock the terminal", (memory, errno) ->
                    (int) IOCTL.invokeExact(errno, master.number(), TIOCSPTLCK, memory.allocate(ValueLayout.JAVA_INT)));
            return new Pty(master);
        } catch (LinuxException e) {
            master.close();
            throw e;
        }
    }

    /**
     * Takes over a master that came from elsewhere, a runtime's console socket for instance, and makes it non-blocking.
     *
     * @throws LinuxException ENOTTY if it is no terminal
     */
    public static Pty ofMaster(Fd master) throws LinuxException {
        Pty pty = new Pty(master);
        pty.size();
        master.nonBlocking(true);
        return pty;
    }

    /** The master's descriptor; it stays this object's. */
    public Fd master() {
        return master;
    }

    /** Opens the other side, as a process in the terminal has it. It never becomes our controlling terminal. */
    public Fd openSlave() throws LinuxException {
        master.use();
        try {
            return Fd.own((int) Native.call(
                    "open the slave of a terminal", (memory, errno) -> (int) IOCTL_NUMBER.invokeExact(
                            errno, master.number(), TIOCGPTPEER, (long) (Fd.O_RDWR | Fd.O_NOCTTY | Fd.O_CLOEXEC))));
        } finally {
            master.done();
        }
    }

    /** Sets the size; the processes in the terminal get SIGWINCH if it changed. */
    public void resize(Size size) throws LinuxException {
        window(TIOCSWINSZ, size);
    }

    public Size size() throws LinuxException {
        return window(TIOCGWINSZ, new Size(0, 0));
    }

    private Size window(long request, Size given) throws LinuxException {
        master.use();
        try {
            short[] answer = new short[2];
            Native.call("size of a terminal", (memory, errno) -> {
                MemorySegment winsize = memory.allocate(WINSIZE_BYTES, 2);
                winsize.setAtIndex(ValueLayout.JAVA_SHORT, 0, (short) given.rows());
                winsize.setAtIndex(ValueLayout.JAVA_SHORT, 1, (short) given.columns());
                int result = (int) IOCTL.invokeExact(errno, master.number(), request, winsize);
                MemorySegment.copy(winsize, ValueLayout.JAVA_SHORT, 0, answer, 0, 2);
                return result;
            });
            return new Size(Short.toUnsignedInt(answer[1]), Short.toUnsignedInt(answer[0]));
        } finally {
            master.done();
        }
    }

    @Override
    public void close() {
        master.close();
    }
}
