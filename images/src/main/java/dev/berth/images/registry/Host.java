package dev.berth.images.registry;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * One server that may be asked for a name: the registry itself or a mirror.
 *
 * @param base where the protocol's paths begin, as in {@code https://registry-1.docker.io/v2}; no slash at its end
 * @param headers sent with each request to this host
 * @param way what is spoken there, if the address does not say all of it
 */
record Host(
        URI base,
        Role role,
        Set<Capability> capabilities,
        Tls tls,
        Map<String, List<String>> headers,
        Optional<Duration> dialTimeout,
        Way way) {

    private static final Set<String> SECRET = Set.of("authorization", "cookie", "proxy-authorization");

    /** What a host may be used for. */
    enum Capability {
        PULL,
        RESOLVE,
        PUSH,
        REFERRERS
    }

    /** Which of TLS and plain HTTP a host with a plain address is tried with; the other is only tried if it does not speak that. */
    enum Way {
        AS_THE_ADDRESS_SAYS,
        /** This machine: nobody can listen on the way. */
        PLAIN_FIRST,
        /** There are settings for TLS: what they protect must not be told in the clear. */
        TLS_FIRST
    }

    /** Whose word it is that a host gives. */
    enum Role {
        /** The registry itself, or what the node's owner has put in its place. */
        SERVER,
        /** Somebody who has some of it too. */
        MIRROR
    }

    /** How to trust a host, and how to be trusted by it. */
    record Tls(List<Path> authorities, List<ClientPair> clients, boolean skipVerify) {
        static final Tls DEFAULT = new Tls(List.of(), List.of(), false);

        /** For whoever a host leads to: its authorities may vouch for them too, but nothing is shown to them or believed of them. */
        Tls elsewhere() {
            return new Tls(authorities, List.of(), false);
        }

        /** The files that a context is made from. */
        List<Path> files() {
            return Stream.concat(
                            authorities.stream(), clients.stream().flatMap(it -> Stream.of(it.certificate(), it.key())))
                    .toList();
        }
    }

    /** A client certificate and its key, which may be the same file. */
    record ClientPair(Path certificate, Path key) {}

    /**
     * The registry that a reference names, when no hosts.toml says where it is. In the usual way this machine is trusted whatever
     * certificate it shows.
     */
    static Host origin(String domain, Tls tls, Access.Scheme scheme) {
        String authority = serverOf(domain);
        boolean here = isLoopback(authority) && scheme == Access.Scheme.USUAL;
        boolean either = here && !authority.endsWith(":443") && authority.contains(":");
        boolean plain = scheme == Access.Scheme.HTTP && !domain.equals("docker.io");
        Way way = either ? Way.PLAIN_FIRST : plain ? wayOf(authority, tls) : Way.AS_THE_ADDRESS_SAYS;
        return new Host(
                URI.create((plain || either ? "http" : "https") + "://" + authority + "/v2"),
                Role.SERVER,
                Set.of(Capability.values()),
                here ? new Tls(tls.authorities(), tls.clients(), true) : tls,
                Map.of(),
                Optional.empty(),
                way);
    }

    private static Way wayOf(String authority, Tls tls) {
        return tls.equals(Tls.DEFAULT) || authority.endsWith(":80") ? Way.AS_THE_ADDRESS_SAYS : Way.TLS_FIRST;
    }

    /** The same host, also told what a caller says. What hosts.toml says under the same name stands. */
    Host told(Map<String, String> more) {
        if (more.isEmpty()) {
            return this;
        }
        Map<String, List<String>> all = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        more.forEach((name, value) -> {
            if (role == Role.SERVER || !SECRET.contains(name.toLowerCase(Locale.ROOT))) {
                all.put(name, List.of(value));
            }
        });
        all.putAll(headers);
        return new Host(base, role, capabilities, tls, all, dialTimeout, way);
    }

    /** Where the protocol is spoken for a domain: only of Docker's it is another host. */
    static String serverOf(String domain) {
        return domain.equals("docker.io") ? "registry-1.docker.io" : domain;
    }

    /** The same host over TLS. */
    Host overTls() {
        URI secure =
                URI.create("https" + base.toString().substring(base.getScheme().length()));
        return new Host(secure, role, capabilities, tls, headers, dialTimeout, Way.AS_THE_ADDRESS_SAYS);
    }

    /** Whether the address names a port; else TLS and plain HTTP are at different ones. */
    boolean hasPort() {
        return base.getPort() >= 0;
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
        String query =
                serverOf(domain).equalsIgnoreCase(authority()) ? "" : (path.contains("?") ? "&" : "?") + "ns=" + domain;
        return URI.create(base + "/" + path + query);
    }

    /** Whether two addresses are of the same scheme, host and port. */
    static boolean sameOrigin(URI one, URI other) {
        return one.getScheme().equalsIgnoreCase(other.getScheme())
                && one.getHost().equalsIgnoreCase(other.getHost())
                && port(one) == port(other);
    }

    /** Whether an address is of the same machine as this host, whatever the port. */
    boolean isAt(URI address) {
        return address.getHost() != null && address.getHost().equalsIgnoreCase(base.getHost());
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
