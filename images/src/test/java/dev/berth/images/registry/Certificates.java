package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Assumptions;

/** An authority of our own, made with openssl, and what it vouches for. */
final class Certificates {
    private static final Path OPENSSL = Path.of("/usr/bin/openssl");

    private final Path directory;

    /** How a key is written. */
    enum Form {
        PKCS1,
        PKCS8,
        SEC1
    }

    private Certificates(Path directory) {
        this.directory = directory;
    }

    static Certificates in(Path directory) throws IOException, InterruptedException {
        Assumptions.assumeTrue(Files.isExecutable(OPENSSL), "openssl is not installed");
        var made = new Certificates(Files.createDirectories(directory));
        made.openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=berth-test-ca");
        return made;
    }

    Path authority() {
        return directory.resolve("ca.pem");
    }

    Path file(String name) {
        return directory.resolve(name);
    }

    /** Makes NAME.pem and NAME.key. */
    void issue(String name, Form form, int days) throws IOException, InterruptedException {
        issue(name, form, days, "IP:127.0.0.1,DNS:localhost");
    }

    /** The same for other names. */
    void issue(String name, Form form, int days, String names) throws IOException, InterruptedException {
        String kind = form == Form.SEC1 ? "ec -pkeyopt ec_paramgen_curve:P-256" : "rsa:2048";
        openssl("req -newkey " + kind + " -nodes -keyout " + name + ".p8 -out " + name + ".csr -subj /CN=" + name);
        Files.writeString(file("ext"), "subjectAltName=" + names + "\n");
        openssl("x509 -req -in " + name + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -out " + name
                + ".pem -days " + days);
        switch (form) {
            case PKCS1 -> openssl("rsa -traditional -in " + name + ".p8 -out " + name + ".key");
            case PKCS8 -> Files.copy(file(name + ".p8"), file(name + ".key"));
            case SEC1 -> openssl("ec -in " + name + ".p8 -out " + name + ".key");
        }
    }

    /** For a server that shows NAME.pem and accepts clients that the authority vouches for. */
    SSLContext server(String name) throws IOException, InterruptedException, GeneralSecurityException {
        openssl("pkcs12 -export -in " + name + ".pem -inkey " + name + ".p8 -out " + name
                + ".p12 -passout pass:changeit");
        char[] password = "changeit".toCharArray();
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream bytes = Files.newInputStream(file(name + ".p12"))) {
            keys.load(bytes, password);
        }
        var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, password);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("ca", Pem.certificates(authority()).getFirst());
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    void openssl(String arguments) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of(OPENSSL.toString()));
        command.addAll(List.of(arguments.split(" ", -1)));
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
    }
}
