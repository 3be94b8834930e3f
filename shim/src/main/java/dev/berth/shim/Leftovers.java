package dev.berth.shim;

import dev.berth.kernel.Fault;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tasks that were not made and are not gone yet. Thread-safe. */
final class Leftovers {
    private static final Logger LOG = LoggerFactory.getLogger(Leftovers.class);

    private final Workshop workshop;
    private final Ledger ledger;
    private final ReentrantLock removal = new ReentrantLock();
    private final Map<TaskKey, TaskRecord> records = new ConcurrentHashMap<>();

    Leftovers(Workshop workshop, Ledger ledger) {
        this.workshop = workshop;
        this.ledger = ledger;
    }

    void add(TaskRecord record) {
        records.put(record.key(), record);
    }

    /** Tries to remove all. */
    void tidy() throws InterruptedException {
        for (TaskKey key : records.keySet()) {
            try {
                remove(key);
            } catch (Fault e) {
                LOG.warn("task {} was not made and is not gone yet; it is tried again", key, e);
            }
        }
    }

    /** One at a time: what the janitor removes must not be what has just been made under the same name. */
    void remove(TaskKey key) throws InterruptedException {
        removal.lockInterruptibly();
        try {
            TaskRecord record = records.get(key);
            if (record != null) {
                workshop.endCalls(record);
                workshop.remove(record, true);
                ledger.remove(key);
                records.remove(key);
            }
        } finally {
            removal.unlock();
        }
    }
}
