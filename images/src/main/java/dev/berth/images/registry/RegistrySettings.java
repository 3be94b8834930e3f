package dev.berth.images.registry;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * How registries are reached.
 *
 * @param hostDirectories trees of {@code HOST/hosts.toml}; the first that knows a host counts
 * @param logins asked when the caller has none for a host
 * @param loginsToMirrors whether a mirror may see the login for the registry that it stands in for
 * @param environment where the names of proxies are looked up
 */
public record RegistrySettings(
        List<Path> hostDirectories,
        Credentials logins,
        boolean loginsToMirrors,
        Connections connections,
        Patience patience,
        Map<String, String> environment) {

    /** No hosts.toml, no logins, no proxies. */
    public static final RegistrySettings DEFAULT = new RegistrySettings(
            List.of(), Credentials.ANONYMOUS, false, Connections.DEFAULT, Patience.DEFAULT, Map.of());

    public RegistrySettings with(Patience newPatience) {
        return new RegistrySettings(hostDirectories, logins, loginsToMirrors, connections, newPatience, environment);
    }

    public RegistrySettings withHosts(List<Path> directories) {
        return new RegistrySettings(directories, logins, loginsToMirrors, connections, patience, environment);
    }

    public RegistrySettings withLogins(Credentials newLogins, boolean toMirrors) {
        return new RegistrySettings(hostDirectories, newLogins, toMirrors, connections, patience, environment);
    }

    public RegistrySettings withEnvironment(Map<String, String> newEnvironment) {
        return new RegistrySettings(
                hostDirectories, logins, loginsToMirrors, connections, patience, Map.copyOf(newEnvironment));
    }

    /** What is wrong with the proxies of the environment; none if nothing. What should go through them fails, and nothing else. */
    public List<String> unusableProxies() {
        return Proxies.of(environment).unusable();
    }

    public RegistrySettings with(Connections newConnections) {
        return new RegistrySettings(hostDirectories, logins, loginsToMirrors, newConnections, patience, environment);
    }
}
