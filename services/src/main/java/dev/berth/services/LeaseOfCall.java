package dev.berth.services;

import dev.berth.kernel.Namespace;
import dev.berth.store.Leases.Resource;
import dev.berth.store.Records;
import java.util.Optional;

/** The lease that the caller named for all that it makes, if it did. */
record LeaseOfCall(Optional<String> id) {
    static LeaseOfCall current() {
        return new LeaseOfCall(Headers.lease());
    }

    /**
     * Lets the lease hold a thing.
     *
     * @throws dev.berth.kernel.Fault NOT_FOUND if there is no such lease
     */
    void hold(Records records, Namespace namespace, Resource resource) {
        id.ifPresent(lease -> records.leases().add(namespace, lease, resource));
    }

    /** Lets a thing go, if it is held and the lease still there. */
    void letGo(Records records, Namespace namespace, Resource resource) {
        id.filter(lease -> records.leases().find(namespace, lease).isPresent())
                .ifPresent(lease -> records.leases().drop(namespace, lease, resource));
    }
}
