package dev.berth.images.registry;

import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The way to all registries. Thread-safe; keeps connections open between pulls. */
public final class RegistryClient implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RegistryClient.class);

    private volatile RegistrySettings settings;
    private final Transport transport;
    private final Downloads downloads;
    private final Places forUploads; // who is slow to take must not keep others from what he gives
    private final Ticker ticker;

    public RegistryClient(RegistrySettings settings, Ticker ticker) {
        this.settings = settings;
        settings.unusableProxies().forEach(it -> LOG.warn("{}; what should go through it will fail", it));
        this.transport = new Transport(settings.patience(), Proxies.of(settings.environment()));
        this.downloads = Downloads.of(settings, ticker);
        this.forUploads = new Places(settings.connections().perHost());
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

    /** What is wrong with the proxies of the environment; none if nothing. */
    public List<String> unusableProxies() {
        return settings.unusableProxies();
    }

    /** Has pulls and pushes that begin from now on find hosts and logins where these settings say; the rest of them is not looked at. */
    public void find(RegistrySettings other) {
        settings = settings.withHosts(other.hostDirectories()).withLogins(other.logins(), other.loginsToMirrors());
    }

    /**
     * What a reference names, ready to be asked. Reads hosts.toml now; speaks to nobody yet.
     *
     * @throws dev.berth.kernel.Fault FAILED_PRECONDITION if a hosts.toml is wrong
     */
    public Repository repository(Reference reference, Access access) {
        return new Repository(reference, hosts(reference, access, Scope.pull(reference.path())), downloads);
    }

    /** As {@link #repository(Reference, Access)}, in the node's usual way. */
    public Repository repository(Reference reference, Credentials credentials) {
        return repository(reference, Access.of(credentials));
    }

    /** As {@link #destination(Reference, Access)}, in the node's usual way. */
    public Destination destination(Reference reference, Credentials credentials) {
        return destination(reference, Access.of(credentials));
    }

    /**
     * Where a reference can be pushed to. Speaks to nobody yet.
     *
     * @throws dev.berth.kernel.Fault FAILED_PRECONDITION if a hosts.toml is wrong
     */
    public Destination destination(Reference reference, Access access) {
        return new Destination(reference, hosts(reference, access, Scope.push(reference.path())), forUploads);
    }

    private Hosts hosts(Reference reference, Access access, Scope scope) {
        RegistrySettings now = settings;
        Credentials logins = Credentials.firstOf(List.of(access.credentials(), now.logins()));
        Credentials asked = now.loginsToMirrors()
                ? it -> logins.login(new Credentials.Asked(it.host(), it.registry(), it.repository(), false))
                : logins;
        Transport heard = transport.with(access.transcript());
        List<Path> directories = access.hosts().map(List::of).orElse(now.hostDirectories());
        return new Hosts(
                HostsFile.hostsFor(directories, reference.domain(), access.scheme()).stream()
                        .map(it -> it.told(access.headers()))
                        .toList(),
                heard,
                new Authorizer(heard, asked, reference, ticker),
                List.of(scope),
                ticker);
    }

    @Override
    public void close() {
        transport.close();
    }
}
