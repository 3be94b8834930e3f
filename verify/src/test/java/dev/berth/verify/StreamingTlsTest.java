package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ExecRequest;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Streams at an address of IPv6 with a certificate that the client checks, as the config can ask for. */
@ExtendWith(Leaks.class)
class StreamingTlsTest {
    private static final String CONFIG = """
            [streaming]
            address = "::1"
            tls_certificate = "/var/lib/%1$s/certificate.pem"
            tls_key = "/var/lib/%1$s/key.pem"
            """;

    private static void certificate(Path folder) {
        var made = Berth.run(List.of(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=berth",
                "-addext",
                "subjectAltName=DNS:localhost,IP:::1",
                "-keyout",
                folder.resolve("key.pem").toString(),
                "-out",
                folder.resolve("certificate.pem").toString()));
        assertThat(made.exit()).as(made.err()).isZero();
    }

    @Test
    void clientsSeeTheCertificateOfTheConfig() throws IOException, InterruptedException {
        Peers.need("crictl");
        Assumptions.assumeTrue(Path.of("/usr/bin/openssl").toFile().canExecute(), "openssl is not installed");
        Berth berth = Berth.connected(CONFIG, StreamingTlsTest::certificate);
        try (var pods = new GrpcPods(berth)) {
            pods.pull(berth.image("busybox"));
            String id = pods.create(
                    pods.run("tls"), pods.container("tls", "sleep", "1000").build());
            pods.start(id);
            String certificate = berth.folder().resolve("certificate.pem").toString();
            String key = berth.folder().resolve("key.pem").toString();
            for (String transport : List.of("spdy", "websocket")) {
                assertThat(berth.crictl(
                                        "exec",
                                        "--transport",
                                        transport,
                                        "--tls-ca",
                                        certificate,
                                        "--tls-cert",
                                        certificate,
                                        "--tls-key",
                                        key,
                                        id,
                                        "echo",
                                        "over " + transport)
                                .text())
                        .isEqualTo("over " + transport);
            }
            String url = pods.runtime()
                    .exec(ExecRequest.newBuilder()
                            .setContainerId(id)
                            .addCmd("true")
                            .setStdout(true)
                            .build())
                    .getUrl();
            assertThat(url).startsWith("https://[0:0:0:0:0:0:0:1]:");
            assertThat(plain(url)).isFalse();
        } finally {
            berth.close();
        }
    }

    /** Whether the server answers somebody who does not encrypt. */
    private static boolean plain(String url) throws InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url.replaceFirst("https", "http")))
                .build();
        try (HttpClient client = HttpClient.newHttpClient()) {
            return client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode() > 0;
        } catch (IOException refused) {
            return false;
        }
    }
}
