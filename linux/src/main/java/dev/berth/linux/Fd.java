package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * An open descriptor and its owner: closed once, by whoever closes this object.
 *
 * <p>Thread-safe. Closing wakes every thread that waits for it in {@link Poller}; the number is given back to the kernel
 * only when the last call that uses it has returned, so that a late call can never hit a stranger's descriptor. A call
 * after closing fails with EBADF.
 *
 * <p>Reads and writes do not wait when the descriptor is non-blocking; use them with {@link Poller}. On a blocking
 * descriptor they hold the calling thread, which must then be a platform thread.
 */
public final class Fd implements AutoCloseable {
    public static final int O_RDONLY = 0;
    public static final int O_WRONLY = 1;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0x40;
    public static final int O_EXCL = 0x80;
    public static final int O_NOCTTY = 0x100;
    public static final int O_TRUNC = 0x200;
    public static final int O_APPEND = 0x400;
    public static final int O_NONBLOCK = 0x800;
    public static final int O_NOFOLLOW = 0x20000;
    public static final int O_CLOEXEC = 0x80000;
    public static final int O_PATH = 0x200000;

    private static final int F_GETFD = 1;
    private static final int F_GETFL = 3;
    private static final int F_SETFL = 4;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int CLOSED = 1 << 30;

    private static final MethodHandle OPEN =
            Native.variadic("open", 2, Native.INT, Native.POINTER, Native.INT, Native.INT);
    private static final MethodHandle CLOSE = Native.withErrno("close", Native.INT, Native.INT);
    private static final MethodHandle FCNTL =
            Native.variadic("fcntl", 2, Native.INT, Native.INT, Native.INT, Native.LONG);
    private static final MethodHandle READ =
            Native.withErrno("read", Native.LONG, Native.INT, Native.POINTER, Native.LONG);
    private static final MethodHandle WRITE =
            Native.withErrno("write", Native.LONG, Native.INT, Native.POINTER, Native.LONG);

    private static final MethodHandle PREAD =
            Native.withErrno("pread", Native.LONG, Native.INT, Native.POINTER, Native.LONG, Native.LONG);
    private static final MethodHandle PWRITE =
            Native.withErrno("pwrite", Native.LONG, Native.INT, Native.POINTER, Native.LONG, Native.LONG);
    private static final MethodHandle FTRUNCATE = Native.withErrno("ftruncate", Native.INT, Native.INT, Native.LONG);
    private static final MethodHandle STATX =
            Native.withErrno("statx", Native.INT, Native.INT, Native.POINTER, Native.INT, Native.INT, Native.POINTER);
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_INO = 0x100;
    private static final int STATX_SIZE = 0x200;
    private static final int STATX_BYTES = 256;
    private static final int STATX_INO_AT = 32;
    private static final int STATX_SIZE_AT = 40;
    private static final int STATX_DEV_MAJOR_AT = 136;

    private final int number;
    private final AtomicInteger users = new AtomicInteger();
    private volatile Poller.@Nullable Interest interest;

    private Fd(int number) {
        this.number = number;
    }

    /** Takes ownership of a descriptor number. */
    static Fd own(int number) {
        return new Fd(number);
    }

    /**
     * Takes ownership of a number that this process was born with or that a call outside this room gave it.
     *
     * @throws LinuxException EBADF if the number is not open
     */
    public static Fd adopt(int number) throws LinuxException {
        fcntl(number, F_GETFD, 0);
        return new Fd(number);
    }

    /**
     * Opens a file; always close-on-exec. Opening a FIFO without O_NONBLOCK may block for ever: see {@link Fifo}.
     *
     * @param flags {@code O_} constants of this class
     * @param mode permission bits for a file that is created, reduced by the umask
     */
    public static Fd open(Path path, int flags, int mode) throws LinuxException {
        return new Fd((int) Native.call("open " + path, (memory, errno) ->
                (int) OPEN.invokeExact(errno, memory.allocateFrom(path.toString()), flags | O_CLOEXEC, mode)));
    }

    /** Opens an existing file. */
    public static Fd open(Path path, int flags) throws LinuxException {
        return open(path, flags, 0);
    }

    /** The descriptor's number, valid until {@link #close()}. */
    public int number() {
        return number;
    }

    /** Whether {@link #close()} was called. */
    public boolean isClosed() {
        return (users.get() & CLOSED) != 0;
    }

    /** Names what is open here for a call in this process that takes a path. */
    public Path procPath() {
        return Path.of("/proc/self/fd/" + number);
    }

    /** Names what is open here for another process, a child for instance, as long as this process lives. */
    public Path procPathFor(long pid) {
        return Path.of("/proc/" + pid + "/fd/" + number);
    }

    /** A second descriptor of the same open file. */
    public Fd dup() throws LinuxException {
        return dupFrom(0);
    }

    /** A second descriptor of the same open file with a number not below {@code lowest}. */
    Fd dupFrom(int lowest) throws LinuxException {
        use();
        try {
            return new Fd(fcntl(number, F_DUPFD_CLOEXEC, lowest));
        } finally {
            done();
        }
    }

    /**
     * Makes reads and writes fail to wait, or wait. The setting belongs to the open file, not to the descriptor: every
     * process that shares it sees the change.
     */
    public void nonBlocking(boolean on) throws LinuxException {
        use();
        try {
            int flags = fcntl(number, F_GETFL, 0);
            fcntl(number, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
        } finally {
            done();
        }
    }

    /**
     * Reads into the buffer's remaining space; a direct buffer saves a copy.
     *
     * @return bytes read, at least 1; 0 if nothing is there now (non-blocking); -1 at the end of the file
     */
    public int read(ByteBuffer buffer) throws LinuxException {
        if (!buffer.hasRemaining()) {
            return 0;
        }
        use();
        try (Arena memory = Arena.ofConfined()) {
            int wanted = buffer.remaining();
            boolean direct = buffer.isDirect();
            MemorySegment target = direct ? MemorySegment.ofBuffer(buffer) : memory.allocate(wanted);
            int n = (int) transfer(READ, memory, target, wanted, "read");
            if (n == 0) {
                return -1;
            }
            if (n < 0) {
                return 0;
            }
            if (direct) {
                buffer.position(buffer.position() + n);
            } else {
                buffer.put(target.asSlice(0, n).asByteBuffer());
            }
            return n;
        } finally {
            done();
        }
    }

    /** Reads like {@link #read(ByteBuffer)}, into an array from its start. */
    public int read(byte[] bytes) throws LinuxException {
        return read(ByteBuffer.wrap(bytes));
    }

    /**
     * Reads what is there now and waits for nothing; only for a descriptor that does not block.
     *
     * @param chunk where each part is found
     * @param most once so many bytes have come, no more are read
     * @param part gets the length of each part
     */
    public void readRest(byte[] chunk, int most, IntConsumer part) throws LinuxException {
        int left = most;
        for (int n = read(chunk); n > 0; n = left > 0 ? read(chunk) : 0) {
            part.accept(n);
            left -= n;
        }
    }

    /**
     * Writes from the buffer's position; a direct buffer saves a copy.
     *
     * @return bytes written, fewer than offered if there is no room for more now; 0 if there is none at all
     *     (non-blocking)
     * @throws LinuxException EPIPE if nobody can read it any more (SIGPIPE is not raised in a JVM)
     */
    public int write(ByteBuffer buffer) throws LinuxException {
        if (!buffer.hasRemaining()) {
            return 0;
        }
        use();
        try (Arena memory = Arena.ofConfined()) {
            int offered = buffer.remaining();
            MemorySegment source;
            if (buffer.isDirect()) {
                source = MemorySegment.ofBuffer(buffer);
            } else {
                source = memory.allocate(offered);
                source.asByteBuffer().put(buffer.duplicate());
            }
            int n = (int) Math.max(0, transfer(WRITE, memory, source, offered, "write"));
            buffer.position(buffer.position() + n);
            return n;
        } finally {
            done();
        }
    }

    /** Writes like {@link #write(ByteBuffer)}, from an array. */
    public int write(byte[] bytes) throws LinuxException {
        return write(ByteBuffer.wrap(bytes));
    }

    /**
     * Reads from a place in a file, without moving its offset.
     *
     * @return bytes read, at least 1 unless the buffer is full; -1 at the end of the file
     */
    public int readAt(ByteBuffer direct, long offset) throws LinuxException {
        if (!direct.hasRemaining()) {
            return 0;
        }
        int n = (int) at(PREAD, direct, offset, "read");
        direct.position(direct.position() + n);
        return n == 0 ? -1 : n;
    }

    /**
     * Writes to a place in a file, without moving its offset, all that remains in the buffer.
     *
     * @throws LinuxException ENOSPC, EDQUOT, EFBIG if the rest does not fit; the buffer's position tells how much did
     */
    public void writeAt(ByteBuffer direct, long offset) throws LinuxException {
        long to = offset;
        while (direct.hasRemaining()) {
            int n = (int) at(PWRITE, direct, to, "write");
            direct.position(direct.position() + n);
            to += n;
        }
    }

    private long at(MethodHandle call, ByteBuffer direct, long offset, String what) throws LinuxException {
        if (!direct.isDirect()) {
            throw new IllegalArgumentException("only a direct buffer is read or written in place");
        }
        use();
        try {
            MemorySegment bytes = MemorySegment.ofBuffer(direct);
            return Native.call(
                    what, (memory, errno) -> (long) call.invokeExact(errno, number, bytes, bytes.byteSize(), offset));
        } finally {
            done();
        }
    }

    /** Cuts a file, or lengthens it with a hole. */
    public void truncate(long length) throws LinuxException {
        use();
        try {
            Native.call("truncate", (memory, errno) -> (int) FTRUNCATE.invokeExact(errno, number, length));
        } finally {
            done();
        }
    }

    /**
     * Which file this is, and how long.
     *
     * @param device the file system it is on
     * @param inode its number there
     * @param size its length in bytes
     */
    public record Stamp(long device, long inode, long size) {
        public boolean sameFile(Stamp other) {
            return device == other.device && inode == other.inode;
        }
    }

    /** Asks which file this is, and how long it is now. */
    public Stamp stamp() throws LinuxException {
        use();
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment statx = memory.allocate(STATX_BYTES, 8);
            MemorySegment empty = memory.allocateFrom("");
            Native.call("statx", (ignored, errno) ->
                    (int) STATX.invokeExact(errno, number, empty, AT_EMPTY_PATH, STATX_INO | STATX_SIZE, statx));
            long device = (Integer.toUnsignedLong(statx.get(ValueLayout.JAVA_INT, STATX_DEV_MAJOR_AT)) << 32)
                    | Integer.toUnsignedLong(statx.get(ValueLayout.JAVA_INT, STATX_DEV_MAJOR_AT + 4));
            return new Stamp(
                    device,
                    statx.get(ValueLayout.JAVA_LONG, STATX_INO_AT),
                    statx.get(ValueLayout.JAVA_LONG, STATX_SIZE_AT));
        } finally {
            done();
        }
    }

    /** The call's result, or -1 for EAGAIN. */
    private long transfer(MethodHandle call, Arena memory, MemorySegment bytes, long length, String what)
            throws LinuxException {
        try {
            MemorySegment errno = Native.errno(memory);
            while (true) {
                long n = (long) call.invokeExact(errno, number, bytes, length);
                if (n != -1) {
                    return n;
                }
                int error = Native.errno(errno);
                if (error == Errno.EAGAIN) {
                    return -1;
                }
                if (error != Errno.EINTR) {
                    throw new LinuxException(what + " descriptor " + number, error);
                }
            }
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    /** Gives what is open, a pipe for instance, to another user and group. */
    public void chown(long uid, long gid) throws LinuxException {
        use();
        try {
            FileCalls.chown(number, FileCalls.ITSELF, uid, gid);
        } finally {
            done();
        }
    }

    /** Closes the descriptor and wakes whoever waits for it. Calling it again is harmless. */
    @Override
    public void close() {
        int before = users.getAndUpdate(n -> n | CLOSED);
        if ((before & CLOSED) != 0) {
            return;
        }
        Poller.Interest waiting = interest;
        if (waiting != null) {
            waiting.wakeAll();
        }
        if (before == 0) {
            release();
        }
    }

    /** Keeps the number from being given back until {@link #done()}. */
    void use() throws LinuxException {
        int before = users.getAndUpdate(n -> (n & CLOSED) == 0 ? n + 1 : n);
        if ((before & CLOSED) != 0) {
            throw new LinuxException("use descriptor " + number, Errno.EBADF);
        }
    }

    void done() {
        if (users.decrementAndGet() == CLOSED) {
            release();
        }
    }

    /** What the poller remembers of this descriptor; only while in {@link #use()}. */
    Poller.Interest interest() {
        Poller.Interest known = interest;
        if (known != null) {
            return known;
        }
        synchronized (this) {
            known = interest;
            if (known == null) {
                known = new Poller.Interest(number);
                interest = known;
            }
            return known;
        }
    }

    private void release() {
        Poller.Interest waiting = interest;
        if (waiting != null) {
            waiting.remove(); // the open file may live on in a child: closing would not take it out of the epoll set
        }
        try (Arena memory = Arena.ofConfined()) {
            // Whatever close(2) answers, the number is free afterwards: there is nothing to do about an error.
            int _ = (int) CLOSE.invokeExact(Native.errno(memory), number);
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    private static int fcntl(int fd, int command, long argument) throws LinuxException {
        return (int) Native.call("fcntl " + command + " of descriptor " + fd, (memory, errno) ->
                (int) FCNTL.invokeExact(errno, fd, command, argument));
    }

    @Override
    public String toString() {
        return "fd " + number + (isClosed() ? " (closed)" : "");
    }

    /** The layout of an int array with two descriptors, as pipe(2) and socketpair(2) fill it. */
    static Fd[] pair(MemorySegment two) {
        return new Fd[] {
            new Fd(two.getAtIndex(ValueLayout.JAVA_INT, 0)), new Fd(two.getAtIndex(ValueLayout.JAVA_INT, 1))
        };
    }
}
