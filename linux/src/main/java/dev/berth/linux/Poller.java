package dev.berth.linux;

import dev.berth.kernel.Ticker;
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

    private static final ConcurrentMap<Long, Interest> INTERESTS = new ConcurrentHashMap<>();
    private static final AtomicLong NEXT_ID = new AtomicLong();
    private static final Epoll EPOLL = start();

    private Poller() {}

    /**
     * Waits until a read would not wait: bytes, the end of the file, an exit (pidfd) or an error is there.
     *
     * @return false if the time is over
     * @throws LinuxException EBADF if the descriptor is or gets closed
     */
    public static boolean awaitReadable(Fd fd, Duration limit) throws LinuxException, InterruptedException {
        return await(fd, Epoll.IN | Epoll.RDHUP, limit);
    }

    /**
     * Waits until a write would not wait, or can only fail.
     *
     * @return false if the time is over
     * @throws LinuxException EBADF if the descriptor is or gets closed
     */
    public static boolean awaitWritable(Fd fd, Duration limit) throws LinuxException, InterruptedException {
        return await(fd, Epoll.OUT, limit);
    }

    /**
     * Waits for an exceptional state: how cgroup v2 {@code *.events} files and v1 pressure files tell of a change.
     *
     * @return false if the time is over
     * @throws LinuxException EBADF if the descriptor is or gets closed
     */
    public static boolean awaitException(Fd fd, Duration limit) throws LinuxException, InterruptedException {
        return await(fd, Epoll.PRI, limit);
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

    private static Epoll start() {
        try {
            Epoll epoll = Epoll.open();
            Thread.ofPlatform().daemon().name("poller").start(() -> loop(epoll));
            return epoll;
        } catch (LinuxException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static void loop(Epoll epoll) {
        while (true) {
            try {
                epoll.await(FOREVER, Poller::fire);
            } catch (LinuxException e) {
                throw new IllegalStateException("the poller is broken", e);
            }
        }
    }

    private static void fire(long id, int events) {
        Interest interest = INTERESTS.get(id);
        if (interest != null) {
            interest.fire(events);
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
            try {
                arm();
                return true;
            } catch (LinuxException e) {
                waiters.remove(waiter);
                if (e.is(Errno.EPERM)) {
                    return false;
                }
                throw e;
            }
        }

        synchronized void leave(Waiter waiter) {
            waiters.remove(waiter);
        }

        synchronized void fire(int events) {
            boolean broken = (events & (Epoll.ERR | Epoll.HUP)) != 0;
            waiters.removeIf(waiter -> {
                boolean hit = broken || (events & waiter.events) != 0;
                if (hit) {
                    waiter.wake();
                }
                return hit;
            });
            if (!waiters.isEmpty()) {
                try {
                    arm();
                } catch (LinuxException e) {
                    wakeAll(); // they meet the error in their own calls
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
                EPOLL.remove(fd);
                registered = false;
            }
        }

        private void arm() throws LinuxException {
            int wanted = 0;
            for (Waiter waiter : waiters) {
                wanted |= waiter.events;
            }
            if (registered) {
                EPOLL.arm(fd, wanted, id);
            } else {
                EPOLL.add(fd, wanted, id);
                registered = true;
            }
        }
    }
}
