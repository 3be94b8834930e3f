package dev.berth.cri;

import dev.berth.kernel.Fault;
import dev.berth.tasks.Tasks;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Shut until recovery has compared the records with what runs; calls that change something wait here. */
final class Gate {
    /** A supervisor may hang in the middle of recovery. Less than the two minutes of a kubelet. */
    private static final Duration LIMIT = Tasks.BACK_WITHIN.plusSeconds(30);

    private final CountDownLatch open = new CountDownLatch(1);

    void open() {
        open.countDown();
    }

    /** @throws Fault UNAVAILABLE if recovery does not end; what holds it up is in the log */
    void pass() throws InterruptedException {
        if (!open.await(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
            throw Fault.unavailable(
                    "this call", "the daemon is still looking for pods of before", "Try again, and see its log");
        }
    }
}
