package dev.berth.tasks;

import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands an event to a consumer that may fail for a while, as with a full disk. */
final class Delivery {
    private static final Logger LOG = LoggerFactory.getLogger(Delivery.class);
    private static final Pauses PAUSES = new Pauses(Duration.ofMillis(100), Duration.ofSeconds(5));
    private static final int ATTEMPTS = 5;

    private Delivery() {}

    /**
     * Returns when the event was taken. An end is offered until then: nobody would ever learn of it otherwise. Of what else
     * happens, it is worse to keep all later events from the consumer, so that is dropped after some attempts.
     *
     * @throws InterruptedException if the thread is interrupted or all is going down
     */
    static void to(Consumer<TaskEvent> consumer, TaskEvent event, Ticker ticker, BooleanSupplier goingDown)
            throws InterruptedException {
        for (int attempt = 1; ; attempt++) {
            try {
                consumer.accept(event);
                return;
            } catch (RuntimeException e) {
                if (goingDown.getAsBoolean()) {
                    throw new InterruptedException("going down");
                }
                LOG.error("{} could not be taken, attempt {}", event, attempt, e);
                if (attempt >= ATTEMPTS && !(event instanceof TaskEvent.Exited)) {
                    return;
                }
            }
            ticker.sleep(PAUSES.after(attempt));
        }
    }
}
