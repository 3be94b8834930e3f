package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/** Makes TLS contexts: the operating system's authorities (where the node's owner adds his own), else those of the JDK. */
final class Trust {
    private static final List<String> SYSTEM_BUNDLES = List.of(
            "/etc/ssl/certs/ca-certificates.crt", // Debian
            "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL
            "/etc/ssl/ca-bundle.pem", // SUSE
            "/etc/ssl/cert.pem"); // Alpine

    private Trust() {}

    /** @throws Fault FAILED_PRECONDITION if a file named in the configuration cannot be used */
    static SSLContext context(Host.Tls tls) {
        if (!tls.clients().isEmpty()) {
            throw Fault.of(
                    Fault.Code.UNIMPLEMENTED,
                    "registry client certificate " + tls.clients().getFirst().certificate(),
                    "client certificates are not supported yet",
                    "Remove the client key from hosts.toml if the registry works without");
        }
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, tls.skipVerify() ? new TrustManager[] {new Anyone()} : authorities(tls), null);
            return context;
        } catch (GeneralSecurityException | IOException e) {
            throw Fault.precondition("trust store for registries", "it cannot be loaded: " + e, "")
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
        Optional<Path> system = Stream.concat(
                        Stream.ofNullable(System.getenv("SSL_CERT_FILE")), SYSTEM_BUNDLES.stream())
                .map(Path::of)
                .filter(Files::isReadable)
                .findFirst();
        if (system.isEmpty() && tls.authorities().isEmpty()) {
            return null; // the JDK's own
        }
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        if (system.isPresent()) {
            add(store, certificates(system.get()));
        } else {
            add(store, jdkAuthorities());
        }
        for (Path file : tls.authorities()) {
            add(store, configured(file));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    private static Collection<? extends Certificate> configured(Path file) throws GeneralSecurityException {
        try {
            Collection<? extends Certificate> found = certificates(file);
            if (!found.isEmpty()) {
                return found;
            }
        } catch (IOException e) {
            throw Fault.precondition("certificate authority " + file, "it cannot be read: " + e, "Correct hosts.toml")
                    .causedBy(e);
        }
        throw Fault.precondition("certificate authority " + file, "there is no certificate in it", "Give it as PEM");
    }

    private static Collection<? extends Certificate> certificates(Path file)
            throws IOException, GeneralSecurityException {
        return CertificateFactory.getInstance("X.509")
                .generateCertificates(new ByteArrayInputStream(Files.readAllBytes(file)));
    }

    private static List<X509Certificate> jdkAuthorities() throws GeneralSecurityException {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init((KeyStore) null);
        return Stream.of(factory.getTrustManagers())
                .filter(X509ExtendedTrustManager.class::isInstance)
                .flatMap(it -> Stream.of(((X509ExtendedTrustManager) it).getAcceptedIssuers()))
                .toList();
    }

    private static void add(KeyStore store, Collection<? extends Certificate> certificates)
            throws GeneralSecurityException {
        for (Certificate certificate : certificates) {
            store.setCertificateEntry("ca-" + store.size(), certificate);
        }
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
