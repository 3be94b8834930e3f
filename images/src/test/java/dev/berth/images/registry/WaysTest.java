package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/** A registry on loopback for which nothing is configured: it may speak plain HTTP or TLS. */
class WaysTest {
    private static final int TLS_HANDSHAKE = 0x16;
    private static final String MANIFEST = """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",\
            "config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,\
            "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[]}""";

    private final List<String> seen = new CopyOnWriteArrayList<>();

    /** Breaks two connections, because the JDK's client tries a request again by itself. */
    private void serve(ServerSocket server, int broken) {
        try {
            while (true) {
                try (Socket client = server.accept()) {
                    var input = new BufferedInputStream(client.getInputStream());
                    input.mark(1);
                    boolean tls = input.read() == TLS_HANDSHAKE;
                    input.reset();
                    seen.add(tls ? "TLS" : "plain");
                    var bytes = new byte[4096];
                    if (input.read(bytes) > 0 && !tls && seen.size() != broken && seen.size() != broken + 1) {
                        client.getOutputStream()
                                .write(
                                        ("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
                                                        + "Content-Length: " + MANIFEST.length()
                                                        + "\r\nConnection: close\r\n\r\n"
                                                        + MANIFEST)
                                                .getBytes(StandardCharsets.US_ASCII));
                        client.getOutputStream().flush();
                    }
                }
            }
        } catch (IOException closed) {
            return; // the test is over
        }
    }

    private void ask(int times, int broken) throws IOException {
        try (var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
                var client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system())) {
            Thread.startVirtualThread(() -> serve(server, broken));
            String name = "127.0.0.1:" + server.getLocalPort() + "/x";
            var repository = client.repository(Reference.parse(name), Credentials.ANONYMOUS);
            for (int i = 0; i < times; i++) {
                assertThat(repository.manifest().bytes()).asString().isEqualTo(MANIFEST);
            }
        }
    }

    @Test
    void aConnectionThatBreaksOnAWayThatHasWorkedIsOneThatBroke() throws IOException {
        ask(3, 2);
        assertThat(seen).hasSize(5).doesNotContain("TLS");
    }

    @Test
    void aConnectionThatBreaksBeforeAnythingIsKnownMayBeTheWrongWay() throws IOException {
        ask(2, 1);
        assertThat(seen).contains("TLS").last().isEqualTo("plain");
    }
}
