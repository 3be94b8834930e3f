package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProxiesTest {
    @ParameterizedTest
    @CsvSource({
        "https://r.example/v2/, secure",
        "http://r.example:5000/v2/, plain",
        "https://localhost:5000/v2/, direct",
        "http://127.0.0.1:5000/v2/, direct",
        "https://[::1]:5000/v2/, direct",
        "https://corp.example/, direct",
        "https://a.corp.example/, direct",
        "https://acorp.example/, secure",
        "https://sub.only/, direct",
        "https://only/, secure",
        "https://wild.star/, direct",
        "https://10.1.2.3/, direct",
        "https://11.1.2.3/, secure",
        "https://192.168.0.7/, direct",
        "https://ported:8443/, direct",
        "https://ported/, secure",
        "https://[fd00::1]/, direct"
    })
    void goBySameRulesAsGo(URI target, String way) {
        var proxies = Proxies.of(Map.of(
                "HTTPS_PROXY", "http://secure:3128",
                "http_proxy", "plain:3128",
                "NO_PROXY", " corp.example, .only ,*.star,10.0.0.0/8,192.168.0.7,ported:8443,fd00::/16"));
        assertThat(proxies.via(target).map(Proxies.Via::host).orElse("direct")).isEqualTo(way);
    }

    /** What others read: a password with an {@code @} as it is, a name with a {@code _}. */
    @Test
    void addressesThatAreNoneByTheRules() {
        URI target = URI.create("https://r.example/");
        var proxies = Proxies.of(Map.of("HTTPS_PROXY", "http://me:p@ss%20x@proxy_1:3128/"));
        assertThat(proxies.via(target)).contains(new Proxies.Via("proxy_1", 3128, "Basic bWU6cEBzcyB4")); // me:p@ss x
        assertThat(Proxies.of(Map.of("HTTPS_PROXY", "[fd00::1]:8080")).via(target))
                .contains(new Proxies.Via("fd00::1", 8080, ""));
        assertThat(Proxies.of(Map.of("HTTPS_PROXY", "HTTP://proxy")).via(target))
                .contains(new Proxies.Via("proxy", 80, ""));
        assertThat(Proxies.of(Map.of("HTTPS_PROXY", "http://proxy:99999")).unusable())
                .hasSize(1);
        assertThat(Proxies.of(Map.of("HTTPS_PROXY", "http://me:p%zz@proxy:1")).unusable())
                .hasSize(1);
    }

    @Test
    void noneForAnybody() {
        var all = Proxies.of(Map.of("HTTPS_PROXY", "http://p:1", "NO_PROXY", "*"));
        assertThat(all.via(URI.create("https://r.example/"))).isEmpty();
        assertThat(Proxies.of(Map.of("HTTP_PROXY", "http://p:1", "REQUEST_METHOD", "GET"))
                        .via(URI.create("http://r.example/")))
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "socks5://me:secret@p:1, of the kind socks5",
        "SOCKS5H://me:secret@p:1, of the kind socks5h",
        "https://me:secret@p:1, of the kind https",
        "http://me:secret@p:port x, not the address of a proxy",
        "http:///secret, not the address of a proxy"
    })
    void whatCannotBeUsedIsNeverGoneRound(String value, String why) throws IOException {
        var asked = new Faults();
        try (var server = ServedRegistry.start(asked)) {
            var environment = Map.of("HTTPS_PROXY", value, "HTTP_PROXY", value, "NO_PROXY", "excepted");
            var proxies = Proxies.of(environment);
            assertThat(proxies.via(URI.create("https://excepted/"))).isEmpty();
            assertThat(proxies.via(URI.create("http://127.0.0.1:1/"))).isEmpty();
            assertThat(proxies.unusable())
                    .hasSize(2)
                    .allMatch(it -> it.contains(why) && !it.contains("secret"))
                    .anyMatch(it -> it.contains("HTTPS_PROXY"));
            var settings = RegistrySettings.DEFAULT.withHosts(List.of()).withEnvironment(environment);
            try (var client = new RegistryClient(settings, Ticker.system())) {
                var far = client.repository(Reference.parse("nowhere.invalid/x"), Credentials.ANONYMOUS);
                assertThatThrownBy(far::manifest)
                        .isInstanceOfSatisfying(
                                Fault.class,
                                fault -> assertThat(fault.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                        .hasMessageContainingAll("registry nowhere.invalid", "HTTPS_PROXY", why, "NO_PROXY")
                        .hasMessageNotContaining("secret");
                var near = client.repository(Reference.parse(server.authority() + "/x"), Credentials.ANONYMOUS);
                assertThatThrownBy(near::manifest).hasMessageContaining("there is no such image");
            }
        }
    }

    @Test
    void theProxyIsAskedAndShownItsPassword() throws IOException {
        var seen = new Faults();
        var patience = new Patience(
                Duration.ofMinutes(2),
                Duration.ofMinutes(2),
                Duration.ofMinutes(2),
                1,
                new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        try (var proxy = ServedRegistry.start(seen)) {
            String[] shown = {""};
            seen.always("/v2/", exchange -> {
                shown[0] = exchange.getRequestHeaders().getFirst("Proxy-Authorization");
                Faults.status(404).answer(exchange);
            });
            var settings = RegistrySettings.DEFAULT
                    .with(patience)
                    .withHosts(List.of())
                    .withEnvironment(Map.of(
                            "http_proxy",
                            "http://me:sec%2Fret@" + proxy.authority(),
                            "https_proxy",
                            "http://127.0.0.1:1"));
            try (var client = new RegistryClient(settings, Ticker.system())) {
                var host = new Host(
                        URI.create("http://nowhere.invalid/v2"),
                        Host.Role.SERVER,
                        Set.of(Host.Capability.values()),
                        Host.Tls.DEFAULT,
                        Map.of(),
                        Optional.empty(),
                        Host.Way.AS_THE_ADDRESS_SAYS);
                try (var transport = new Transport(patience, Proxies.of(settings.environment()))) {
                    Answer answer =
                            transport.send(host, Call.get(URI.create("http://nowhere.invalid/v2/x"), Map.of()), null);
                    assertThat(answer.status()).isEqualTo(404);
                    answer.close();
                    assertThat(shown[0]).isEqualTo("Basic bWU6c2VjL3JldA=="); // me:sec/ret
                } catch (Refused | InterruptedException e) {
                    throw new AssertionError(e);
                }
                var repository = client.repository(Reference.parse("nowhere.invalid/x"), Credentials.ANONYMOUS);
                assertThatThrownBy(repository::manifest)
                        .hasMessageContaining("no connection through the proxy 127.0.0.1:1: connection refused")
                        .hasMessageContaining("NO_PROXY");
            }
        }
    }
}
