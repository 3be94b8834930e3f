package dev.berth.cri;

import dev.berth.kernel.Ticker;
import dev.berth.tasks.Tasks;
import java.time.InstantSource;

/** What the parts of this room share. */
record CriContext(Ledger ledger, Tasks tasks, ContainerEvents events, Gate gate, InstantSource clock, Ticker ticker) {
    long nowNanos() {
        return Pod.nanos(clock.instant());
    }

    /** Tells subscribers, with the pod and its containers as they are now. */
    void publish(ContainerEvent.Kind kind, String id, Pod pod) {
        events.publish(new ContainerEvent(id, kind, nowNanos(), pod, ledger.containersOf(pod.id())));
    }
}
