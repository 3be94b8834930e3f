package dev.berth.images.registry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the way to the bytes may look like. */
class TransferTest {
    private final Faults faults = new Faults();
    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("noise", 0644, Received.noise(300_000)).plain();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();
    private final ServedRegistry registry;
    private final SleepNoted clock = new SleepNoted();
    private final RegistryClient client = client(RegistrySettings.DEFAULT);

    TransferTest() throws IOException {
        registry = ServedRegistry.start(faults).add("team/app", "v1", image);
    }

    @AfterEach
    void stop() {
        client.close();
        registry.close();
    }

    private RegistryClient client(RegistrySettings settings) {
        var limit = Duration.ofMinutes(2);
        var patience = new Patience(limit, limit, limit, 4, new Pauses(Duration.ofMillis(100), Duration.ofSeconds(20)));
        return new RegistryClient(settings.with(patience), clock);
    }

    private Repository repository() {
        return client.repository(Reference.parse(registry.authority() + "/team/app:v1"), Credentials.ANONYMOUS);
    }

    @Test
    void asksAgainWhereARedirectHasExpired() throws IOException {
        var storage = new Faults();
        try (var cdn = ServedRegistry.start(storage).add("team/app", "v1", image)) {
            int[] signatures = {0};
            faults.always("/blobs/", exchange -> {
                String path = exchange.getRequestURI().getPath() + "?signature=" + ++signatures[0];
                Faults.status(307, "Location", "http://" + cdn.authority() + path)
                        .answer(exchange);
            });
            storage.next(1, "/blobs/", Faults.truncated(layer.bytes(), 100_000));
            storage.next(1, "/blobs/", Faults.status(403)); // "Request has expired"
            assertThat(Received.all(repository().blob(layer.descriptor(), 0))).isEqualTo(layer.bytes());
            assertThat(storage.seen())
                    .hasSize(3)
                    .last()
                    .asString()
                    .contains("signature=3")
                    .contains("Range=bytes=100000-");
        }
    }

    @Test
    void waitsUntilADateTheRegistryNames() {
        faults.next(1, "/manifests/", exchange -> {
            exchange.getResponseHeaders().set("Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT");
            exchange.sendResponseHeaders(503, -1);
        });
        repository().manifest();
        assertThat(clock.slept()).containsExactly(Duration.ofSeconds(20)); // the longest that we wait
    }

    @Test
    void takesWhatADescriptorBringsAlong() {
        byte[] bytes = "{}".getBytes(UTF_8);
        String data = Base64.getEncoder().encodeToString(bytes);
        assertThat(Received.all(repository().blob(embedding(Digest.of(bytes), data), 0)))
                .isEqualTo(bytes);
        assertThat(faults.seen()).isEmpty();
        for (String wrong : List.of("AAAA", "%%%", Base64.getEncoder().encodeToString("[]".getBytes(UTF_8)))) {
            assertThatThrownBy(() -> Received.all(repository().blob(embedding(Digest.of(bytes), wrong), 0)))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND));
        }
    }

    private static Descriptor embedding(Digest digest, String data) {
        return new Descriptor("application/json", digest, 2, List.of(), Map.of(), data, null, "");
    }

    @Test
    void fetchesForeignLayersFromTheRegistryOnly() {
        String foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        var there = new Descriptor(
                foreign,
                layer.descriptor().digest(),
                layer.descriptor().size(),
                List.of("http://127.0.0.1:1/elsewhere"),
                Map.of(),
                "",
                null,
                "");
        assertThat(Received.all(repository().blob(there, 0))).isEqualTo(layer.bytes());
        var absent = new Descriptor(
                foreign,
                Digest.of(new byte[0]),
                9,
                List.of("http://" + registry.authority() + "/elsewhere"),
                Map.of(),
                "",
                null,
                "");
        assertThatThrownBy(() -> Received.all(repository().blob(absent, 0)))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND))
                .hasMessageContaining("wants it fetched from elsewhere, which is not safe");
        assertThat(faults.count("/elsewhere")).isZero();
    }

    @Test
    void referrersByTheApiWithPages() {
        Digest subject = image.manifest().digest();
        faults.always("/referrers/", exchange -> {
            boolean second = String.valueOf(exchange.getRequestURI().getQuery()).contains("page=2");
            if (!second) {
                exchange.getResponseHeaders()
                        .set("Link", "</v2/team/app/referrers/" + subject + "?page=2>; rel=\"next\"");
            }
            Faults.reply(200, MediaTypes.OCI_INDEX, index(second ? "b" : "a")).answer(exchange);
        });
        assertThat(repository().referrers(subject, ""))
                .extracting(Descriptor::artifactType)
                .containsExactly("a", "b");
        assertThat(repository().referrers(subject, "b")).hasSize(1);
        assertThat(faults.seen()).anyMatch(it -> it.contains("artifactType=b"));
    }

    private static byte[] index(String artifactType) {
        byte[] manifest = artifactType.getBytes(UTF_8);
        return Index.of(
                        MediaTypes.OCI_INDEX,
                        List.of(new Descriptor(
                                MediaTypes.OCI_MANIFEST,
                                Digest.of(manifest),
                                manifest.length,
                                List.of(),
                                Map.of(),
                                "",
                                null,
                                artifactType)))
                .toJson();
    }

    @Test
    void referrersByTheirTag() {
        Digest subject = image.manifest().digest();
        assertThat(repository().referrers(subject, "")).isEmpty();
        registry.add("team/app", "sha256-" + subject.hex(), MediaTypes.OCI_INDEX, index("sig"));
        assertThat(repository().referrers(subject, "sig")).hasSize(1);
    }

    @Test
    void noMoreFromOneHostThanAllowed() throws Exception {
        try (var one = client(RegistrySettings.DEFAULT.with(Connections.DEFAULT.withPerHost(1)))) {
            var repository =
                    one.repository(Reference.parse(registry.authority() + "/team/app:v1"), Credentials.ANONYMOUS);
            Blob first = repository.blob(layer.descriptor(), 0);
            assertThat(first.next()).isNotNull();
            byte[][] got = {new byte[0]};
            Thread second =
                    Thread.startVirtualThread(() -> got[0] = Received.all(repository.blob(layer.descriptor(), 0)));
            while (second.getState() != Thread.State.WAITING) {
                Thread.onSpinWait();
            }
            assertThat(faults.count("/blobs/")).isEqualTo(1);
            first.close();
            second.join();
            assertThat(got[0]).isEqualTo(layer.bytes());
        }
    }

    @Test
    void overHttp2WithAPrivateAuthority(@TempDir Path root) throws Exception {
        Certificates certificates = Certificates.in(root.resolve("pki"));
        certificates.issue("server", Certificates.Form.PKCS8, 30);
        try (var docker = DockerRegistry.startTls(
                root.resolve("registry"), certificates.file("server.pem"), certificates.file("server.key"))) {
            Path directory = Files.createDirectories(root.resolve("certs.d").resolve(docker.authority()));
            Files.writeString(
                    directory.resolve("hosts.toml"),
                    "server = \"https://" + docker.authority() + "\"\nca = \"" + certificates.authority() + "\"\n");
            try (var secure = client(RegistrySettings.DEFAULT.withHosts(List.of(root.resolve("certs.d"))))) {
                Reference name = Reference.parse(docker.authority() + "/team/app:v1");
                var destination = secure.destination(name, Credentials.ANONYMOUS);
                byte[] bytes = layer.bytes();
                var outcome = destination.blob(
                        layer.descriptor(),
                        from -> new ByteArrayInputStream(bytes, (int) from, bytes.length - (int) from),
                        List.of(),
                        sent -> {});
                assertThat(outcome).isEqualTo(Destination.Outcome.SENT);
                assertThat(Received.all(
                                secure.repository(name, Credentials.ANONYMOUS).blob(layer.descriptor(), 0)))
                        .isEqualTo(bytes);
            }
        }
    }
}
