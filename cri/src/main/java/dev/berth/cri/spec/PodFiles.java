package dev.berth.cri.spec;

import dev.berth.cri.config.PodConfig.DnsConfig;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The files about names that the containers of a pod see where the caller mounts none of its own: hosts, resolv.conf,
 * hostname. Every word that comes from outside is checked before it becomes part of a line.
 */
public final class PodFiles {
    public static final String HOSTNAME = "hostname";
    public static final String HOSTS = "hosts";
    public static final String RESOLV_CONF = "resolv.conf";

    private static final String LOCALHOST = """
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            ff02::1\tip6-allnodes
            ff02::2\tip6-allrouters
            """;
    private static final Pattern HOST = Pattern.compile("[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?");
    private static final Pattern ADDRESS = Pattern.compile("[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9_.-]{1,15})?");
    private static final Pattern DOMAIN = Pattern.compile("[A-Za-z0-9_.*-]{1,255}");
    private static final Pattern OPTION = Pattern.compile("[A-Za-z0-9_.:-]{1,64}");
    private static final int MOST_WORDS = 64;
    private static final int MOST_BYTES = 1 << 20;

    private PodFiles() {}

    /**
     * What the files say.
     *
     * @param hostname checked here
     * @param addresses of the pod; empty with the node's network
     * @param dns null or without a word to use the node's resolv.conf
     * @param hostNetwork whether the node's hosts file is shown
     */
    public record Content(
            String hostname,
            List<String> addresses,
            @Nullable DnsConfig dns,
            boolean hostNetwork) {
        /** @throws Fault INVALID_ARGUMENT if a word could not stand in its file */
        public Content {
            checkHostname(hostname);
            addresses = List.copyOf(addresses);
            addresses.forEach(a -> word("address", a, ADDRESS));
            if (dns != null) {
                words("name server", dns.servers(), ADDRESS);
                words("search domain", dns.searches(), DOMAIN);
                words("resolver option", dns.options(), OPTION);
            }
        }
    }

    /**
     * Returns the name if a host may have it: at most 64 letters, digits, {@code _ . -}.
     *
     * @throws Fault INVALID_ARGUMENT otherwise
     */
    public static String checkHostname(String hostname) {
        return word("hostname", hostname, HOST);
    }

    /**
     * Writes the three files, readable for everybody, in place of those of before.
     *
     * @param directory made if it is not there
     */
    public static void write(Path directory, Content content) throws IOException {
        Files.createDirectories(directory);
        put(directory.resolve(HOSTNAME), content.hostname() + "\n");
        writeHosts(directory, content);
        DnsConfig dns = content.dns();
        boolean silent = dns == null
                || (dns.servers().isEmpty()
                        && dns.searches().isEmpty()
                        && dns.options().isEmpty());
        put(directory.resolve(RESOLV_CONF), dns == null || silent ? ofNode("/etc/resolv.conf") : resolvConf(dns));
    }

    /** Writes the hosts file alone: the one that says what addresses the pod has. */
    public static void writeHosts(Path directory, Content content) throws IOException {
        put(directory.resolve(HOSTS), content.hostNetwork() ? ofNode("/etc/hosts") : hosts(content));
    }

    /** Gives the files that {@link #write} has written to another user and group. */
    public static void give(Path directory, int uid, int gid) throws IOException {
        for (String name : List.of(HOSTNAME, HOSTS, RESOLV_CONF)) {
            Files.setAttribute(directory.resolve(name), "unix:uid", uid);
            Files.setAttribute(directory.resolve(name), "unix:gid", gid);
        }
    }

    static String hosts(Content content) {
        var text = new StringBuilder(LOCALHOST);
        for (String address : content.addresses()) {
            text.append(address).append('\t').append(content.hostname()).append('\n');
        }
        return text.toString();
    }

    static String resolvConf(DnsConfig dns) {
        var text = new StringBuilder();
        if (!dns.searches().isEmpty()) {
            text.append("search ").append(String.join(" ", dns.searches())).append('\n');
        }
        dns.servers()
                .forEach(server -> text.append("nameserver ").append(server).append('\n'));
        if (!dns.options().isEmpty()) {
            text.append("options ").append(String.join(" ", dns.options())).append('\n');
        }
        return text.toString();
    }

    /** A file of the node, or nothing if it has none. */
    private static String ofNode(String path) throws IOException {
        try (InputStream file = Files.newInputStream(Path.of(path))) {
            return new String(file.readNBytes(MOST_BYTES), StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            return "";
        }
    }

    /** Written in place: a container that runs has this very file mounted. */
    private static void put(Path file, String text) throws IOException {
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    }

    private static void words(String what, List<String> given, Pattern pattern) {
        if (given.size() > MOST_WORDS) {
            throw Fault.invalid(
                    "DNS of the pod",
                    "it has more than " + MOST_WORDS + " of one kind",
                    "Give fewer servers, searches or options");
        }
        given.forEach(each -> word(what, each, pattern));
    }

    private static String word(String what, String text, Pattern pattern) {
        if (!pattern.matcher(text).matches()) {
            throw Fault.invalid(
                    "names of the pod",
                    "\"" + Shown.of(text) + "\" is not a " + what,
                    "Correct the pod's hostname, hosts or DNS");
        }
        return text;
    }
}
