package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClientsTest {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    /** As callers do that write a hosts.toml with its certificates anew for each call. */
    @Test
    void onlyTheLastAreKept(@TempDir Path root) throws Exception {
        try (var clients = new Clients(Proxies.of(Map.of()))) {
            Path real = Certificates.in(root).authority();
            HttpClient usual = clients.of(Host.Tls.DEFAULT, LIMIT, true);
            for (int i = 0; i < 2 * Clients.MOST; i++) {
                Path authority = Files.copy(real, root.resolve(i + ".pem"));
                clients.of(new Host.Tls(List.of(authority), List.of(), false), LIMIT, true);
                assertThat(clients.of(Host.Tls.DEFAULT, LIMIT, true))
                        .as("what is in use stays")
                        .isSameAs(usual);
            }
            assertThat(clients.count()).isEqualTo(Clients.MOST);
        }
    }
}
