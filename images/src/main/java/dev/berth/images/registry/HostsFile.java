package dev.berth.images.registry;

import com.electronwill.nightconfig.core.Config;
import com.electronwill.nightconfig.core.UnmodifiableConfig;
import com.electronwill.nightconfig.core.io.ParsingException;
import com.electronwill.nightconfig.core.io.ParsingMode;
import com.electronwill.nightconfig.toml.TomlFormat;
import com.electronwill.nightconfig.toml.TomlParser;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads {@code certs.d/<host>/hosts.toml}: which servers to ask for a registry's names, in order. The directory is that of
 * the host (with its port, as {@code host:port} or {@code host_port_}), else {@code _default}. It is read anew for each pull.
 *
 * @see <a href="https://github.com/containerd/containerd/blob/main/docs/hosts.md">containerd, docs/hosts.md</a>
 */
final class HostsFile {
    private static final Logger LOG = LoggerFactory.getLogger(HostsFile.class);
    private static final long MAX_BYTES = 1 << 20;
    private static final Duration NO_LIMIT = Duration.ofMinutes(10); // the kernel has long given up by then
    private static final Set<String> OF_A_HOST =
            Set.of("capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout");
    private static final Set<String> OF_THE_FILE = Set.of("server", "host");

    private final Path directory;
    private final String domain;
    private final Access.Scheme scheme;

    private HostsFile(Path directory, String domain, Access.Scheme scheme) {
        this.directory = directory;
        this.domain = domain;
        this.scheme = scheme;
    }

    /**
     * The hosts for a domain, the registry itself last.
     *
     * @param roots the {@code certs.d} directories; the first that knows the domain counts
     * @param scheme for the registry itself, if the file does not say where that is
     * @throws Fault FAILED_PRECONDITION if the file is there but wrong
     */
    static List<Host> hostsFor(List<Path> roots, String domain, Access.Scheme scheme) {
        int colon = domain.lastIndexOf(':');
        String underscored = colon > 0 ? domain.substring(0, colon) + "_" + domain.substring(colon + 1) + "_" : domain;
        for (Path root : roots) {
            for (String name : List.of(underscored, domain, "_default")) {
                Path directory = root.resolve(name);
                if (Files.isDirectory(directory)) {
                    return new HostsFile(directory, domain, scheme).read();
                }
            }
        }
        return List.of(Host.origin(domain, Host.Tls.DEFAULT, scheme));
    }

    private List<Host> read() {
        Path file = directory.resolve("hosts.toml");
        UnmodifiableConfig toml = Files.exists(file) ? parse(file) : Config.inMemory();
        if (toml.isEmpty()) {
            return List.of(Host.origin(domain, bareCertificates(), scheme));
        }
        warnOfUnknown("", toml, OF_THE_FILE);
        List<Host> hosts = new ArrayList<>();
        Object tables = toml.get(List.of("host"));
        if (tables instanceof UnmodifiableConfig byAddress) {
            for (UnmodifiableConfig.Entry entry : byAddress.entrySet()) {
                Object table = entry.getRawValue();
                if (!(table instanceof UnmodifiableConfig keys)) {
                    throw wrong("host.\"" + entry.getKey() + "\" is not a table");
                }
                warnOfUnknown("host.\"" + entry.getKey() + "\".", keys, Set.of());
                hosts.add(host(entry.getKey(), Host.Role.MIRROR, keys));
            }
        } else if (tables != null) {
            throw wrong("host is not a table of tables");
        }
        Object server = toml.get(List.of("server"));
        String named = server == null ? "" : text("server", server);
        hosts.add(named.isEmpty() ? origin(toml) : host(named, Host.Role.SERVER, toml));
        return List.copyOf(hosts);
    }

    /** Others read over them; a word in the log finds the slip of the pen. */
    private void warnOfUnknown(String prefix, UnmodifiableConfig keys, Set<String> alsoKnown) {
        for (UnmodifiableConfig.Entry entry : keys.entrySet()) {
            if (!OF_A_HOST.contains(entry.getKey()) && !alsoKnown.contains(entry.getKey())) {
                LOG.warn(
                        "{}: {}{} is not known and does nothing; known are {}",
                        directory.resolve("hosts.toml"),
                        prefix,
                        entry.getKey(),
                        new TreeSet<>(OF_A_HOST));
            }
        }
    }

    private UnmodifiableConfig parse(Path file) {
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw wrong("it is larger than " + MAX_BYTES + " bytes");
            }
            Config toml = TomlFormat.newConfig(LinkedHashMap::new); // the order of the hosts matters
            String text = Files.readString(file) + "\n"; // the parser wants a line to end before the file does
            new TomlParser().parse(text, toml, ParsingMode.REPLACE);
            return toml;
        } catch (ParsingException e) {
            throw wrong(String.valueOf(e.getMessage()));
        } catch (IOException e) {
            throw wrong("it cannot be read: " + e).causedBy(e);
        }
    }

    /** The registry itself, where the file names no server, with the file's settings. */
    private Host origin(UnmodifiableConfig keys) {
        Host origin = Host.origin(domain, tls(keys), scheme);
        var _ = capabilities(keys.get(List.of("capabilities"))); // for a server that is named; a slip of the pen is one
        return new Host(
                origin.base(),
                Host.Role.SERVER,
                origin.capabilities(),
                origin.tls(),
                headers(keys.get(List.of("header"))),
                duration(keys.get(List.of("dial_timeout"))),
                origin.way());
    }

    private Host host(String address, Host.Role role, UnmodifiableConfig keys) {
        URI base = base(address, flag(keys, "override_path"));
        Host.Tls tls = tls(keys);
        boolean said = !tls.files().isEmpty() || keys.get(List.of("skip_verify")) != null;
        boolean both = said && base.getScheme().equals("http") && base.getPort() != 80;
        return new Host(
                base,
                role,
                capabilities(keys.get(List.of("capabilities"))),
                tls,
                headers(keys.get(List.of("header"))),
                duration(keys.get(List.of("dial_timeout"))),
                both ? Host.Way.TLS_FIRST : Host.Way.AS_THE_ADDRESS_SAYS);
    }

    private Host.Tls tls(UnmodifiableConfig keys) {
        return new Host.Tls(
                texts("ca", keys.get(List.of("ca"))).stream()
                        .map(directory::resolve)
                        .toList(),
                clients(keys.get(List.of("client"))),
                flag(keys, "skip_verify"));
    }

    private URI base(String address, boolean overridePath) {
        String full = address.matches("[a-zA-Z]+://.*") ? address : "https://" + address;
        URI uri;
        try {
            uri = URI.create(full);
        } catch (IllegalArgumentException e) {
            throw wrong("\"" + address + "\" is not an address").causedBy(e);
        }
        String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
        boolean web = scheme.equals("http") || scheme.equals("https");
        if (!web || uri.getHost() == null || uri.getUserInfo() != null || uri.getQuery() != null) {
            throw wrong("\"" + address + "\" is not an address of the form https://host:port/path");
        }
        String path = uri.getRawPath() == null ? "" : uri.getRawPath().replaceAll("/+$", "");
        if (!overridePath && !path.endsWith("/v2")) {
            path += "/v2";
        }
        return URI.create(scheme + "://" + uri.getRawAuthority() + path);
    }

    private Set<Host.Capability> capabilities(@Nullable Object value) {
        List<String> names = texts("capabilities", value);
        if (names.isEmpty()) {
            return EnumSet.allOf(Host.Capability.class);
        }
        Set<Host.Capability> found = EnumSet.noneOf(Host.Capability.class);
        for (String name : names) {
            found.add(
                    switch (name.toLowerCase(Locale.ROOT)) {
                        case "pull" -> Host.Capability.PULL;
                        case "resolve" -> Host.Capability.RESOLVE;
                        case "push" -> Host.Capability.PUSH;
                        case "referrers" -> Host.Capability.REFERRERS;
                        default ->
                            throw wrong("capability \"" + name + "\" is not one of pull, resolve, push, referrers");
                    });
        }
        return found;
    }

    /** One file with both, a list of such files, or a list of pairs of certificate and key. */
    private List<Host.ClientPair> clients(@Nullable Object value) {
        List<Host.ClientPair> pairs = new ArrayList<>();
        for (Object entry : value instanceof List<?> list ? list : value == null ? List.of() : List.of(value)) {
            List<String> files = texts("client", entry);
            if (files.isEmpty() || files.size() > 2) {
                throw wrong("client is neither a file nor a pair of certificate and key");
            }
            String key = files.getLast().isEmpty() ? files.getFirst() : files.getLast();
            pairs.add(new Host.ClientPair(directory.resolve(files.getFirst()), directory.resolve(key)));
        }
        return pairs;
    }

    private Map<String, List<String>> headers(@Nullable Object value) {
        if (value == null) {
            return Map.of();
        }
        if (!(value instanceof UnmodifiableConfig table)) {
            throw wrong("header is not a table");
        }
        Map<String, List<String>> headers = new LinkedHashMap<>();
        for (UnmodifiableConfig.Entry entry : table.entrySet()) {
            headers.put(entry.getKey(), texts("header." + entry.getKey(), entry.getRawValue()));
        }
        return headers;
    }

    private Optional<Duration> duration(@Nullable Object value) {
        if (value == null) {
            return Optional.empty();
        }
        String text = text("dial_timeout", value);
        try {
            return text.isEmpty()
                    ? Optional.empty()
                    : Optional.of(GoDuration.parse(text)).map(it -> it.isZero() ? NO_LIMIT : it);
        } catch (IllegalArgumentException e) {
            throw wrong("dial_timeout \"" + text + "\" is not a time such as 10s, 500ms or 1m30s")
                    .causedBy(e);
        }
    }

    private boolean flag(UnmodifiableConfig keys, String name) {
        Object value = keys.get(List.of(name));
        if (value == null || value instanceof Boolean) {
            return Boolean.TRUE.equals(value);
        }
        throw wrong(name + " is neither true nor false");
    }

    private List<String> texts(String name, @Nullable Object value) {
        if (value instanceof List<?> list) {
            return list.stream().map(it -> text(name, it)).toList();
        }
        return value == null ? List.of() : List.of(text(name, value));
    }

    private String text(String name, @Nullable Object value) {
        if (value instanceof String string) {
            return string;
        }
        throw wrong(name + " is not a text");
    }

    /** Docker's older layout: no hosts.toml, but {@code *.crt} to trust and {@code *.cert} with {@code *.key} to present. */
    private Host.Tls bareCertificates() {
        try (Stream<Path> files = Files.list(directory)) {
            List<Path> all = files.sorted().toList();
            List<Path> authorities =
                    all.stream().filter(it -> it.toString().endsWith(".crt")).toList();
            List<Host.ClientPair> pairs = all.stream()
                    .filter(it -> it.toString().endsWith(".cert"))
                    .map(HostsFile::bareClient)
                    .toList();
            return new Host.Tls(authorities, pairs, false);
        } catch (IOException e) {
            throw wrong("the directory cannot be read: " + e).causedBy(e);
        }
    }

    private static Host.ClientPair bareClient(Path certificate) {
        Path key = Path.of(certificate.toString().replaceFirst("\\.cert$", ".key"));
        return new Host.ClientPair(certificate, Files.exists(key) ? key : certificate);
    }

    private Fault wrong(String why) {
        return Fault.precondition(
                "registry configuration " + directory.resolve("hosts.toml"),
                why,
                "Correct the file; it is read anew for each pull");
    }
}
