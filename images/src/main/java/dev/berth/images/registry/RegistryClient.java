package dev.berth.images.registry;

import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.nio.file.Path;
import java.util.Optional;

/** The way to all registries. Thread-safe; keeps connections open between pulls. */
public final class RegistryClient implements AutoCloseable {
    private final Optional<Path> hostsDirectory;
    private final Transport transport;
    private final Ticker ticker;

    /** @param hostsDirectory the {@code certs.d} tree of hosts.toml files; empty if there is none */
    public RegistryClient(Optional<Path> hostsDirectory, Patience patience, Ticker ticker) {
        this.hostsDirectory = hostsDirectory;
        this.transport = new Transport(patience);
        this.ticker = ticker;
    }

    /**
     * What a reference names, ready to be asked. Reads hosts.toml now; speaks to nobody yet.
     *
     * @throws dev.berth.kernel.Fault FAILED_PRECONDITION if a hosts.toml is wrong
     */
    public Repository repository(Reference reference, Credentials credentials) {
        var hosts = HostsFile.hostsFor(hostsDirectory.orElse(null), reference.domain());
        var authorizer = new Authorizer(transport, credentials, "repository:" + reference.path() + ":pull");
        return new Repository(reference, new Hosts(hosts, transport, authorizer, ticker));
    }

    @Override
    public void close() {
        transport.close();
    }
}
