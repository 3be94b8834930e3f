package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said about TLS that does not come about. */
class TlsTest {
    private static final char[] PASSWORD = "changeit".toCharArray();

    @TempDir
    Path directory;

    private void refused(int port, String... words) throws Exception {
        String authority = "127.0.0.1:" + port;
        Path hosts = Files.createDirectories(directory.resolve(authority)).resolve("hosts.toml");
        Files.writeString(hosts, "server = \"https://" + authority + "\"\n");
        try (var client = new RegistryClient(Optional.of(directory), Patience.DEFAULT, Ticker.system())) {
            var repository = client.repository(Reference.parse(authority + "/x"), Credentials.ANONYMOUS);
            assertThatThrownBy(repository::manifest)
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE))
                    .hasMessageContaining("registry " + authority)
                    .hasMessageContainingAll(words);
        }
    }

    @Test
    void aRegistryThatSpeaksPlainHttp() throws Exception {
        try (var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread.startVirtualThread(() -> answerPlainly(server));
            refused(server.getLocalPort(), "TLS with it does not work", "if it serves plain http", "hosts.toml");
        }
    }

    @Test
    void aHandshakeThatBreaksIsTriedAgain() throws Exception {
        try (var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            var connections = new AtomicInteger();
            Thread.startVirtualThread(() -> hangUp(server, connections));
            refused(server.getLocalPort(), "TLS with it does not work");
            assertThat(connections).hasValueGreaterThan(2); // the JDK itself tries twice
        }
    }

    private static void hangUp(ServerSocket server, AtomicInteger connections) {
        try {
            while (true) {
                try (var client = server.accept()) {
                    connections.incrementAndGet();
                    var _ = client.getInputStream().read(new byte[4096]); // else it is a reset
                }
            }
        } catch (IOException closed) {
            return; // the test is over
        }
    }

    private static void answerPlainly(ServerSocket server) {
        try {
            while (true) {
                try (var client = server.accept()) {
                    client.getOutputStream()
                            .write("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n"
                                    .getBytes(StandardCharsets.US_ASCII));
                    client.getOutputStream().flush();
                    var _ = client.getInputStream().read(new byte[4096]); // else it is a reset
                }
            }
        } catch (IOException closed) {
            return; // the test is over
        }
    }

    @Test
    void aCertificateThatNobodyVouchesFor() throws Exception {
        Path keys = directory.resolve("keys.p12");
        String keytool = Path.of(System.getProperty("java.home"), "bin/keytool").toString();
        Process made = new ProcessBuilder((keytool
                                + " -genkeypair -keyalg EC -alias x -dname CN=x -ext san=ip:127.0.0.1 -storetype PKCS12"
                                + " -keystore " + keys + " -storepass changeit")
                        .split(" "))
                .inheritIO()
                .start();
        assertThat(made.waitFor()).isZero();
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream bytes = Files.newInputStream(keys)) {
            store.load(bytes, PASSWORD);
        }
        var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(store, PASSWORD);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        HttpsServer secure = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        secure.setHttpsConfigurator(new HttpsConfigurator(context));
        secure.start();
        try {
            refused(secure.getAddress().getPort(), "its TLS certificate is not trusted", "name it as ca in hosts.toml");
        } finally {
            secure.stop(0);
        }
    }
}
