package dev.berth.shim.stdio;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Epoll;
import dev.berth.linux.EventFd;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Poller;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads of all pumps: one that waits for pipes, and a few that work, in turns. They are platform threads, because
 * writing into a log may wait for a disk, and a few, because each has its memory.
 *
 * <p>The waiting thread rests for a moment after each wake. What is written meanwhile is taken together, so that a process
 * that writes thousands of short lines a second costs hundreds of turns, not thousands; the first line after a pause is
 * not delayed.
 */
final class PumpLoop implements AutoCloseable {
    /** More than one, so that a log on a slow disk does not hold up the others. */
    private static final int WORKERS = 3;

    private static final Duration REST = Duration.ofMillis(2);
    private static final Duration AFTER_FAILURE = Duration.ofSeconds(1);
    private static final Duration LAST_TURNS = Duration.ofSeconds(10);
    private static final long WAKE = 0;
    private static final Logger LOG = LoggerFactory.getLogger(PumpLoop.class);

    /** One turn of a pump with a worker's memory. */
    interface Turn {
        void run(Buffers buffers);
    }

    private final Ticker ticker;
    private final Epoll epoll;
    private final EventFd wake;
    private final AtomicLong tokens = new AtomicLong(WAKE);
    private final ConcurrentMap<Long, Runnable> watched = new ConcurrentHashMap<>();
    private final BlockingQueue<Buffers> memory = new ArrayBlockingQueue<>(WORKERS);
    private final ThreadPoolExecutor workers;
    private final Thread waiting;
    private volatile boolean closed;

    private PumpLoop(Ticker ticker, Epoll epoll, EventFd wake) {
        this.ticker = ticker;
        this.epoll = epoll;
        this.wake = wake;
        ThreadFactory threads =
                Thread.ofPlatform().daemon().name("pump worker ", 1).factory();
        this.workers =
                new ThreadPoolExecutor(WORKERS, WORKERS, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), threads);
        this.workers.allowCoreThreadTimeOut(true);
        this.waiting = Thread.ofPlatform().daemon().name("pumps").unstarted(this::loop);
    }

    static PumpLoop start(Ticker ticker) throws LinuxException {
        EventFd wake = EventFd.open();
        PumpLoop loop = new PumpLoop(ticker, Epoll.open(), wake);
        loop.epoll.add(wake.fd(), WAKE);
        loop.waiting.start();
        return loop;
    }

    /**
     * Watches a pipe from now on.
     *
     * @param ready called once for each arming, on the waiting thread
     * @return what names it in the other calls
     */
    long watch(Fd pipe, Runnable ready) throws LinuxException {
        long token = tokens.incrementAndGet();
        watched.put(token, ready);
        try {
            epoll.add(pipe, token);
            return token;
        } catch (LinuxException e) {
            watched.remove(token);
            throw e;
        }
    }

    /** Has the pipe watched again after it was told ready. */
    void arm(Fd pipe, long token) throws LinuxException {
        epoll.arm(pipe, token);
    }

    /** Must be done before the pipe is closed. */
    void forget(Fd pipe, long token) {
        watched.remove(token);
        epoll.remove(pipe);
    }

    /** Gives a pump a turn, after those that wait already. */
    void submit(Turn turn) {
        try {
            workers.execute(() -> work(turn));
        } catch (RejectedExecutionException e) {
            LOG.debug("no more turns: the supervisor ends");
        }
    }

    /** Gives a pump that failed a turn after a while. */
    void submitLater(Turn turn) {
        Thread.ofVirtual().name("pump after failure").start(() -> {
            try {
                ticker.sleep(AFTER_FAILURE);
                submit(turn);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private void work(Turn turn) {
        Buffers buffers = memory.poll();
        if (buffers == null) {
            buffers = new Buffers();
        }
        try {
            turn.run(buffers);
        } finally {
            boolean _ = memory.offer(buffers); // there are never more of them than workers
        }
    }

    private void loop() {
        try {
            while (!closed) {
                epoll.await(Poller.FOREVER, this::ready);
                ticker.sleep(REST);
            }
        } catch (IOException e) {
            LOG.error("no output is read any more", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void ready(long token) {
        Runnable ready = watched.get(token);
        if (ready != null) {
            ready.run();
        }
    }

    /** Ends the threads, after turns that run. */
    @Override
    public void close() {
        closed = true;
        boolean interrupted = false;
        try {
            wake.signal();
            waiting.join();
            workers.shutdown();
            if (!workers.awaitTermination(LAST_TURNS.toSeconds(), TimeUnit.SECONDS)) {
                LOG.warn("a log cannot be written: its disk does not answer");
            }
        } catch (InterruptedException e) {
            interrupted = true;
        } catch (LinuxException e) {
            LOG.error("cannot wake the thread that waits for output", e);
        }
        epoll.close();
        wake.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
