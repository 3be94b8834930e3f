package dev.berth.images.registry;

import java.util.Locale;
import java.util.Set;

/**
 * The server that a login is for, as {@code config.json} and pull secrets write it: {@code https://index.docker.io/v1/},
 * {@code registry.example:5000}, {@code registry.example/team}.
 *
 * @param host host with port in lower case, {@code docker.io} for all names of that; empty for any registry's own
 * @param path the beginning of the repositories that it is for, without slashes at the ends; empty for all
 */
record ServerName(String host, String path) {
    private static final Set<String> DOCKER = Set.of("docker.io", "index.docker.io", "registry-1.docker.io");

    static ServerName of(String text) {
        String bare = text.strip().replaceFirst("^[a-zA-Z]+://", "");
        int slash = bare.indexOf('/');
        String path = slash < 0 ? "" : bare.substring(slash).replaceAll("^/+|/+$", "");
        boolean version = path.equals("v1") || path.equals("v2");
        return new ServerName(host(slash < 0 ? bare : bare.substring(0, slash)), version ? "" : path);
    }

    private static String host(String authority) {
        String lower = authority.toLowerCase(Locale.ROOT);
        return DOCKER.contains(lower) ? "docker.io" : lower;
    }

    /** Whether the one who asks is this server: by its own name or, if it is the registry itself, by that of the reference. */
    boolean isAskedBy(Credentials.Asked asked) {
        boolean own = !asked.mirror() && (host.isEmpty() || host.equals(host(asked.registry())));
        return (own || (!host.isEmpty() && host.equals(host(asked.host()))))
                && (path.isEmpty() || (asked.repository() + "/").startsWith(path + "/"));
    }

    /** Whether two texts name one host, as the several names of Docker's do. */
    static boolean same(String one, String other) {
        return host(one).equals(host(other));
    }
}
