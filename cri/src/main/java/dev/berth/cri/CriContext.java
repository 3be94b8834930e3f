package dev.berth.cri;

import dev.berth.kernel.Ticker;
import dev.berth.tasks.Tasks;
import java.time.InstantSource;

/** What the parts of this room share. */
record CriContext(Ledger ledger, Tasks tasks, ContainerEvents events, Gate gate, Cleaning cleaning, Time time) {
    /** Wall time and monotonic time. */
    record Time(InstantSource clock, Ticker ticker) {}

    InstantSource clock() {
        return time.clock();
    }

    Ticker ticker() {
        return time.ticker();
    }

    long nowNanos() {
        return Pod.nanos(clock().instant());
    }

    /** For the lines that are logged about whatever has this id. */
    LogScope scope(String id) {
        if (ledger.hasContainer(id)) {
            Container container = ledger.container(id);
            return LogScope.container(
                    container, ledger.findPod(container.podId()).orElse(null));
        }
        return ledger.hasPod(id) ? LogScope.pod(ledger.pod(id)) : LogScope.of("id", id);
    }

    /** Tells subscribers, with the pod and its containers as they are now. */
    void publish(ContainerEvent.Kind kind, String id, Pod pod) {
        events.publish(() -> new ContainerEvent(
                id,
                kind,
                nowNanos(),
                ledger.hasPod(pod.id()) ? ledger.pod(pod.id()) : pod, // as it was at its end
                ledger.containersOf(pod.id())));
    }
}
