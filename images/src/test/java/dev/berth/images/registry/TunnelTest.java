package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** HTTPS through a proxy that wants a password: the proxy sees that, the registry does not. */
class TunnelTest {
    private final List<String> asked = new CopyOnWriteArrayList<>();

    @Test
    void thePasswordOfTheProxyStaysThere(@TempDir Path root) throws Exception {
        Certificates certificates = Certificates.in(root);
        certificates.issue("server", Certificates.Form.PKCS8, 30);
        var limit = Duration.ofMinutes(2);
        var patience = new Patience(limit, limit, limit, 1, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        List<String> leaked = new CopyOnWriteArrayList<>();
        var faults = new Faults()
                .always(
                        it -> {
                            leaked.addAll(it.getRequestHeaders().getOrDefault("Proxy-Authorization", List.of()));
                            return false;
                        },
                        Faults.status(500));
        try (var registry = ServedRegistry.startTls(certificates.server("server"), false, faults);
                var door = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            int port = Integer.parseInt(registry.authority().replaceFirst(".*:", ""));
            Thread.startVirtualThread(() -> serve(door, port));
            var environment = Map.of("HTTPS_PROXY", "http://me:secret@127.0.0.1:" + door.getLocalPort());
            URI base = URI.create("https://nowhere.invalid/v2");
            var host = new Host(
                    base,
                    Host.Role.SERVER,
                    Set.of(Host.Capability.values()),
                    new Host.Tls(List.of(), List.of(), true),
                    Map.of(),
                    Optional.empty(),
                    Host.Way.AS_THE_ADDRESS_SAYS);
            try (var transport = new Transport(patience, Proxies.of(environment));
                    Answer answer = transport.send(host, Call.get(URI.create(base + "/"), Map.of()), null)) {
                assertThat(answer.status()).isEqualTo(200);
            }
            assertThat(asked)
                    .singleElement()
                    .asString()
                    .startsWith("CONNECT nowhere.invalid:443")
                    .contains("Proxy-Authorization: Basic bWU6c2VjcmV0");
            assertThat(faults.seen()).hasSize(1);
            assertThat(leaked).isEmpty();
        }
    }

    /** The JDK has no body for such an answer. */
    @Test
    void aProxyThatWantsAnotherLogin() throws Exception {
        var limit = Duration.ofMinutes(2);
        var patience = new Patience(limit, limit, limit, 1, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        try (var door = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread.startVirtualThread(() -> refuse(door, "407 No"));
            String there = "127.0.0.1:" + door.getLocalPort();
            for (String scheme : List.of("https", "http")) {
                var environment = Map.of("HTTPS_PROXY", "http://me:wrong@" + there, "HTTP_PROXY", "http://" + there);
                var host = new Host(
                        URI.create(scheme + "://nowhere.invalid/v2"),
                        Host.Role.SERVER,
                        Set.of(Host.Capability.values()),
                        Host.Tls.DEFAULT,
                        Map.of(),
                        Optional.empty(),
                        Host.Way.AS_THE_ADDRESS_SAYS);
                try (var transport = new Transport(patience, Proxies.of(environment))) {
                    assertThatThrownBy(() -> transport.send(host, Call.get(host.base(), Map.of()), null))
                            .isInstanceOfSatisfying(
                                    Refused.class,
                                    it -> assertThat(it.fault().code()).isEqualTo(Fault.Code.UNAVAILABLE))
                            .hasMessageContaining(there)
                            .hasMessageContaining(
                                    scheme.equals("https") ? "does not accept the login" : "wants a login")
                            .hasMessageContaining("HTTPS_PROXY");
                }
            }
        }
    }

    /** A firewall that lets through only what is on its list; or one that finds nobody there. */
    @Test
    void aProxyThatGivesNoWay() throws Exception {
        var limit = Duration.ofMinutes(2);
        var patience = new Patience(limit, limit, limit, 1, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        var host = new Host(
                URI.create("https://nowhere.invalid/v2"),
                Host.Role.SERVER,
                Set.of(Host.Capability.values()),
                Host.Tls.DEFAULT,
                Map.of(),
                Optional.empty(),
                Host.Way.AS_THE_ADDRESS_SAYS);
        for (String status : List.of("403 Forbidden", "502 Bad Gateway")) {
            try (var door = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
                Thread.startVirtualThread(() -> refuse(door, status));
                String there = "127.0.0.1:" + door.getLocalPort();
                try (var transport = new Transport(patience, Proxies.of(Map.of("HTTPS_PROXY", "http://" + there)))) {
                    assertThatThrownBy(() -> transport.send(host, Call.get(host.base(), Map.of()), null))
                            .isInstanceOfSatisfying(
                                    Refused.class, it -> assertThat(it.again()).isEqualTo(status.startsWith("5")))
                            .hasMessageContaining(
                                    "the proxy " + there + " gives no way to it: status " + status.substring(0, 3))
                            .hasMessageContaining(status.startsWith("4") ? "NO_PROXY" : "the proxy's log");
                }
            }
        }
    }

    private static void refuse(ServerSocket door, String status) {
        String no = "HTTP/1.1 " + status + "\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\n\r\n";
        try {
            while (true) {
                try (Socket client = door.accept()) {
                    var _ = head(client.getInputStream());
                    client.getOutputStream().write(no.getBytes(StandardCharsets.US_ASCII));
                }
            }
        } catch (IOException closed) {
            return; // the test is over
        }
    }

    private void serve(ServerSocket door, int port) {
        try {
            while (true) {
                Socket client = door.accept();
                Thread.startVirtualThread(() -> tunnel(client, port));
            }
        } catch (IOException closed) {
            return; // the test is over
        }
    }

    private void tunnel(Socket client, int port) {
        try (client;
                var server = new Socket(InetAddress.getLoopbackAddress(), port)) {
            asked.add(head(client.getInputStream()));
            client.getOutputStream().write("HTTP/1.1 200 OK\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            Thread back = Thread.startVirtualThread(() -> copy(server, client));
            copy(client, server);
            back.join();
        } catch (IOException | InterruptedException over) {
            Thread.currentThread().interrupt();
        }
    }

    private static String head(InputStream from) throws IOException {
        var head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int next = from.read();
            if (next < 0) {
                throw new IOException("the request has no end");
            }
            head.append((char) next);
        }
        return head.toString();
    }

    private static void copy(Socket from, Socket to) {
        try {
            from.getInputStream().transferTo(to.getOutputStream());
            to.shutdownOutput();
        } catch (IOException over) {
            return; // either side has gone
        }
    }
}
