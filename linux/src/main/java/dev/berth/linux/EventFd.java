package dev.berth.linux;

import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;

/** A counter in the kernel that is readable while it is not zero: to wake a poller, and how cgroup v1 tells of events. */
public final class EventFd implements AutoCloseable {
    private static final MethodHandle EVENTFD = Native.withErrno("eventfd", Native.INT, Native.INT, Native.INT);

    private final Fd fd;

    private EventFd(Fd fd) {
        this.fd = fd;
    }

    /** Makes one that stands at zero. */
    public static EventFd open() throws LinuxException {
        return new EventFd(Fd.own((int) Native.call(
                "eventfd", (memory, errno) -> (int) EVENTFD.invokeExact(errno, 0, Fd.O_CLOEXEC | Fd.O_NONBLOCK))));
    }

    /** The descriptor; it stays this object's. */
    public Fd fd() {
        return fd;
    }

    /** Adds one. */
    public void signal() throws LinuxException {
        fd.write(number().putLong(0, 1));
    }

    /** Returns the count and sets it to zero. */
    public long take() throws LinuxException {
        ByteBuffer count = number();
        return fd.read(count) > 0 ? count.getLong(0) : 0;
    }

    /**
     * Waits until it is not zero.
     *
     * @return false if the time is over
     */
    public boolean await(Duration limit) throws LinuxException, InterruptedException {
        return Poller.awaitReadable(fd, limit);
    }

    private static ByteBuffer number() {
        return ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder());
    }

    @Override
    public void close() {
        fd.close();
    }
}
