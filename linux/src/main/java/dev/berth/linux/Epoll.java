package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteOrder;
import java.time.Duration;

/**
 * A set of descriptors and one thread that waits for any of them. Each is armed for one shot: it is told once and then
 * silent until it is armed again. {@link Poller} is the one for everybody; a set of one's own is for who serves very many
 * descriptors from one thread.
 *
 * <p>Only {@link #await} belongs to one thread; the other methods may be called from any.
 */
public final class Epoll implements AutoCloseable {
    static final int IN = 0x1;
    static final int PRI = 0x2;
    static final int OUT = 0x4;
    static final int ERR = 0x8;
    static final int HUP = 0x10;
    static final int RDHUP = 0x2000;

    private static final int ONESHOT = 1 << 30;
    private static final int CTL_ADD = 1;
    private static final int CTL_DEL = 2;
    private static final int CTL_MOD = 3;
    private static final int BATCH = 64;

    /** The kernel packs struct epoll_event on x86-64 only. */
    private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");

    private static final int EVENT_BYTES = PACKED ? 12 : 16;
    private static final int TOKEN_AT = PACKED ? 4 : 8;
    private static final ValueLayout.OfLong TOKEN = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.nativeOrder());

    private static final MethodHandle CREATE = Native.withErrno("epoll_create1", Native.INT, Native.INT);
    private static final MethodHandle CTL =
            Native.withErrno("epoll_ctl", Native.INT, Native.INT, Native.INT, Native.INT, Native.POINTER);
    private static final MethodHandle WAIT =
            Native.withErrno("epoll_wait", Native.INT, Native.INT, Native.POINTER, Native.INT, Native.INT);

    /** Who is told. */
    public interface Listener {
        /** A descriptor that was armed with this token is ready, or can only fail. */
        void ready(long token);
    }

    /** Who is told, with the events as the kernel gives them. */
    interface RawListener {
        void ready(long token, int events);
    }

    private final Fd fd;
    private final Arena memory = Arena.ofShared();
    private final MemorySegment events = memory.allocate((long) EVENT_BYTES * BATCH, 8);

    private Epoll(Fd fd) {
        this.fd = fd;
    }

    /** Makes an empty set. */
    public static Epoll open() throws LinuxException {
        return new Epoll(Fd.own((int)
                Native.call("epoll_create1", (memory, errno) -> (int) CREATE.invokeExact(errno, Fd.O_CLOEXEC))));
    }

    /**
     * Adds a descriptor and arms it for reading.
     *
     * @param token what the listener gets; the caller chooses it
     * @throws LinuxException EPERM if such a file is always ready; EEXIST if it is in the set
     */
    public void add(Fd descriptor, long token) throws LinuxException {
        control(CTL_ADD, descriptor.number(), IN, token);
    }

    /** Arms a descriptor of the set again, for reading. */
    public void arm(Fd descriptor, long token) throws LinuxException {
        control(CTL_MOD, descriptor.number(), IN, token);
    }

    /** Takes a descriptor out; must be done before it is closed. Harmless if it is not in the set. */
    public void remove(Fd descriptor) {
        remove(descriptor.number());
    }

    void add(int number, int wanted, long token) throws LinuxException {
        control(CTL_ADD, number, wanted, token);
    }

    void arm(int number, int wanted, long token) throws LinuxException {
        control(CTL_MOD, number, wanted, token);
    }

    void remove(int number) {
        try {
            control(CTL_DEL, number, 0, 0);
        } catch (LinuxException e) {
            if (!e.is(Errno.ENOENT) && !e.is(Errno.EBADF)) {
                throw new IllegalStateException(e);
            }
        }
    }

    private void control(int operation, int number, int wanted, long token) throws LinuxException {
        fd.use();
        try {
            Native.call("watch descriptor " + number, (arena, errno) -> {
                MemorySegment event = arena.allocate(EVENT_BYTES, 8);
                event.set(ValueLayout.JAVA_INT_UNALIGNED, 0, wanted | ONESHOT);
                event.set(TOKEN, TOKEN_AT, token);
                return (int) CTL.invokeExact(errno, fd.number(), operation, number, event);
            });
        } finally {
            fd.done();
        }
    }

    /**
     * Waits until descriptors are ready and tells the listener of each, on the calling thread, which is held meanwhile and
     * must be a platform thread.
     *
     * @param limit at most so long, in whole milliseconds; {@link Poller#FOREVER} for no limit
     */
    public void await(Duration limit, Listener listener) throws LinuxException {
        await(limit, (token, ready) -> listener.ready(token));
    }

    void await(Duration limit, RawListener listener) throws LinuxException {
        int millis = limit.compareTo(Poller.FOREVER) >= 0 ? -1 : (int) Math.min(Integer.MAX_VALUE, limit.toMillis());
        int count;
        fd.use();
        try {
            count = (int) Native.call(
                    "epoll_wait", (arena, errno) -> (int) WAIT.invokeExact(errno, fd.number(), events, BATCH, millis));
        } finally {
            fd.done();
        }
        for (int i = 0; i < count; i++) {
            long at = (long) i * EVENT_BYTES;
            listener.ready(events.get(TOKEN, at + TOKEN_AT), events.get(ValueLayout.JAVA_INT_UNALIGNED, at));
        }
    }

    /** Closes the set; the descriptors in it stay open. Only when nobody is in {@link #await}. */
    @Override
    public void close() {
        fd.close();
        memory.close();
    }
}
