package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostsFileTest {
    @TempDir
    private Path root = Path.of("");

    private void write(String host, String toml) throws IOException {
        Path directory = Files.createDirectories(root.resolve(host));
        Files.writeString(directory.resolve("hosts.toml"), toml);
    }

    private List<String> addresses(String domain) {
        return HostsFile.hostsFor(List.of(root), domain, Access.Scheme.USUAL).stream()
                .map(it -> it.base().toString())
                .toList();
    }

    @Test
    void defaults() {
        assertThat(addresses("docker.io")).containsExactly("https://registry-1.docker.io/v2");
        assertThat(addresses("localhost:5000")).containsExactly("http://localhost:5000/v2");
        assertThat(addresses("127.0.0.1:443")).containsExactly("https://127.0.0.1:443/v2");
        assertThat(addresses("[::1]:5000")).containsExactly("http://[::1]:5000/v2");
        assertThat(addresses("10.0.0.1:5000")).containsExactly("https://10.0.0.1:5000/v2");
        assertThat(addresses("localhost.evil.org")).containsExactly("https://localhost.evil.org/v2");
        assertThat(addresses("127.evil.org")).containsExactly("https://127.evil.org/v2");
    }

    @Test
    void readsEveryKeyInOrder() throws IOException {
        write("docker.io", """
                server = "https://registry-1.docker.io"
                capabilities = ["pull"]
                [host."https://zzz.example/v2/proxy"]
                  capabilities = ["pull", "resolve"]
                  ca = ["/a.pem", "b.pem"]
                  client = [["/c.cert", "/c.key"], ["d.pem", ""]]
                  skip_verify = true
                  override_path = true
                  dial_timeout = "5s"
                  [host."https://zzz.example/v2/proxy".header]
                    x-one = "1"
                    x-many = ["2", "3"]
                [host."http://aaa.example:81/sub/"]
                  ca = "e.pem"
                  client = "f.pem"
                [host."bare.example"]
                """);
        List<Host> hosts = HostsFile.hostsFor(List.of(root), "docker.io", Access.Scheme.USUAL);
        assertThat(addresses("docker.io"))
                .containsExactly(
                        "https://zzz.example/v2/proxy",
                        "http://aaa.example:81/sub/v2",
                        "https://bare.example/v2",
                        "https://registry-1.docker.io/v2");
        Host first = hosts.getFirst();
        assertThat(first.capabilities()).containsExactlyInAnyOrder(Host.Capability.PULL, Host.Capability.RESOLVE);
        assertThat(first.tls().authorities()).containsExactly(Path.of("/a.pem"), root.resolve("docker.io/b.pem"));
        assertThat(first.tls().clients())
                .containsExactly(
                        new Host.ClientPair(Path.of("/c.cert"), Path.of("/c.key")),
                        new Host.ClientPair(root.resolve("docker.io/d.pem"), root.resolve("docker.io/d.pem")));
        assertThat(first.tls().skipVerify()).isTrue();
        assertThat(first.dialTimeout()).contains(Duration.ofSeconds(5));
        assertThat(first.headers()).containsEntry("x-one", List.of("1")).containsEntry("x-many", List.of("2", "3"));
        assertThat(hosts.getLast().capabilities()).containsExactly(Host.Capability.PULL);
        assertThat(first.address("docker.io", "library/x/manifests/1"))
                .hasToString("https://zzz.example/v2/proxy/library/x/manifests/1?ns=docker.io");
        assertThat(hosts.getLast().address("docker.io", "x")).hasToString("https://registry-1.docker.io/v2/x");
    }

    @Test
    void noDialTimeoutIsNoLimit() throws IOException {
        write("reg.example", "server = \"https://reg.example\"\ndial_timeout = \"0s\"\n");
        assertThat(HostsFile.hostsFor(List.of(root), "reg.example", Access.Scheme.USUAL)
                        .getFirst()
                        .dialTimeout()
                        .orElseThrow())
                .isGreaterThan(Duration.ofMinutes(5));
    }

    @Test
    void choosesTheDirectory() throws IOException {
        write("_default", "[host.\"http://fallback\"]");
        write("one:5000", "server = \"http://colon\"");
        write("two_5000_", "server = \"http://underscore\"");
        assertThat(addresses("one:5000")).containsExactly("http://colon/v2");
        assertThat(addresses("two:5000")).containsExactly("http://underscore/v2");
        assertThat(addresses("three")).containsExactly("http://fallback/v2", "https://three/v2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "server = 5",
                "[host",
                "host = 3",
                "[host.\"ftp://x\"]",
                "[host.\"https://u:p@x\"]",
                "capabilities = [\"fly\"]",
                "skip_verify = \"yes\"",
                "dial_timeout = \"soon\"",
                "client = [[\"a\",\"b\",\"c\"]]",
                "header = \"x\"",
                "ca = [1]",
                "server = \"https://x?y\"",
                "server = \"::\""
            })
    void refusesMistakes(String toml) throws IOException {
        write("reg.example", toml);
        assertThatThrownBy(() -> HostsFile.hostsFor(List.of(root), "reg.example", Access.Scheme.USUAL))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining("reg.example/hosts.toml");
    }

    @Test
    void goesOnToTheNextHostWhereAMirrorBringsNothing() throws IOException {
        var layer = new LayerBuilder().file("a", 0644, "a").gzip();
        var image = new ImageBuilder().layer(layer).build();
        var mirrorFaults = new Faults()
                .always("/manifests/", Faults.reply(200, "application/json", new byte[] {'{'}))
                .always("/blobs/", Faults.truncated(layer.bytes(), 0));
        try (var mirror = ServedRegistry.start(mirrorFaults);
                var origin = ServedRegistry.start().add("app", "1", image)) {
            write(
                    "reg.example",
                    "server = \"http://" + origin.authority() + "\"\n[host.\"http://" + mirror.authority() + "\"]\n");
            try (var client = new RegistryClient(Optional.of(root), Patience.DEFAULT, Ticker.system())) {
                var repository = client.repository(Reference.parse("reg.example/app:1"), Credentials.ANONYMOUS);
                assertThat(repository.manifest().descriptor()).isEqualTo(image.target());
                try (Blob blob = repository.blob(layer.descriptor(), 0)) {
                    assertThat(blob.next()).isNotNull();
                }
            }
            assertThat(mirrorFaults.count("/blobs/")).isEqualTo(1);
        }
    }

    @Test
    void theRegistryItselfHasTheLastWord() throws IOException {
        var faults = new Faults();
        try (var origin = ServedRegistry.start(faults)) {
            write("reg.example", "server = \"http://" + origin.authority() + "\"\n[host.\"http://127.0.0.1:1\"]\n");
            try (var client = new RegistryClient(Optional.of(root), Patience.DEFAULT, Ticker.system())) {
                var repository = client.repository(Reference.parse("reg.example/none:1"), Credentials.ANONYMOUS);
                assertThatThrownBy(repository::manifest)
                        .isInstanceOfSatisfying(
                                Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND));
            }
            assertThat(faults.seen()).hasSize(1);
        }
    }

    @Test
    void asksMirrorsFirstAndFallsBack() throws IOException {
        var image = new ImageBuilder()
                .layer(new LayerBuilder().file("a", 0644, "a").gzip())
                .build();
        var brokenFaults = new Faults().always("/v2/", Faults.status(500));
        var mirrorFaults = new Faults();
        try (var broken = ServedRegistry.start(brokenFaults);
                var mirror = ServedRegistry.start(mirrorFaults).add("library/app", "1", image)) {
            write(
                    "docker.io",
                    "server = \"http://127.0.0.1:1\"\n[host.\"http://" + broken.authority() + "\"]\n[host.\"http://"
                            + mirror.authority() + "\"]\n header = {X-Test = \"yes\"}\n");
            try (var client = new RegistryClient(Optional.of(root), Patience.DEFAULT, Ticker.system())) {
                var repository = client.repository(Reference.parse("app:1"), Credentials.ANONYMOUS);
                assertThat(repository.head()).contains(image.target());
                assertThat(repository.manifest().descriptor()).isEqualTo(image.target());
            }
            assertThat(brokenFaults.seen()).hasSize(2);
            assertThat(mirrorFaults.seen())
                    .allMatch(it -> it.endsWith("/v2/library/app/manifests/1?ns=docker.io X-Test=yes"));
        }
    }
}
