package dev.berth.images.registry;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mirrors, and hosts that a host leads to: who is believed, who is shown what, what is spoken. */
class ManyHostsTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("a", 0644, "a").gzip();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();
    private final Faults mirrorFaults = new Faults();
    private final Faults originFaults = new Faults();
    private final ServedRegistry mirror;
    private final ServedRegistry origin;
    private final RegistryClient client;

    @TempDir
    private Path root = Path.of("");

    ManyHostsTest() throws IOException {
        mirror = ServedRegistry.start(mirrorFaults);
        origin = ServedRegistry.start(originFaults).add("app", "1", image);
        var patience = new Patience(LIMIT, LIMIT, LIMIT, 2, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        client = new RegistryClient(
                RegistrySettings.DEFAULT.with(patience).withHosts(List.of(Path.of("/nowhere"))), Ticker.system());
    }

    @AfterEach
    void stop() {
        client.close();
        mirror.close();
        origin.close();
    }

    private Repository repository(String toml) throws IOException {
        return repository(toml, Ticker.system());
    }

    private Repository repository(String toml, Ticker clock) throws IOException {
        Path hosts = Files.createDirectories(root.resolve("reg.example")).resolve("hosts.toml");
        Files.writeString(hosts, toml);
        var patience = new Patience(LIMIT, LIMIT, LIMIT, 2, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        var reading = new RegistryClient(RegistrySettings.DEFAULT.with(patience).withHosts(List.of(root)), clock);
        return reading.repository(Reference.parse("reg.example/app:1"), Credentials.ANONYMOUS);
    }

    private Repository both() throws IOException {
        return repository(
                "server = \"http://" + origin.authority() + "\"\n[host.\"http://" + mirror.authority() + "\"]\n");
    }

    /** Else he who owns the node looks for what is wrong at the registry, and it is his mirror. */
    @Test
    void aFailureTellsOfTheMirrorsToo() throws IOException {
        String toml = "server = \"http://" + origin.authority() + "\"\n[host.\"http://127.0.0.1:1\"]\n"
                + "[host.\"http://" + mirror.authority() + "\"]\n  [host.\"http://" + mirror.authority()
                + "\".header]\n  \"not a name\" = \"x\"\n";
        originFaults.always("/v2/", Faults.status(403));
        Repository refusing = repository(toml);
        assertThatThrownBy(refusing::manifest)
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.PERMISSION_DENIED))
                .hasMessageContaining("access is denied at " + origin.authority())
                .hasMessageContaining("Tried before: registry 127.0.0.1:1: no connection")
                .hasMessageContaining("; headers for " + mirror.authority());
    }

    private static byte[] list(String... artifactTypes) {
        List<Descriptor> entries = List.of(artifactTypes).stream()
                .map(it -> new Descriptor(
                        MediaTypes.OCI_MANIFEST,
                        Digest.of(it.getBytes(UTF_8)),
                        it.length(),
                        List.of(),
                        Map.of(),
                        "",
                        null,
                        it))
                .toList();
        return Index.of(MediaTypes.OCI_INDEX, entries).toJson();
    }

    /** Each look at its clock is seconds after the last. */
    private static final class Hurried implements Ticker {
        private final AtomicLong now = new AtomicLong();

        @Override
        public long nanos() {
            return now.addAndGet(4_000_000_000L);
        }

        @Override
        public void sleep(Duration time) {
            now.addAndGet(time.toNanos());
        }
    }

    @Test
    void aMirrorThatWasWaitedForInVainIsLeftOutAsLongAsOthersHelp() throws IOException {
        mirrorFaults.always("/", Faults.status(504));
        Repository repository = repository(
                "server = \"http://" + origin.authority() + "\"\n[host.\"http://" + mirror.authority() + "\"]\n",
                new Hurried());
        repository.manifest();
        assertThat(Received.all(repository.blob(layer.descriptor(), 0))).isEqualTo(layer.bytes());
        assertThat(mirrorFaults.seen()).hasSize(1);
        originFaults.next(1, "/manifests/", Faults.status(500));
        repository.manifest();
        assertThat(mirrorFaults.seen()).as("asked when nobody else helped").hasSize(2);
    }

    @Test
    void aMirrorWithoutReferrersHidesNone() throws IOException {
        Digest subject = image.manifest().digest();
        mirrorFaults.next(1, "/referrers/", Faults.reply(200, MediaTypes.OCI_INDEX, list()));
        originFaults.next(3, "/referrers/", Faults.reply(200, MediaTypes.OCI_INDEX, list("sig")));
        assertThat(both().referrers(subject, "")).hasSize(1);
        mirrorFaults.next(1, "/referrers/", Faults.reply(200, MediaTypes.OCI_INDEX, list("other")));
        assertThat(both().referrers(subject, "sig")).hasSize(1);
        assertThat(both().referrers(subject, ""))
                .as("a mirror that does not know the API")
                .hasSize(1);
        assertThat(originFaults.count("/referrers/")).isEqualTo(3);
        mirrorFaults.always("/referrers/", Faults.reply(200, MediaTypes.OCI_INDEX, list("mine")));
        assertThat(both().referrers(subject, "mine")).hasSize(1);
        assertThat(originFaults.count("/referrers/")).isEqualTo(3);
    }

    @Test
    void thereAreNoneIfAllSaySo() throws IOException {
        Digest subject = image.manifest().digest();
        assertThat(both().referrers(subject, "")).isEmpty();
        String onlyMirrors = "capabilities = [\"push\"]\nserver = \"http://" + origin.authority()
                + "\"\n[host.\"http://" + mirror.authority() + "\"]\n";
        assertThat(repository(onlyMirrors).referrers(subject, "")).isEmpty();
        originFaults.always("/referrers/", Faults.status(500));
        assertThatThrownBy(() -> both().referrers(subject, ""))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE));
        assertThat(repository(onlyMirrors).referrers(subject, "")).isEmpty();
    }

    /** Answers TLS with a word of HTTP, as Go's servers do, and plain requests with a 404; notes how each connection begins. */
    private static void answer(ServerSocket server, List<Integer> firstBytes) {
        try {
            while (true) {
                try (var connection = server.accept()) {
                    byte[] head = new byte[4096];
                    int got = connection.getInputStream().read(head);
                    firstBytes.add(got < 1 ? -1 : head[0] & 0xff);
                    String status = head[0] == 0x16 ? "400 Bad Request" : "404 Not Found";
                    connection
                            .getOutputStream()
                            .write(("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                                    .getBytes(ISO_8859_1));
                }
            }
        } catch (IOException closed) {
            return; // the test is over
        }
    }

    @Test
    void settingsForTlsAreNotSpokenPlainlyFirst() throws IOException {
        var firstBytes = new CopyOnWriteArrayList<Integer>();
        try (var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread.startVirtualThread(() -> answer(server, firstBytes));
            Repository repository =
                    repository("server = \"http://127.0.0.1:" + server.getLocalPort() + "\"\nskip_verify = true\n");
            for (int i = 0; i < 2; i++) {
                assertThatThrownBy(repository::manifest)
                        .isInstanceOfSatisfying(
                                Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND));
            }
        }
        assertThat(firstBytes).startsWith(0x16).endsWith((int) 'G');
    }

    @Test
    void whoSpeaksTlsIsNotSpokenToPlainly() throws Exception {
        Certificates certificates = Certificates.in(root.resolve("pki"));
        certificates.issue("server", Certificates.Form.PKCS8, 30);
        Certificates others = Certificates.in(root.resolve("others"));
        var seen = new Faults();
        try (var secure = ServedRegistry.startTls(certificates.server("server"), false, seen)
                .add("app", "1", image)) {
            String server = "server = \"http://" + secure.authority() + "\"\nca = \"";
            assertThat(repository(server + certificates.authority() + "\"\n")
                            .manifest()
                            .descriptor())
                    .isEqualTo(image.target());
            assertThatThrownBy(repository(server + others.authority() + "\"\n")::manifest)
                    .hasMessageContaining("its TLS certificate is not trusted");
            assertThat(seen.seen()).hasSize(1);
        }
    }

    @Test
    void whatIsBelievedOfAHostIsNotOfThoseItLeadsTo() throws Exception {
        Certificates certificates = Certificates.in(root.resolve("pki"));
        certificates.issue("server", Certificates.Form.PKCS8, 30);
        var seen = new Faults();
        try (var elsewhere = ServedRegistry.startTls(certificates.server("server"), false)
                        .add("app", "1", image);
                var secure = ServedRegistry.startTls(certificates.server("server"), false, seen)
                        .add("app", "1", image)) {
            String port = elsewhere.authority().replaceFirst(".*:", "");
            var to = new CopyOnWriteArrayList<>(List.of("localhost", "localhost", "127.0.0.1"));
            seen.always("/manifests/", exchange -> {
                String path = exchange.getRequestURI().getPath();
                Faults.status(307, "Location", "https://" + to.removeFirst() + ":" + port + path)
                        .answer(exchange);
            });
            String server = "server = \"https://" + secure.authority() + "\"\n";
            assertThatThrownBy(repository(server + "skip_verify = true\n")::manifest)
                    .hasMessageContaining("localhost:" + port + ": its TLS certificate is not trusted");
            assertThat(repository(server + "ca = \"" + certificates.authority() + "\"\n")
                            .manifest()
                            .descriptor())
                    .as("an authority may vouch for others, too")
                    .isEqualTo(image.target());
            assertThat(repository(server + "skip_verify = true\n").manifest().descriptor())
                    .as("the same machine")
                    .isEqualTo(image.target());
        }
    }

    @Test
    void withoutAServerTheRegistryItselfCanDoEverything() throws IOException {
        Path hosts = Files.createDirectories(root.resolve("reg.example")).resolve("hosts.toml");
        Files.writeString(hosts, "capabilities = [\"pull\"]\nskip_verify = true\n[host.\"http://m.example\"]\n");
        Host last = HostsFile.hostsFor(List.of(root), "reg.example", Access.Scheme.USUAL)
                .getLast();
        assertThat(last.capabilities()).containsExactlyInAnyOrder(Host.Capability.values());
        assertThat(last.tls().skipVerify()).isTrue();
    }
}
