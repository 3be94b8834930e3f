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
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The client against a registry that does as it should, and against one that does not. */
class RegistryTest {
    private final Faults faults = new Faults();
    private final SleepNoted clock = new SleepNoted();
    private final byte[] noise = Received.noise(300_000);
    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("noise", 0644, noise).plain();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();
    private final ServedRegistry registry;
    private RegistryClient client = client(Duration.ofMinutes(2), Duration.ofMinutes(2));

    RegistryTest() throws IOException {
        registry = ServedRegistry.start(faults).add("team/app", "v1", image);
    }

    @AfterEach
    void stop() {
        client.close();
        registry.close();
    }

    /** @param silence how long a host may say nothing */
    private RegistryClient client(Duration connect, Duration silence) {
        var patience =
                new Patience(connect, silence, silence, 4, new Pauses(Duration.ofMillis(100), Duration.ofSeconds(20)));
        return new RegistryClient(Optional.empty(), patience, clock);
    }

    /** For hosts that hang; those that answer must not be taken for one. */
    private void beImpatient(Duration silence) {
        client.close();
        client = client(Duration.ofSeconds(2), silence);
    }

    private Repository repository() {
        return repository("v1", Credentials.ANONYMOUS);
    }

    private Repository repository(String tag, Credentials credentials) {
        String separator = tag.startsWith("sha256:") ? "@" : ":";
        return client.repository(Reference.parse(registry.authority() + "/team/app" + separator + tag), credentials);
    }

    private static void refused(Fault.Code code, String why, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.code()).as(fault.getMessage()).isEqualTo(code))
                .hasMessageContaining(why);
    }

    @Test
    void resolvesAndFetches() {
        assertThat(repository().head()).contains(image.target());
        Document index = repository().manifest();
        assertThat(index.descriptor()).isEqualTo(image.target());
        Descriptor entry = ((Index) index.tree()).manifests().getFirst();
        assertThat(repository().manifest(entry).descriptor().digest())
                .isEqualTo(image.manifest().digest());
        assertThat(Received.all(repository().blob(layer.descriptor(), 0))).isEqualTo(layer.bytes());
        assertThat(repository(image.manifest().digest().toString(), Credentials.ANONYMOUS)
                        .manifest()
                        .descriptor()
                        .digest())
                .isEqualTo(image.manifest().digest());
        assertThat(clock.slept()).isEmpty();
    }

    @Test
    void readsFromAnOffset() {
        byte[] tail = Received.all(repository().blob(layer.descriptor(), 299_000));
        assertThat(tail).isEqualTo(Arrays.copyOfRange(layer.bytes(), 299_000, layer.bytes().length));
        assertThat(faults.count("Range=bytes=299000-")).isEqualTo(1);
    }

    @Test
    void resumesTruncatedBody() {
        faults.next(2, "/blobs/", Faults.truncated(layer.bytes(), 100_000));
        assertThat(Received.all(repository().blob(layer.descriptor(), 0))).isEqualTo(layer.bytes());
        assertThat(faults.count("Range=bytes=100000-")).isGreaterThanOrEqualTo(1);
    }

    @Test
    void resumesStalledBodyAtAHostWithoutRanges() {
        beImpatient(Duration.ofSeconds(4));
        faults.next(1, "/blobs/", Faults.hang(layer.bytes(), 50_000));
        faults.next(1, "/blobs/", Faults.reply(200, "application/octet-stream", layer.bytes()));
        assertThat(Received.all(repository().blob(layer.descriptor(), 0))).isEqualTo(layer.bytes());
        assertThat(faults.count("/blobs/")).isEqualTo(2);
    }

    @Test
    void givesUpOnAHostThatHangs() {
        beImpatient(Duration.ofMillis(300));
        faults.always("/manifests/", Faults.hang(new byte[0], 0));
        refused(
                Fault.Code.UNAVAILABLE,
                "did not answer within",
                () -> repository().manifest());
        assertThat(clock.slept()).hasSize(3);
    }

    @Test
    void givesUpOnABodyThatHangs() {
        beImpatient(Duration.ofSeconds(1)); // its head comes
        faults.always("/blobs/", Faults.hang(layer.bytes(), 0));
        refused(
                Fault.Code.UNAVAILABLE,
                "no byte came",
                () -> Received.all(repository().blob(layer.descriptor(), 0)));
        assertThat(clock.slept()).hasSize(3);
    }

    @Test
    void refusesWebPages() {
        faults.always("/v2/", Faults.html());
        assertThat(repository().head()).isEmpty();
        refused(Fault.Code.NOT_FOUND, "web page", () -> repository().manifest());
        assertThat(clock.slept()).isEmpty();
    }

    @Test
    void checksDigestAndLength() {
        String digest = image.manifest().digest().toString();
        faults.next(1, "/manifests/", Faults.reply(200, MediaTypes.OCI_MANIFEST, "{}".getBytes(UTF_8)));
        refused(
                Fault.Code.FAILED_PRECONDITION,
                "digest",
                () -> repository(digest, Credentials.ANONYMOUS).manifest());
        faults.next(1, "/manifests/", Faults.reply(200, MediaTypes.OCI_MANIFEST, new byte[5 << 20]));
        refused(Fault.Code.FAILED_PRECONDITION, "more than", () -> repository().manifest());
        faults.next(1, "/blobs/", Faults.reply(200, "x/y", new byte[12]));
        refused(
                Fault.Code.FAILED_PRECONDITION,
                "12 bytes",
                () -> Received.all(repository().blob(layer.descriptor(), 0)));
        faults.next(1, "/blobs/", exchange -> {
            exchange.sendResponseHeaders(200, 0); // chunked: no length announced
            exchange.getResponseBody().write(new byte[400_000]);
        });
        refused(
                Fault.Code.FAILED_PRECONDITION,
                "more than",
                () -> Received.all(repository().blob(layer.descriptor(), 0)));
    }

    @Test
    void refusesEndlessManifest() {
        faults.always("/manifests/", exchange -> {
            exchange.getResponseHeaders().set("Content-Type", MediaTypes.OCI_MANIFEST);
            exchange.sendResponseHeaders(200, 0);
            while (true) {
                exchange.getResponseBody().write(new byte[65536]); // ends with an IOException when the client goes
            }
        });
        refused(Fault.Code.FAILED_PRECONDITION, "more than", () -> repository().manifest());
    }

    @Test
    void tellsWhatIsMissing() {
        refused(
                Fault.Code.NOT_FOUND,
                "not served here",
                () -> repository("v9", Credentials.ANONYMOUS).manifest());
        refused(
                Fault.Code.NOT_FOUND,
                "no such image",
                () -> repository("v9", Credentials.ANONYMOUS).head());
    }

    @Test
    void waitsAsLongAsTheRegistryAsks() {
        faults.next(1, "/manifests/", Faults.status(429, "Retry-After", "7"));
        faults.next(1, "/manifests/", Faults.status(429, "Retry-After", "86400"));
        faults.next(1, "/manifests/", Faults.status(503));
        repository().manifest();
        assertThat(clock.slept()).hasSize(3).startsWith(Duration.ofSeconds(7), Duration.ofSeconds(20));
        faults.always("/manifests/", Faults.status(429));
        refused(Fault.Code.UNAVAILABLE, "too many requests", () -> repository().manifest());
    }

    @Test
    void asksAgainWhereAServerHasTroubleOfAnyKind() {
        for (int status : List.of(425, 520, 599)) {
            faults.next(1, "/manifests/", Faults.status(status));
            assertThat(repository().manifest().descriptor()).isEqualTo(image.target());
        }
        faults.next(1, "/manifests/", Faults.status(501));
        refused(
                Fault.Code.FAILED_PRECONDITION,
                "unexpected status 501",
                () -> repository().manifest());
        assertThat(clock.slept()).hasSize(3);
    }

    @Test
    void takesATokenAsAnybody() {
        guard("Bearer anonymous-7", "{\"token\":\"anonymous-7\",\"expires_in\":60}");
        Repository repository = repository();
        repository.manifest();
        Received.all(repository.blob(layer.descriptor(), 0));
        assertThat(faults.count("/token")).isEqualTo(1);
        assertThat(faults.seen())
                .anyMatch(it -> it.contains("scope=repository%3Ateam%2Fapp%3Apull") && it.contains("service=berth"));
    }

    @Test
    void givesCredentialsToTheTokenServerOnly() {
        guard("Bearer t2", "{\"access_token\":\"t2\"}");
        repository("v1", Credentials.of("", new Credentials.Login.Password("me", "secret")))
                .manifest();
        String basic = "Authorization=Basic bWU6c2VjcmV0";
        assertThat(faults.seen()).filteredOn(it -> it.contains(basic)).allMatch(it -> it.contains("/token"));
        assertThat(faults.count(basic)).isEqualTo(1);
    }

    @Test
    void refusesBadTokens() {
        guard("Bearer never", "<html>");
        refused(Fault.Code.UNAVAILABLE, "JSON", () -> repository().manifest());
    }

    @Test
    void saysThatALoginIsNeeded() {
        faults.always("/v2/", Faults.status(401, "WWW-Authenticate", "Basic realm=\"x\""));
        refused(Fault.Code.UNAUTHENTICATED, "login", () -> repository().manifest());
        faults.always("/v2/", Faults.status(401));
    }

    private void guard(String needed, String tokenAnswer) {
        faults.always("/token", Faults.reply(200, "application/json", tokenAnswer.getBytes(UTF_8)));
        String challenge = "Bearer realm=\"http://" + registry.authority()
                + "/token\",service=\"berth\",scope=\"repository:team/app:pull\"";
        faults.always(
                exchange -> !needed.equals(exchange.getRequestHeaders().getFirst("Authorization")),
                Faults.status(401, "WWW-Authenticate", challenge));
    }

    @Test
    void keepsCredentialsFromWhereARedirectLeads() throws IOException {
        var elsewhere = new Faults();
        try (var cdn = ServedRegistry.start(elsewhere).add("team/app", "v1", image)) {
            guard("Bearer t3", "{\"token\":\"t3\"}");
            faults.always("/blobs/", exchange -> {
                String path = exchange.getRequestURI().toString();
                Faults.status(307, "Location", "http://" + cdn.authority() + path)
                        .answer(exchange);
            });
            assertThat(Received.all(repository().blob(layer.descriptor(), 0))).isEqualTo(layer.bytes());
            assertThat(elsewhere.seen()).hasSize(1).noneMatch(it -> it.contains("Authorization"));
            assertThat(faults.count("Authorization=Bearer t3")).isEqualTo(1);
        }
    }

    @Test
    void followsNoCircleAndNoFile() {
        faults.next(20, "/manifests/", Faults.status(302, "Location", "/v2/team/app/manifests/v1"));
        refused(Fault.Code.UNAVAILABLE, "circle", () -> repository().manifest());
        faults.always("/blobs/", Faults.status(302, "Location", "file:///etc/passwd"));
        refused(
                Fault.Code.UNAVAILABLE,
                "not an address to follow",
                () -> Received.all(repository().blob(layer.descriptor(), 0)));
    }

    @Test
    void saysThatNobodyIsThere() {
        registry.close();
        refused(
                Fault.Code.UNAVAILABLE,
                "no connection to " + registry.authority() + ": connection refused. Check that the registry runs",
                () -> repository().manifest());
        assertThat(clock.slept()).hasSize(3);
    }

    @Test
    void saysThatANameIsNotKnown() {
        var nowhere = client.repository(Reference.parse("berth.invalid:5000/x"), Credentials.ANONYMOUS);
        refused(
                Fault.Code.UNAVAILABLE,
                "registry berth.invalid:5000: its name is not known. Check the name",
                nowhere::manifest);
    }

    @Test
    void parsesLongChallenges() {
        String realm = "\\a".repeat(8000);
        assertThat(Challenge.parse(List.of("Bearer realm=\"" + realm + "\""))
                        .getFirst()
                        .parameter("realm"))
                .isEqualTo("a".repeat(8000));
    }

    @Test
    void parsesChallenges() {
        assertThat(Challenge.parse(List.of("Basic, Bearer realm=\"a\\\"b\", service=x ,scope=\"p q,r\"", "Digest")))
                .extracting(Challenge::scheme)
                .containsExactly("basic", "bearer", "digest");
        assertThat(Challenge.parse(List.of("Bearer realm=\"a,b\" scope=\"c d\""))
                        .getFirst()
                        .parameters())
                .containsEntry("realm", "a,b")
                .containsEntry("scope", "c d");
        assertThat(Challenge.parse(
                                List.of("Negotiate YII/a+b==, NTLM abc=, Bearer realm=http://a.example/t,service = s"))
                        .getLast())
                .isEqualTo(new Challenge("bearer", Map.of("realm", "http://a.example/t", "service", "s")));
        assertThat(Challenge.parse(List.of("Bearer realm=\"without an end"))).hasSize(1);
    }
}
