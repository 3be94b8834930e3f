package dev.berth.images.registry;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One server that may be asked for a name: the registry itself or a mirror.
 *
 * @param base where the protocol's paths begin, as in {@code https://registry-1.docker.io/v2}; no slash at its end
 * @param headers sent with each request to this host
 */
record Host(
        URI base,
        Set<Capability> capabilities,
        Tls tls,
        Map<String, List<String>> headers,
        Optional<Duration> dialTimeout) {

    /** What a host may be used for. */
    enum Capability {
        PULL,
        RESOLVE,
        PUSH
    }

    /** How to trust a host, and how to be trusted by it. */
    record Tls(List<Path> authorities, List<ClientPair> clients, boolean skipVerify) {
        static final Tls DEFAULT = new Tls(List.of(), List.of(), false);
    }

    /** A client certificate and its key, which may be the same file. */
    record ClientPair(Path certificate, Path key) {}

    /** The registry that a reference names, when no hosts.toml says anything. */
    static Host origin(String domain) {
        String authority = domain.equals("docker.io") ? "registry-1.docker.io" : domain;
        String scheme = isLoopback(authority) && !authority.endsWith(":443") ? "http" : "https";
        return new Host(
                URI.create(scheme + "://" + authority + "/v2"),
                Set.of(Capability.values()),
                Tls.DEFAULT,
                Map.of(),
                Optional.empty());
    }

    /** Host and port as they stand in the address. */
    String authority() {
        return base.getAuthority();
    }

    boolean can(Capability capability) {
        return capabilities.contains(capability);
    }

    /**
     * The address of something in a repository.
     *
     * @param domain the domain of the reference; a mirror is told it as {@code ?ns=}
     * @param path below the base, without a slash at its beginning
     */
    URI address(String domain, String path) {
        String own = domain.equals("docker.io") ? "registry-1.docker.io" : domain;
        String query = own.equalsIgnoreCase(authority()) ? "" : "?ns=" + domain;
        return URI.create(base + "/" + path + query);
    }

    /** Whether two addresses are of the same scheme, host and port. */
    static boolean sameOrigin(URI one, URI other) {
        return one.getScheme().equalsIgnoreCase(other.getScheme())
                && one.getHost().equalsIgnoreCase(other.getHost())
                && port(one) == port(other);
    }

    /** Whether an authority is this machine, by its name or number; no name is looked up. */
    static boolean isLoopback(String authority) {
        String host = authority.startsWith("[")
                ? authority.substring(0, authority.indexOf(']') + 1)
                : authority.split(":", 2)[0];
        return host.toLowerCase(Locale.ROOT).equals("localhost")
                || host.equals("[::1]")
                || host.matches("127\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}");
    }

    private static int port(URI uri) {
        return uri.getPort() >= 0 ? uri.getPort() : uri.getScheme().equalsIgnoreCase("https") ? 443 : 80;
    }
}
