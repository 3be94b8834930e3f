package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code dial_timeout} of hosts.toml, to an address where nobody says yes or no. Without it these tests would take an hour. */
@Timeout(120)
class DialTimeoutTest {
    private static final Duration NEVER = Duration.ofHours(1);

    /** An address whose machine takes no connection and refuses none: more wait there already than may. */
    private static final class Silent implements AutoCloseable {
        private static final int ENOUGH = 20;
        private static final int MILLIS = 300;

        private final ServerSocket door = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        private final Deque<Socket> waiting = new ArrayDeque<>();

        Silent() throws IOException {
            while (waiting.size() < ENOUGH) {
                Socket client = new Socket();
                waiting.push(client);
                try {
                    client.connect(
                            new InetSocketAddress(InetAddress.getLoopbackAddress(), door.getLocalPort()), MILLIS);
                } catch (SocketTimeoutException full) {
                    return;
                }
            }
            throw new IOException("the kernel lets everybody wait");
        }

        String authority() {
            return "127.0.0.1:" + door.getLocalPort();
        }

        @Override
        public void close() throws IOException {
            door.close();
            for (Socket client : waiting) {
                client.close();
            }
        }
    }

    @TempDir
    private Path root = Path.of("");

    private RegistryClient reading(String toml) throws IOException {
        Path hosts = Files.createDirectories(root.resolve("reg.example")).resolve("hosts.toml");
        Files.writeString(hosts, toml);
        var patience = new Patience(NEVER, NEVER, NEVER, 2, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        return new RegistryClient(RegistrySettings.DEFAULT.with(patience).withHosts(List.of(root)), Ticker.system());
    }

    @ParameterizedTest
    @ValueSource(strings = {"http", "https"})
    void theNextHostIsAskedAfterIt(String scheme) throws Exception {
        var layer = new LayerBuilder().file("a", 0644, "a").gzip();
        var image = new ImageBuilder().layer(layer).build();
        try (Silent silent = new Silent();
                ServedRegistry origin = ServedRegistry.start(new Faults()).add("app", "1", image);
                RegistryClient client = reading("""
                        server = "http://%s"
                        [host."%s://%s"]
                          dial_timeout = "200ms"
                        """.formatted(origin.authority(), scheme, silent.authority()))) {
            var repository = client.repository(Reference.parse("reg.example/app:1"), Credentials.ANONYMOUS);
            assertThat(repository.manifest().descriptor().digest())
                    .isEqualTo(image.target().digest());
            assertThat(Received.all(repository.blob(layer.descriptor(), 0))).isEqualTo(layer.bytes());
        }
    }

    @Test
    void aSilentOneThatIsAloneIsToldWithItsLimit() throws Exception {
        try (Silent silent = new Silent();
                RegistryClient client = reading("""
                        server = "http://%s"
                        dial_timeout = "200ms"
                        """.formatted(silent.authority()))) {
            var repository = client.repository(Reference.parse("reg.example/app:1"), Credentials.ANONYMOUS);
            assertThatThrownBy(repository::manifest)
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE))
                    .hasMessageContaining("no connection to " + silent.authority() + " within 0.2 s");
        }
    }
}
