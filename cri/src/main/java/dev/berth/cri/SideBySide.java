package dev.berth.cri;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Does the same to many things at once, so many at a time. One that fails or takes too long is nobody else's trouble. */
final class SideBySide {
    /** What is done to one of them. */
    interface Step<T> {
        void to(T one) throws Exception;
    }

    private static final Logger LOG = LoggerFactory.getLogger(SideBySide.class);

    private final Semaphore places;
    private final Duration limit;

    /**
     * @param atOnce how many at a time
     * @param limit for each; a step that takes longer is interrupted and not waited for
     */
    SideBySide(int atOnce, Duration limit) {
        this.places = new Semaphore(atOnce);
        this.limit = limit;
    }

    /**
     * Returns when every one is done, has failed or has had its time. Failures are in the log.
     *
     * @param what for the log: what is done to what
     */
    <T> void each(String what, Collection<T> all, Step<T> step) throws InterruptedException {
        List<Thread> guards = new ArrayList<>();
        for (T one : all) {
            guards.add(Thread.ofVirtual().name(what).start(() -> guard(what, one, step)));
        }
        try {
            for (Thread guard : guards) {
                guard.join();
            }
        } catch (InterruptedException e) {
            guards.forEach(Thread::interrupt);
            throw e;
        }
    }

    private <T> void guard(String what, T one, Step<T> step) {
        var work = new FutureTask<Void>(() -> {
            step.to(one);
            return null;
        });
        boolean place = false;
        try {
            places.acquire();
            place = true;
            Thread.ofVirtual().name(what).start(work);
            work.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            LOG.error("{} is not done after {} s; it is left as it is", what, limit.toSeconds());
        } catch (ExecutionException e) {
            LOG.warn("{} failed", what, e.getCause());
        } catch (InterruptedException e) {
            LOG.debug("{} is broken off", what, e);
        } finally {
            work.cancel(true); // harmless if it is done
            if (place) {
                places.release();
            }
        }
    }
}
