package dev.berth.linux;

import dev.berth.kernel.Ticker;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Waiting until a descriptor is ready, without holding a thread of the scheduler: one platform thread sits in
 * {@code epoll_wait} and unparks whoever waits, be it a virtual thread or a platform thread.
 *
 * <p>For FIFOs, pipes, sockets, pidfds, eventfds, terminals, cgroup event files. Any number of threads may wait for one
 * descriptor; all of them wake. A wait ends when the descriptor is ready or hung up, the time is over, the thread is
 * interrupted or the descriptor is closed. It may end early: whoever waited tries his call and waits again.
 */
public final class Poller {
    /** Longer than any machine runs. */
    public static final Duration FOREVER = Duration.ofDays(36_500);

    private static final int EPOLLIN = 0x1;
    private static final int EPOLLPRI = 0x2;
    private static final int EPOLLOUT = 0x4;
    private static final int EPOLLERR = 0x8;
    private static final int EPOLLHUP = 0x10;
    private static final int EPOLLRDHUP = 0x2000;
    private static final int EPOLLONESHOT = 1 << 30;
    private static final int EPOLL_CLOEXEC = 0x80000;
    private static final int CTL_ADD = 1;
    private static final int CTL_DEL = 2;
    private static final int CTL_MOD = 3;
    private static final int BATCH = 64;

    /** The kernel packs struct epoll_event on x86-64 only. */
    private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");

    private static final int EVENT_BYTES = PACKED ? 12 : 16;
    private static final int DATA_AT = PACKED ? 4 : 8;
    private static final ValueLayout.OfLong DATA = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.nativeOrder());

    private static final MethodHandle EPOLL_CREATE = Native.withErrno("epoll_create1", Native.INT, Native.INT);
    private static final MethodHandle EPOLL_CTL =
            Native.withErrno("epoll_ctl", Native.INT, Native.INT, Native.INT, Native.INT, Native.POINTER);
    private static final MethodHandle EPOLL_WAIT =
            Native.withErrno("epoll_wait", Native.INT, Native.INT, Native.POINTER, Native.INT, Native.INT);

    private static final ConcurrentMap<Long, Interest> INTERESTS = new ConcurrentHashMap<>();
    private static final AtomicLong NEXT_ID = new AtomicLong();
    private static final int EPOLL = start();

    private Poller() {}

    /**
     * Waits until a read would not wait: bytes, the end of the file, an exit (pidfd) or an error is there.
     *
     * @return false if the time is over
     * @throws LinuxException EBADF if the descriptor is or gets closed
     */
    public static boolean awaitReadable(Fd fd, Duration limit) throws LinuxException, InterruptedException {
        return await(fd, EPOLLIN | EPOLLRDHUP, limit);
    }

    /**
     * Waits until a write would not wait, or can only fail.
     *
     * @return false if the time is over
     * @throws LinuxException EBADF if the descriptor is or gets closed
     */
    public static boolean awaitWritable(Fd fd, Duration limit) throws LinuxException, InterruptedException {
        return await(fd, EPOLLOUT, limit);
    }

    /**
     * Waits for an exceptional state: how cgroup v2 {@code *.events} files and v1 pressure files tell of a change.
     *
     * @return false if the time is over
     * @throws LinuxException EBADF if the descriptor is or gets closed
     */
    public static boolean awaitException(Fd fd, Duration limit) throws LinuxException, InterruptedException {
        return await(fd, EPOLLPRI, limit);
    }

    private static boolean await(Fd fd, int events, Duration limit) throws LinuxException, InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        fd.use();
        try {
            Interest interest = fd.interest();
            Waiter waiter = new Waiter(Thread.currentThread(), events);
            if (!interest.add(waiter)) {
                return true; // a regular file: always ready
            }
            try {
                return park(fd, waiter, limit);
            } finally {
                interest.leave(waiter);
            }
        } finally {
            fd.done();
        }
    }

    private static boolean park(Fd fd, Waiter waiter, Duration limit) throws LinuxException, InterruptedException {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        long nanos = limit.compareTo(FOREVER) >= 0 ? Long.MAX_VALUE : limit.toNanos();
        while (!waiter.ready) {
            if (fd.isClosed()) {
                throw new LinuxException("wait for descriptor " + fd.number(), Errno.EBADF);
            }
            long left = nanos - (ticker.nanos() - start);
            if (left <= 0) {
                return false;
            }
            LockSupport.parkNanos(fd, left);
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
        }
        if (fd.isClosed()) {
            throw new LinuxException("wait for descriptor " + fd.number(), Errno.EBADF);
        }
        return true;
    }

    private static int start() {
        int epoll;
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            epoll = Native.check((int) EPOLL_CREATE.invokeExact(errno, EPOLL_CLOEXEC), errno, "epoll_create1");
        } catch (Throwable e) {
            throw new ExceptionInInitializerError(e);
        }
        Thread.ofPlatform().daemon().name("poller").start(() -> loop(epoll));
        return epoll;
    }

    private static void loop(int epoll) {
        Arena memory = Arena.global();
        MemorySegment errno = Native.errno(memory);
        MemorySegment events = memory.allocate((long) EVENT_BYTES * BATCH, 8);
        while (true) {
            int count;
            try {
                count = (int) EPOLL_WAIT.invokeExact(errno, epoll, events, BATCH, -1);
            } catch (Throwable e) {
                throw Native.impossible(e);
            }
            if (count < 0 && Native.errno(errno) != Errno.EINTR) {
                throw new IllegalStateException("the poller is broken: " + Errno.text(Native.errno(errno)));
            }
            for (int i = 0; i < count; i++) {
                long at = (long) i * EVENT_BYTES;
                Interest interest = INTERESTS.get(events.get(DATA, at + DATA_AT));
                if (interest != null) {
                    interest.fire(events.get(ValueLayout.JAVA_INT_UNALIGNED, at));
                }
            }
        }
    }

    private static int control(int operation, int fd, int events, long id) {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment event = memory.allocate(EVENT_BYTES, 8);
            event.set(ValueLayout.JAVA_INT_UNALIGNED, 0, events);
            event.set(DATA, DATA_AT, id);
            int result = (int) EPOLL_CTL.invokeExact(errno, EPOLL, operation, fd, event);
            return result == -1 ? Native.errno(errno) : 0;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    static final class Waiter {
        private final Thread thread;
        private final int events;
        private volatile boolean ready;

        Waiter(Thread thread, int events) {
            this.thread = thread;
            this.events = events;
        }

        void wake() {
            ready = true;
            LockSupport.unpark(thread);
        }
    }

    /** What the epoll set knows of one descriptor: armed for one shot while somebody waits. */
    static final class Interest {
        private final long id = NEXT_ID.incrementAndGet();
        private final int fd;
        private final List<Waiter> waiters = new ArrayList<>(2);
        private boolean registered;

        Interest(int fd) {
            this.fd = fd;
        }

        /** Returns false if the kernel says that such a file is always ready. */
        synchronized boolean add(Waiter waiter) throws LinuxException {
            waiters.add(waiter);
            INTERESTS.put(id, this);
            int error = control(registered ? CTL_MOD : CTL_ADD, fd, wanted(), id);
            if (error == 0) {
                registered = true;
                return true;
            }
            waiters.remove(waiter);
            if (error == Errno.EPERM) {
                return false;
            }
            throw new LinuxException("watch descriptor " + fd, error);
        }

        synchronized void leave(Waiter waiter) {
            waiters.remove(waiter);
        }

        synchronized void fire(int events) {
            boolean broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
            waiters.removeIf(waiter -> {
                boolean hit = broken || (events & waiter.events) != 0;
                if (hit) {
                    waiter.wake();
                }
                return hit;
            });
            if (!waiters.isEmpty()) {
                int error = control(CTL_MOD, fd, wanted(), id);
                if (error != 0) {
                    wakeAll();
                }
            }
        }

        synchronized void wakeAll() {
            waiters.forEach(Waiter::wake);
            waiters.clear();
        }

        synchronized void remove() {
            INTERESTS.remove(id);
            if (registered) {
                int _ = control(CTL_DEL, fd, 0, id); // fails only if it is out already
                registered = false;
            }
        }

        private int wanted() {
            int events = EPOLLONESHOT;
            for (Waiter waiter : waiters) {
                events |= waiter.events;
            }
            return events;
        }
    }
}
