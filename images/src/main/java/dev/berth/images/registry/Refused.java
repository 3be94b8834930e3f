package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.time.Duration;
import java.util.Optional;

/** One attempt at one host did not work. Whether another is worth while is for the caller to say. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    private final Fault fault;
    private final boolean again;
    private final transient Optional<Duration> after;

    private Refused(Fault fault, boolean again, Optional<Duration> after) {
        super(fault.getMessage(), fault);
        this.fault = fault;
        this.again = again;
        this.after = after;
    }

    /** The same request will fail again. */
    static Refused forGood(Fault fault) {
        return new Refused(fault, false, Optional.empty());
    }

    /** The same request may succeed later. */
    static Refused forNow(Fault fault) {
        return new Refused(fault, true, Optional.empty());
    }

    /** The same request may succeed after a time that the registry named. */
    static Refused until(Fault fault, Optional<Duration> after) {
        return new Refused(fault, true, after);
    }

    Fault fault() {
        return fault;
    }

    boolean again() {
        return again;
    }

    Optional<Duration> after() {
        return after;
    }
}
