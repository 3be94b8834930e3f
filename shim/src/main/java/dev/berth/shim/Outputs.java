package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.shim.stdio.Pumps;
import dev.berth.shim.stdio.Tap;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The pumps with a memory: what was being read when a supervisor died is read on by the next one. Thread-safe. */
final class Outputs {
    private static final Logger LOG = LoggerFactory.getLogger(Outputs.class);

    private final Ledger ledger;
    private final Pumps pumps;

    Outputs(Ledger ledger, Pumps pumps) {
        this.ledger = ledger;
        this.pumps = pumps;
    }

    /** Goes on with what the last supervisor was reading. */
    void resume() throws InterruptedException {
        for (PumpRecord pump : ledger.pumps()) {
            try {
                pumps.resume(pump.name(), pump.stdout(), pump.stderr(), pump.log());
            } catch (Fault e) {
                LOG.warn("{}: its output is not read on: {}", pump.name(), e.getMessage());
            } catch (IOException e) {
                LOG.error("{}: its output cannot be read on", pump.name(), e);
            }
        }
    }

    /** Begins to read; does nothing if it is being read. */
    void start(PumpRecord pump) throws IOException, InterruptedException {
        ledger.save(pump);
        try {
            pumps.start(pump.name(), pump.stdout(), pump.stderr(), pump.log());
        } catch (IOException | Fault e) {
            ledger.removePump(pump.name());
            throw e;
        }
    }

    /**
     * Opens the log file of a process anew.
     *
     * @throws Fault NOT_FOUND if its output is not being read
     */
    void reopen(String name) throws InterruptedException {
        pumps.reopen(name);
    }

    /**
     * Shows the output of a process from now on.
     *
     * @throws Fault NOT_FOUND if its output is not being read
     */
    Tap tap(String name) {
        return pumps.tap(name);
    }

    /**
     * Waits until nobody can write to the pipes of a process any more and all of it is in its log.
     *
     * @return false if the time is over; true if nothing is being read
     */
    boolean drain(String name, Duration limit) throws InterruptedException {
        return pumps.drain(name, limit);
    }

    /** Ends reading; harmless if nothing is being read. */
    void stop(String name) throws IOException {
        pumps.stop(name);
        ledger.removePump(name);
    }
}
