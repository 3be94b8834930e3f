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
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Private authorities and client certificates, against a server that insists. */
class ClientKeysTest {
    private final Path root;
    private final ImageBuilder.Built image = new ImageBuilder()
            .layer(new LayerBuilder().file("a", 0644, "a").gzip())
            .build();
    private final Certificates certificates;
    private final RegistryClient client;

    ClientKeysTest(@TempDir Path directory) throws IOException, InterruptedException {
        root = Files.createDirectories(directory);
        client = client();
        certificates = Certificates.in(directory.resolve("pki"));
        certificates.issue("server", Certificates.Form.PKCS8, 30);
    }

    @AfterEach
    void close() {
        client.close();
    }

    private RegistryClient client() {
        var limit = Duration.ofMinutes(2);
        var patience = new Patience(limit, limit, limit, 2, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        return new RegistryClient(
                RegistrySettings.DEFAULT
                        .withHosts(List.of(root.resolve("certs.d")))
                        .with(patience),
                Ticker.system());
    }

    private ServedRegistry registry(String name, boolean clients) throws Exception {
        return ServedRegistry.startTls(certificates.server(name), clients).add("app", "1", image);
    }

    private Document pull(ServedRegistry registry, String toml) throws IOException {
        Path directory = Files.createDirectories(root.resolve("certs.d").resolve(registry.authority()));
        Files.writeString(directory.resolve("hosts.toml"), toml);
        return pull(registry);
    }

    private Document pull(ServedRegistry registry) {
        return client.repository(Reference.parse(registry.authority() + "/app:1"), Credentials.ANONYMOUS)
                .manifest();
    }

    private static String server(ServedRegistry registry) {
        return "server = \"https://" + registry.authority() + "\"\n";
    }

    @ParameterizedTest
    @EnumSource(Certificates.Form.class)
    void showsACertificateWhateverFormItsKeyHas(Certificates.Form form) throws Exception {
        certificates.issue("client", form, 30);
        Path together = certificates.file("together.pem");
        Files.writeString(
                together,
                "Bag Attributes\n" + Files.readString(certificates.file("client.key"))
                        + Files.readString(certificates.file("client.pem")));
        try (var registry = registry("server", true)) {
            String trusting = server(registry) + "ca = [\"" + certificates.authority() + "\"]\n";
            String pair =
                    "[[\"" + certificates.file("client.pem") + "\", \"" + certificates.file("client.key") + "\"]]";
            assertThat(pull(registry, trusting + "client = " + pair).descriptor())
                    .isEqualTo(image.target());
            assertThat(pull(registry, trusting + "client = \"" + together + "\"")
                            .descriptor())
                    .isEqualTo(image.target());
            assertThat(pull(registry, trusting + "client = [\"" + together + "\"]")
                            .descriptor())
                    .isEqualTo(image.target());
            assertThatThrownBy(() -> pull(registry, trusting))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE));
        }
    }

    @Test
    void saysWhatIsWrongWithAKey() throws Exception {
        certificates.issue("client", Certificates.Form.PKCS8, 30);
        certificates.issue("other", Certificates.Form.SEC1, 30);
        certificates.issue("twin", Certificates.Form.PKCS1, 30);
        certificates.openssl("pkcs8 -topk8 -in client.p8 -passout pass:x -out locked.key");
        try (var registry = registry("server", true)) {
            for (var wrong : List.of(
                    List.of("locked.key", "it is encrypted"),
                    List.of("other.key", "does not belong to its certificate"),
                    List.of("twin.key", "it is the key of another certificate"),
                    List.of("client.csr", "there is no private key in it"),
                    List.of("missing", "cannot be read"))) {
                String pair = "[[\"" + certificates.file("client.pem") + "\", \"" + certificates.file(wrong.getFirst())
                        + "\"]]";
                assertThatThrownBy(() -> pull(registry, server(registry) + "client = " + pair))
                        .isInstanceOfSatisfying(
                                Fault.class,
                                fault -> assertThat(fault.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                        .hasMessageContaining(wrong.getFirst())
                        .hasMessageContaining(wrong.getLast());
            }
        }
    }

    @Test
    void believesAFileThatHasChanged() throws Exception {
        Path ca = root.resolve("ca.pem");
        certificates.openssl("req -x509 -newkey rsa:2048 -nodes -keyout x.key -out x.pem -days 30 -subj /CN=stranger");
        Files.copy(certificates.file("x.pem"), ca);
        try (var registry = registry("server", false)) {
            assertThatThrownBy(() -> pull(registry, server(registry) + "ca = \"" + ca + "\""))
                    .hasMessageContaining("its TLS certificate is not trusted")
                    .hasMessageContaining("name it as ca in hosts.toml");
            Files.copy(certificates.authority(), ca, StandardCopyOption.REPLACE_EXISTING);
            Files.setLastModifiedTime(ca, FileTime.fromMillis(1));
            assertThat(pull(registry).descriptor()).isEqualTo(image.target());
        }
    }

    @Test
    void readsDockersFilesWhereThereIsNoHostsToml() throws Exception {
        certificates.issue("client", Certificates.Form.PKCS1, 30);
        try (var registry = registry("server", true)) {
            Path directory = Files.createDirectories(root.resolve("certs.d").resolve(registry.authority()));
            Files.copy(certificates.authority(), directory.resolve("ca.crt"));
            Files.copy(certificates.file("client.pem"), directory.resolve("me.cert"));
            Files.copy(certificates.file("client.key"), directory.resolve("me.key"));
            assertThat(pull(registry).descriptor()).isEqualTo(image.target());
        }
    }

    @Test
    void leavesOutAnAuthorityThatHasExpired() throws Exception {
        certificates.issue("old", Certificates.Form.PKCS8, -1);
        Path bundle = root.resolve("bundle.pem");
        Files.writeString(
                bundle, Files.readString(certificates.file("old.pem")) + Files.readString(certificates.authority()));
        try (var registry = registry("server", false)) {
            assertThat(pull(registry, server(registry) + "ca = \"" + bundle + "\"")
                            .descriptor())
                    .isEqualTo(image.target());
        }
    }

    /** While an authority is replaced, both are named; in Docker's layout they are files side by side. */
    @Test
    void leavesOutAFileWhoseAuthorityHasExpired() throws Exception {
        certificates.issue("old", Certificates.Form.PKCS8, -1);
        try (var registry = registry("server", false)) {
            String both = "ca = [\"" + certificates.file("old.pem") + "\", \"" + certificates.authority() + "\"]";
            assertThat(pull(registry, server(registry) + both).descriptor()).isEqualTo(image.target());
            String one = "ca = [\"" + certificates.file("old.pem") + "\"]";
            assertThatThrownBy(() -> pull(registry, server(registry) + one))
                    .hasMessageContaining("old.pem")
                    .hasMessageContaining("expired");
        }
    }

    @Test
    void saysWhoseCertificateIsNotTakenAndWhatToDo() throws Exception {
        certificates.openssl("req -x509 -newkey rsa:2048 -nodes -keyout x.key -out x.pem -days 30 -subj /CN=stranger");
        String stranger =
                "client = [[\"" + certificates.file("x.pem") + "\", \"" + certificates.file("x.key") + "\"]]\n";
        String trusting = "ca = \"" + certificates.authority() + "\"\n";
        try (var registry = registry("server", true)) {
            assertThatThrownBy(() -> pull(registry, server(registry) + trusting))
                    .hasMessageContaining("It may want a client certificate that it trusts")
                    .hasMessageNotContaining("plain http");
            // Only what some authority of the server's has signed is shown to it, so it is not shown this one either.
            assertThatThrownBy(() -> pull(registry, server(registry) + trusting + stranger))
                    .hasMessageContaining("It may not trust the client certificate that hosts.toml names")
                    .hasMessageNotContaining("plain http");
        }
        certificates.issue("elsewhere", Certificates.Form.PKCS8, 30, "DNS:other.invalid");
        try (var registry = registry("elsewhere", false)) {
            assertThatThrownBy(() -> pull(registry, server(registry) + trusting))
                    .hasMessageContaining("its TLS certificate is not for it: No subject alternative")
                    .hasMessageContaining("found. Ask for it by a name that the certificate has");
        }
    }

    @Test
    void saysThatAnOldKeyIsLocked() throws Exception {
        certificates.issue("client", Certificates.Form.PKCS1, 30);
        certificates.openssl("rsa -traditional -in client.key -aes128 -passout pass:x -out locked.key");
        assertThat(Pem.blocks(certificates.file("locked.key"))).singleElement().matches(Pem.Block::hasHeaders);
    }

    @Test
    void refusesWhatHasExpired() throws Exception {
        certificates.issue("old", Certificates.Form.PKCS8, -1);
        try (var registry = registry("old", false)) {
            assertThatThrownBy(() -> pull(registry, server(registry) + "ca = \"" + certificates.authority() + "\""))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE))
                    .hasMessageContaining("its TLS certificate is not valid today: NotAfter");
        }
        certificates.openssl("x509 -in ca.pem -signkey ca.key -days -1 -out expired.pem");
        try (var registry = registry("server", false)) {
            assertThatThrownBy(() ->
                            pull(registry, server(registry) + "ca = \"" + certificates.file("expired.pem") + "\""))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                    .hasMessageContaining("certificate authority " + certificates.file("expired.pem"))
                    .hasMessageContaining("expired");
        }
    }

    @Test
    void triesTlsWhereAPlainAddressMayMeanIt() throws Exception {
        try (var registry = registry("server", false)) {
            assertThat(pull(registry).descriptor()).isEqualTo(image.target()); // this machine, no settings at all
            String plain = "server = \"http://" + registry.authority() + "\"\n";
            assertThatThrownBy(() -> pull(registry, plain))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE));
            assertThat(pull(registry, plain + "skip_verify = true").descriptor())
                    .isEqualTo(image.target());
            assertThat(pull(registry, plain + "ca = \"" + certificates.authority() + "\"")
                            .descriptor())
                    .isEqualTo(image.target());
        }
    }
}
