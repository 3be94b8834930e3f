package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes TLS contexts: the operating system's authorities (where the node's owner adds his own), else those of the JDK. */
final class Trust {
    private static final Logger LOG = LoggerFactory.getLogger(Trust.class);
    private static final List<String> SYSTEM_BUNDLES = List.of(
            "/etc/ssl/certs/ca-certificates.crt", // Debian
            "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL
            "/etc/ssl/ca-bundle.pem", // SUSE
            "/etc/ssl/cert.pem"); // Alpine

    private static final List<String> SYSTEM_DIRECTORIES = List.of("/etc/ssl/certs", "/etc/pki/tls/certs");
    private static final Path DISTRIBUTION = Path.of("/usr/share/ca-certificates");

    private Trust() {}

    /** @throws Fault FAILED_PRECONDITION if a file named in the configuration cannot be used */
    static SSLContext context(Host.Tls tls) {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(
                    tls.clients().isEmpty() ? null : ClientKeys.managers(tls.clients()),
                    tls.skipVerify() ? new TrustManager[] {new Anyone()} : authorities(tls),
                    null);
            return context;
        } catch (GeneralSecurityException | IOException e) {
            throw Fault.precondition(
                            "trust store for registries", "it cannot be loaded: " + e, "Check the files that it names")
                    .causedBy(e);
        }
    }

    /** For clients that never speak TLS: without it they would load the JDK's authorities all the same, which takes 0.2 s. */
    static SSLContext nobody() {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[0], null);
            return context;
        } catch (GeneralSecurityException e) {
            throw Fault.internal("TLS", "this JDK has none: " + e, "Use a complete JDK")
                    .causedBy(e);
        }
    }

    private static TrustManager @Nullable [] authorities(Host.Tls tls) throws GeneralSecurityException, IOException {
        Set<X509Certificate> trusted = new LinkedHashSet<>(systemAuthorities(System.getenv()));
        if (trusted.isEmpty() && tls.authorities().isEmpty()) {
            return null; // the JDK's own
        }
        if (trusted.isEmpty()) {
            trusted.addAll(jdkAuthorities());
        }
        trusted.addAll(Pem.authorities(tls.authorities()));
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        for (X509Certificate certificate : trusted) {
            store.setCertificateEntry("ca-" + store.size(), certificate);
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    /**
     * The bundle of the distribution, and what somebody has put beside it without making the bundle anew. {@code SSL_CERT_FILE} and
     * {@code SSL_CERT_DIR} each take the place of one of the two, and leave the other as it is.
     *
     * @see <a href="https://pkg.go.dev/crypto/x509#SystemCertPool">SystemCertPool</a>
     */
    static Set<X509Certificate> systemAuthorities(Map<String, String> environment) throws GeneralSecurityException {
        Set<X509Certificate> found = new LinkedHashSet<>();
        String named = environment.getOrDefault("SSL_CERT_FILE", "");
        Optional<Path> bundle = Stream.concat(Stream.of(named).filter(it -> !it.isEmpty()), SYSTEM_BUNDLES.stream())
                .map(Path::of)
                .filter(it -> Files.isRegularFile(it) && Files.isReadable(it))
                .findFirst();
        if (bundle.isPresent()) {
            found.addAll(certificates(bundle.get()));
        }
        boolean hasAll =
                bundle.isPresent() && SYSTEM_BUNDLES.contains(bundle.get().toString());
        String directories = environment.getOrDefault("SSL_CERT_DIR", "");
        for (String directory : directories.isEmpty() ? SYSTEM_DIRECTORIES : List.of(directories.split(":", -1))) {
            for (Path file : besideTheBundle(Path.of(directory), hasAll)) {
                found.addAll(certificates(file));
            }
        }
        return found;
    }

    /** Those of one file among many: it must not take the others with it. */
    private static List<X509Certificate> certificates(Path file) throws GeneralSecurityException {
        try {
            return Pem.certificates(file);
        } catch (IOException e) {
            LOG.warn("certificate authorities {} are left out: {}", file, Text.reason(e));
            return List.of();
        }
    }

    /**
     * Most entries of such a directory lead to what is read anyway, under two names: those are not read again.
     *
     * @param hasAll whether the distribution's own are known from its bundle
     */
    private static List<Path> besideTheBundle(Path directory, boolean hasAll) {
        List<Path> found = new ArrayList<>();
        try (Stream<Path> files = Files.isDirectory(directory) ? Files.list(directory) : Stream.of()) {
            for (Path file : files.sorted().toList()) {
                if (!isKnown(file, hasAll) && Files.isRegularFile(file) && Files.isReadable(file)) {
                    found.add(file);
                }
            }
        } catch (IOException e) {
            LOG.warn("certificate authorities in {} are left out: {}", directory, Text.reason(e));
        }
        return found;
    }

    private static boolean isKnown(Path file, boolean hasAll) throws IOException {
        if (!Files.isSymbolicLink(file)) {
            return hasAll && SYSTEM_BUNDLES.contains(file.toString());
        }
        Path target = Files.readSymbolicLink(file);
        boolean isNeighbour = target.getNameCount() == 1 && !target.isAbsolute();
        return isNeighbour || (hasAll && (target.startsWith(DISTRIBUTION) || SYSTEM_BUNDLES.contains(file.toString())));
    }

    private static List<X509Certificate> jdkAuthorities() throws GeneralSecurityException {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init((KeyStore) null);
        return Stream.of(factory.getTrustManagers())
                .filter(X509ExtendedTrustManager.class::isInstance)
                .flatMap(it -> Stream.of(((X509ExtendedTrustManager) it).getAcceptedIssuers()))
                .toList();
    }

    /** What {@code skip_verify = true} asks for: any certificate for any name. */
    private static final class Anyone extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
