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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a caller may say about the way to a registry. */
class AccessTest {
    private static final Access.Scheme USUAL = Access.Scheme.USUAL;

    private final ImageBuilder.Built image = new ImageBuilder()
            .layer(new LayerBuilder().file("a", 0644, "a").gzip())
            .build();

    @TempDir
    private Path root = Path.of("");

    private Path hosts(String toml) throws IOException {
        Path directory = Files.createDirectories(root.resolve("mine/reg.example"));
        Files.writeString(directory.resolve("hosts.toml"), toml);
        return root.resolve("mine");
    }

    private static String address(String domain, Access.Scheme scheme) {
        return HostsFile.hostsFor(List.of(), domain, scheme).getFirst().base().toString();
    }

    @Test
    void aSchemeForWhatNobodyTellsAbout() throws IOException {
        assertThat(address("reg.example", Access.Scheme.HTTP)).isEqualTo("http://reg.example/v2");
        assertThat(address("reg.example:443", Access.Scheme.HTTP)).isEqualTo("http://reg.example:443/v2");
        assertThat(address("docker.io", Access.Scheme.HTTP)).isEqualTo("https://registry-1.docker.io/v2");
        assertThat(address("127.0.0.1:5000", Access.Scheme.HTTPS)).isEqualTo("https://127.0.0.1:5000/v2");
        assertThat(address("127.0.0.1:5000", USUAL)).isEqualTo("http://127.0.0.1:5000/v2");
        Host strict = HostsFile.hostsFor(List.of(), "127.0.0.1:5000", Access.Scheme.HTTPS)
                .getFirst();
        assertThat(strict.tls().skipVerify())
                .as("who asks for https wants it whole")
                .isFalse();
        Path mine = hosts("server = \"https://other.example\"\n");
        assertThat(HostsFile.hostsFor(List.of(mine), "reg.example", Access.Scheme.HTTP)
                        .getFirst()
                        .base())
                .hasToString("https://other.example/v2");
        hosts("ca = \"a.pem\"\n");
        assertThat(HostsFile.hostsFor(List.of(mine), "reg.example", Access.Scheme.HTTP)
                        .getFirst()
                        .way())
                .isEqualTo(Host.Way.TLS_FIRST);
    }

    @Test
    void aTreeOfItsOwnInThePlaceOfTheNodes() throws IOException {
        try (var registry = ServedRegistry.start().add("app", "1", image);
                var client = new RegistryClient(Optional.of(Path.of("/nowhere")), Patience.DEFAULT, Ticker.system())) {
            Path mine = hosts("server = \"http://" + registry.authority() + "\"\n");
            var access = new Access(Credentials.ANONYMOUS, Optional.of(mine), USUAL, Map.of());
            var repository = client.repository(Reference.parse("reg.example/app:1"), access);
            assertThat(repository.manifest().descriptor()).isEqualTo(image.target());
        }
    }

    @Test
    void headersForTheRegistryAndItsMirrorsButNoSecretsForThose() throws IOException {
        var atMirror = new Faults();
        var atOrigin = new Faults();
        try (var mirror = ServedRegistry.start(atMirror);
                var origin = ServedRegistry.start(atOrigin).add("app", "1", image);
                var client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system())) {
            Path mine = hosts(
                    "server = \"http://" + origin.authority() + "\"\n[host.\"http://" + mirror.authority() + "\"]\n");
            var access = new Access(
                    Credentials.ANONYMOUS,
                    Optional.of(mine),
                    USUAL,
                    Map.of("x-test", "told", "AUTHORIZATION", "Bearer secret"));
            var repository = client.repository(Reference.parse("reg.example/app:1"), access);
            assertThat(repository.manifest().descriptor()).isEqualTo(image.target());
            assertThat(atMirror.seen())
                    .isNotEmpty()
                    .allMatch(it -> it.contains("X-Test=told"))
                    .noneMatch(it -> it.contains("secret"));
            assertThat(atOrigin.seen())
                    .isNotEmpty()
                    .allMatch(it -> it.contains("X-Test=told") && it.contains("Authorization=Bearer secret"));
            assertThat(access.toString()).doesNotContain("secret");
            hosts("server = \"http://" + origin.authority() + "\"\n[header]\nX-TEST = \"file\"\n");
            client.repository(Reference.parse("reg.example/app:1"), access).manifest();
            assertThat(atOrigin.seen().getLast()).contains("X-Test=file").doesNotContain("told");
        }
    }

    @Test
    void headersThatAreNone() throws IOException {
        try (var registry = ServedRegistry.start().add("app", "1", image);
                var client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system())) {
            var access = new Access(Credentials.ANONYMOUS, Optional.empty(), USUAL, Map.of("a b", "c"));
            var repository = client.repository(Reference.parse(registry.authority() + "/app:1"), access);
            assertThatThrownBy(repository::manifest)
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                    .hasMessageContaining("headers for");
        }
    }
}
