package dev.berth.store;

import java.time.InstantSource;
import java.util.List;

/** The records as one transaction sees them. Good until the transaction's lambda ends, on its thread. */
public final class Records {
    private final Session session;
    private final Namespaces namespaces;
    private final Contents contents;
    private final Images images;
    private final Containers containers;
    private final Sandboxes sandboxes;
    private final Snapshots snapshots;
    private final Leases leases;
    private final Leftovers leftovers;

    Records(Session session, InstantSource clock) {
        this.session = session;
        namespaces = new Namespaces(session);
        contents = new Contents(session, namespaces, clock);
        images = new Images(session, namespaces, clock);
        containers = new Containers(session, namespaces, clock);
        sandboxes = new Sandboxes(session, namespaces, clock);
        snapshots = new Snapshots(session, namespaces, clock);
        leases = new Leases(session, namespaces, clock);
        leftovers = new Leftovers(session, clock);
    }

    public Namespaces namespaces() {
        return namespaces;
    }

    public Contents contents() {
        return contents;
    }

    public Images images() {
        return images;
    }

    public Containers containers() {
        return containers;
    }

    public Sandboxes sandboxes() {
        return sandboxes;
    }

    public Snapshots snapshots() {
        return snapshots;
    }

    public Leases leases() {
        return leases;
    }

    public Leftovers leftovers() {
        return leftovers;
    }

    Session session() {
        return session;
    }

    /** What SQLite finds wrong with the database; empty if nothing. */
    List<String> damage() {
        return Salvage.damage(session);
    }
}
