package dev.berth.images.registry;

import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The way to all registries. Thread-safe; keeps connections open between pulls. */
public final class RegistryClient implements AutoCloseable {
    private final RegistrySettings settings;
    private final Transport transport;
    private final Places places;
    private final Ticker ticker;

    /** @throws dev.berth.kernel.Fault FAILED_PRECONDITION if the environment names a proxy that cannot be one */
    public RegistryClient(RegistrySettings settings, Ticker ticker) {
        this.settings = settings;
        this.transport = new Transport(settings.patience(), Proxies.of(settings.environment()));
        this.places = new Places(settings.connections());
        this.ticker = ticker;
    }

    /** @param hostsDirectory the {@code certs.d} tree of hosts.toml files; empty if there is none */
    public RegistryClient(Optional<Path> hostsDirectory, Patience patience, Ticker ticker) {
        this(
                RegistrySettings.DEFAULT
                        .withHosts(hostsDirectory.stream().toList())
                        .with(patience),
                ticker);
    }

    /**
     * What a reference names, ready to be asked. Reads hosts.toml now; speaks to nobody yet.
     *
     * @throws dev.berth.kernel.Fault FAILED_PRECONDITION if a hosts.toml is wrong
     */
    public Repository repository(Reference reference, Credentials credentials) {
        return new Repository(reference, hosts(reference, credentials, Scope.pull(reference.path())), places);
    }

    /**
     * Where a reference can be pushed to. Speaks to nobody yet.
     *
     * @throws dev.berth.kernel.Fault FAILED_PRECONDITION if a hosts.toml is wrong
     */
    public Destination destination(Reference reference, Credentials credentials) {
        return new Destination(reference, hosts(reference, credentials, Scope.push(reference.path())), places);
    }

    private Hosts hosts(Reference reference, Credentials caller, Scope scope) {
        Credentials logins = Credentials.firstOf(List.of(caller, settings.logins()));
        Credentials asked = settings.loginsToMirrors()
                ? it -> logins.login(new Credentials.Asked(it.host(), it.registry(), it.repository(), false))
                : logins;
        return new Hosts(
                HostsFile.hostsFor(settings.hostDirectories(), reference.domain()),
                transport,
                new Authorizer(transport, asked, reference, ticker),
                List.of(scope),
                ticker);
    }

    @Override
    public void close() {
        transport.close();
    }
}
