package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which requests go through a proxy: {@code HTTPS_PROXY}, {@code HTTP_PROXY} and {@code NO_PROXY} of the environment, in capitals or
 * not, as Go's programs read them. This machine itself is never asked for through a proxy. One that cannot be used is no reason to go
 * round it: what should go through it fails, and nothing else.
 *
 * @see <a href="https://pkg.go.dev/golang.org/x/net/http/httpproxy">httpproxy.Config</a>
 */
final class Proxies extends ProxySelector {
    static {
        // The JDK refuses passwords for tunnels otherwise. Whoever writes one into HTTPS_PROXY wants it sent.
        if (System.getProperty("jdk.http.auth.tunneling.disabledSchemes") == null) {
            System.setProperty("jdk.http.auth.tunneling.disabledSchemes", "");
        }
    }

    /** An {@code @} in a password may stand as it is, and a name may have any {@code _}, as for others. */
    private static final Pattern ADDRESS = Pattern.compile("(?<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
            + "(?:(?<user>[^/\\s?#]*)@)?(?<host>[A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+])(?::(?<port>[0-9]{1,5})?)?(?:/.*)?");

    /**
     * A proxy.
     *
     * @param authorization what it is shown; empty for nothing
     */
    record Via(String host, int port, String authorization) {
        @Override
        public String toString() {
            return host + ":" + port;
        }
    }

    /** What a variable says. */
    private sealed interface Setting {
        record None() implements Setting {}

        record Usable(Via via) implements Setting {}

        /** @param why without the address, which may have a password */
        record Unusable(String variable, String why) implements Setting {
            @Override
            public String toString() {
                return "the proxy of " + variable + " cannot be used: " + why;
            }
        }
    }

    private final Setting forHttp;
    private final Setting forHttps;
    private final List<String> exceptions;

    private Proxies(Setting forHttp, Setting forHttps, List<String> exceptions) {
        this.forHttp = forHttp;
        this.forHttps = forHttps;
        this.exceptions = exceptions;
    }

    static Proxies of(Map<String, String> environment) {
        boolean isCgi = environment.containsKey("REQUEST_METHOD"); // there a client can set HTTP_PROXY by a header
        return new Proxies(
                isCgi ? new Setting.None() : setting(environment, "HTTP_PROXY"),
                setting(environment, "HTTPS_PROXY"),
                Stream.of(value(environment, "NO_PROXY").split(",", -1))
                        .map(it -> it.strip().toLowerCase(Locale.ROOT))
                        .filter(it -> !it.isEmpty())
                        .toList());
    }

    private static String value(Map<String, String> environment, String name) {
        String value = environment.getOrDefault(name, "");
        return value.isEmpty() ? environment.getOrDefault(name.toLowerCase(Locale.ROOT), "") : value;
    }

    private static Setting setting(Map<String, String> environment, String name) {
        String text = value(environment, name);
        if (text.isEmpty()) {
            return new Setting.None();
        }
        Matcher address = ADDRESS.matcher(text.contains("://") ? text : "http://" + text);
        if (address.matches()) {
            String scheme = address.group("scheme").toLowerCase(Locale.ROOT);
            if (!scheme.equals("http")) {
                return new Setting.Unusable(
                        name,
                        "it is of the kind " + Text.shown(scheme, 20) + ", and only proxies that speak HTTP are known");
            }
            try {
                @Nullable String user = address.group("user");
                @Nullable String port = address.group("port");
                var there = InetSocketAddress.createUnresolved(
                        bare(address.group("host")), port == null ? 80 : Integer.parseInt(port));
                return new Setting.Usable(
                        new Via(there.getHostString(), there.getPort(), user == null ? "" : "Basic " + base64(user)));
            } catch (IllegalArgumentException e) {
                // told below; the exception repeats the address
            }
        }
        return new Setting.Unusable(
                name,
                "it is not the address of a proxy (signs in a name and password are written as %2F is for a slash)");
    }

    /** What is wrong with the environment; none if nothing. */
    List<String> unusable() {
        return Stream.of(forHttps, forHttp)
                .filter(it -> it instanceof Setting.Unusable)
                .map(Setting::toString)
                .toList();
    }

    private static String base64(String userInfo) {
        String plain = URLDecoder.decode(userInfo.replace("+", "%2B"), StandardCharsets.UTF_8);
        String pair = plain.contains(":") ? plain : plain + ":";
        return Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * The proxy for an address; empty to go there directly.
     *
     * @throws Fault FAILED_PRECONDITION if it cannot be used
     */
    Optional<Via> via(URI target) {
        Setting setting = "https".equalsIgnoreCase(target.getScheme()) ? forHttps : forHttp;
        if (setting instanceof Setting.None || isException(target)) {
            return Optional.empty();
        }
        return switch (setting) {
            case Setting.None _ -> Optional.empty();
            case Setting.Usable(var via) -> Optional.of(via);
            case Setting.Unusable unusable ->
                throw Fault.precondition(
                        "registry " + target.getAuthority(),
                        unusable.toString(),
                        "Write http://host:port into the daemon's environment, or name the registry in NO_PROXY, and"
                                + " restart the daemon");
        };
    }

    private boolean isException(URI target) {
        String host = bare(target.getHost()).toLowerCase(Locale.ROOT);
        Optional<InetAddress> number = number(host);
        if (host.equals("localhost")
                || number.map(InetAddress::isLoopbackAddress).orElse(false)) {
            return true;
        }
        boolean secure = "https".equalsIgnoreCase(target.getScheme());
        int port = target.getPort() >= 0 ? target.getPort() : secure ? 443 : 80;
        return exceptions.stream().anyMatch(it -> matches(it, host, port, number));
    }

    private static boolean matches(String exception, String host, int port, Optional<InetAddress> number) {
        if (exception.equals("*")) {
            return true;
        }
        int slash = exception.indexOf('/');
        if (slash > 0) {
            Optional<InetAddress> range = number(exception.substring(0, slash));
            String bits = exception.substring(slash + 1);
            return range.isPresent()
                    && number.isPresent()
                    && bits.matches("[0-9]{1,3}")
                    && within(number.get().getAddress(), range.get().getAddress(), Integer.parseInt(bits));
        }
        String name = exception;
        int colon = exception.lastIndexOf(':');
        if (colon > exception.lastIndexOf(']') && colon == exception.indexOf(':', exception.indexOf(']') + 1)) {
            if (!exception.substring(colon + 1).equals(Integer.toString(port))) {
                return false;
            }
            name = exception.substring(0, colon);
        }
        name = bare(name);
        if (number.isPresent()) {
            return number(name).equals(number);
        }
        name = name.startsWith("*.") ? name.substring(1) : name;
        return name.startsWith(".") ? host.endsWith(name) : host.equals(name) || host.endsWith("." + name);
    }

    private static boolean within(byte[] address, byte[] range, int bits) {
        if (address.length != range.length || bits > 8 * range.length) {
            return false;
        }
        for (int i = 0; i < bits; i++) {
            if ((((address[i / 8] ^ range[i / 8]) >> (7 - i % 8)) & 1) != 0) {
                return false;
            }
        }
        return true;
    }

    private static Optional<InetAddress> number(String host) {
        try {
            return Optional.of(InetAddress.ofLiteral(host));
        } catch (IllegalArgumentException aName) {
            return Optional.empty();
        }
    }

    private static String bare(String host) {
        return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
    }

    @Override
    public List<Proxy> select(URI target) {
        return List.of(via(target)
                .map(it -> new Proxy(Proxy.Type.HTTP, new InetSocketAddress(it.host(), it.port())))
                .orElse(Proxy.NO_PROXY));
    }

    @Override
    public void connectFailed(URI target, SocketAddress proxy, IOException reason) {
        // The request fails and says so; there is no other proxy to turn to.
    }
}
