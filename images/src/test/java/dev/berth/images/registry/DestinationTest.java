package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Uploads to registries that make it hard. */
class DestinationTest {
    private final Faults faults = new Faults();
    private final byte[] bytes = noise();
    private final Descriptor blob = Descriptor.of("application/octet-stream", Digest.of(bytes), bytes.length);
    private final List<Long> told = new CopyOnWriteArrayList<>();
    private final RegistryClient client;

    DestinationTest() {
        var limit = Duration.ofMinutes(2);
        var patience = new Patience(limit, limit, limit, 4, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        client = new RegistryClient(RegistrySettings.DEFAULT.with(patience), Ticker.system());
    }

    @AfterEach
    void close() {
        client.close();
    }

    private static byte[] noise() {
        byte[] bytes = new byte[20 << 20];
        new Random(42).nextBytes(bytes);
        return bytes;
    }

    private Destination destination(String authority, Credentials credentials) {
        return client.destination(Reference.parse(authority + "/team/app:v1"), credentials);
    }

    private Destination.Outcome push(String authority, Credentials credentials) {
        return destination(authority, credentials)
                .blob(
                        blob,
                        from -> new ByteArrayInputStream(bytes, (int) from, bytes.length - (int) from),
                        List.of(),
                        told::add);
    }

    @Test
    void inOnePiece() throws IOException {
        try (var server = UploadServer.start(Integer.MAX_VALUE, faults)) {
            assertThat(push(server.authority(), Credentials.ANONYMOUS)).isEqualTo(Destination.Outcome.SENT);
            assertThat(server.taken(blob.digest())).isEqualTo(bytes);
            assertThat(faults.count("PATCH")).isZero();
            assertThat(told).last().isEqualTo((long) bytes.length);
        }
    }

    @Test
    void inPiecesWhereOneIsTooLarge() throws IOException {
        try (var server = UploadServer.start(1 << 20, faults)) {
            assertThat(push(server.authority(), Credentials.ANONYMOUS)).isEqualTo(Destination.Outcome.SENT);
            assertThat(server.taken(blob.digest())).isEqualTo(bytes);
            assertThat(faults.count("PATCH")).isEqualTo(3);
        }
    }

    @Test
    void goesOnWithAPieceThatBroke() throws IOException {
        try (var server = UploadServer.start(1 << 20, faults)) {
            int[] patches = {0};
            faults.always(it -> it.getRequestMethod().equals("PATCH") && ++patches[0] == 2, server.breaks(1_000_000));
            assertThat(push(server.authority(), Credentials.ANONYMOUS)).isEqualTo(Destination.Outcome.SENT);
            assertThat(server.taken(blob.digest())).isEqualTo(bytes);
            assertThat(faults.count("GET /session")).isEqualTo(1);
            assertThat(faults.count("PATCH /session?state=asked")).isEqualTo(1);
        }
    }

    @Test
    void asksForTheRightToPush() throws IOException {
        try (var server = UploadServer.start(Integer.MAX_VALUE, faults)) {
            faults.always(
                    "/token",
                    Faults.reply(200, "application/json", "{\"token\":\"t\"}".getBytes(StandardCharsets.UTF_8)));
            faults.always(
                    it -> !"Bearer t".equals(it.getRequestHeaders().getFirst("Authorization")),
                    Faults.status(401, "WWW-Authenticate", "Bearer realm=\"http://" + server.authority() + "/token\""));
            push(server.authority(), Credentials.of("", new Credentials.Login.Password("me", "secret")));
            assertThat(faults.seen())
                    .filteredOn(it -> it.contains("/token"))
                    .singleElement()
                    .asString()
                    .contains("scope=repository%3Ateam%2Fapp%3Apull%2Cpush")
                    .contains("Authorization=Basic bWU6c2VjcmV0");
            assertThat(server.taken(blob.digest())).isEqualTo(bytes);
        }
    }

    @Test
    void showsNoLoginWhereTheUploadGoesElsewhere() throws IOException {
        var elsewhere = new Faults().always("/there", whole(Faults.status(201)));
        try (var registry = ServedRegistry.start(faults);
                var other = ServedRegistry.start(elsewhere)) {
            faults.always(
                    it -> it.getRequestHeaders().getFirst("Authorization") == null,
                    Faults.status(401, "WWW-Authenticate", "Basic realm=\"x\""));
            faults.always(
                    "/blobs/uploads/", Faults.status(202, "Location", "http://" + other.authority() + "/there?x=1"));
            push(registry.authority(), Credentials.of("", new Credentials.Login.Password("me", "secret")));
            assertThat(elsewhere.seen())
                    .singleElement()
                    .asString()
                    .startsWith("PUT /there?x=1&digest=sha256:")
                    .doesNotContain("Authorization");
        }
    }

    @Test
    void showsNoLoginWhereTheUploadIsLedBackFrom() throws IOException {
        var elsewhere = new Faults();
        try (var registry = ServedRegistry.start(faults);
                var other = ServedRegistry.start(elsewhere)) {
            elsewhere.always(
                    "/there", whole(Faults.status(307, "Location", "http://" + registry.authority() + "/back")));
            faults.always(
                    it -> it.getRequestHeaders().getFirst("Authorization") == null,
                    whole(Faults.status(401, "WWW-Authenticate", "Basic realm=\"x\"")));
            faults.always(
                    "/blobs/uploads/", Faults.status(202, "Location", "http://" + other.authority() + "/there?x=1"));
            var login = Credentials.of("", new Credentials.Login.Password("me", "secret"));
            assertThatThrownBy(() -> push(registry.authority(), login))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAUTHENTICATED));
            assertThat(elsewhere.seen()).isNotEmpty().noneMatch(it -> it.contains("Authorization"));
        }
    }

    /** After all of the request: who goes on sending may not see the answer. */
    private static Faults.Misdeed whole(Faults.Misdeed answer) {
        return exchange -> {
            exchange.getRequestBody().readAllBytes();
            answer.answer(exchange);
        };
    }

    @Test
    void beginsAnewWhereTheRegistryHasLostASession() throws IOException {
        try (var server = UploadServer.start(1 << 20, faults)) {
            int[] patches = {0};
            faults.always(it -> it.getRequestMethod().equals("PATCH") && ++patches[0] == 2, server.breaks(1_000_000));
            faults.always(it -> it.getRequestMethod().equals("GET"), Faults.status(404));
            assertThat(push(server.authority(), Credentials.ANONYMOUS)).isEqualTo(Destination.Outcome.SENT);
            assertThat(server.taken(blob.digest())).isEqualTo(bytes);
            assertThat(faults.count("POST")).isEqualTo(3);
        }
    }

    @Test
    void givesUpWhereItComesNoFarther() throws IOException {
        try (var server = UploadServer.start(1 << 20, faults)) {
            int[] patches = {0};
            faults.always(it -> it.getRequestMethod().equals("PATCH"), exchange -> {
                exchange.getRequestBody().readAllBytes();
                boolean broken = ++patches[0] % 2 == 0;
                Faults.status(patches[0] > 100 ? 403 : broken ? 503 : 202).answer(exchange);
            });
            faults.always(it -> it.getRequestMethod().equals("GET"), Faults.status(204, "Range", "0-0"));
            assertThatThrownBy(() -> push(server.authority(), Credentials.ANONYMOUS))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE));
            assertThat(patches[0]).isLessThan(40);
        }
    }

    @Test
    void usesTheSessionThatARefusedMountBegins() throws IOException {
        try (var server = UploadServer.start(Integer.MAX_VALUE, faults)) {
            var outcome = destination(server.authority(), Credentials.ANONYMOUS)
                    .blob(
                            blob,
                            from -> new ByteArrayInputStream(bytes, (int) from, bytes.length - (int) from),
                            List.of("team/base"),
                            told::add);
            assertThat(outcome).isEqualTo(Destination.Outcome.SENT);
            assertThat(server.taken(blob.digest())).isEqualTo(bytes);
            assertThat(faults.count("POST")).isEqualTo(1);
        }
    }

    @Test
    void letsSessionsGoThatItDoesNotNeed() throws IOException {
        try (var server = UploadServer.start(Integer.MAX_VALUE, faults)) {
            var outcome = destination(server.authority(), Credentials.ANONYMOUS)
                    .blob(
                            blob,
                            from -> new ByteArrayInputStream(bytes, (int) from, bytes.length - (int) from),
                            List.of("team/base", "team/other"),
                            told::add);
            assertThat(outcome).isEqualTo(Destination.Outcome.SENT);
            assertThat(faults.count("POST")).isEqualTo(2);
            assertThat(faults.count("DELETE")).isEqualTo(1);
        }
    }

    @Test
    void saysWhatTheRegistryHasAgainstIt() throws IOException {
        try (var registry = ServedRegistry.start(faults)) {
            String why = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"quota exceeded\"}]}";
            faults.always(
                    it -> !it.getRequestMethod().equals("HEAD"),
                    Faults.reply(403, "application/json", why.getBytes(StandardCharsets.UTF_8)));
            assertThatThrownBy(() -> push(registry.authority(), Credentials.ANONYMOUS))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.PERMISSION_DENIED))
                    .hasMessageContaining("quota exceeded");
        }
    }

    private static void refused(Fault.Code code, String why, ThrowingCallable pushes) {
        assertThatThrownBy(pushes)
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.code()).as(fault.getMessage()).isEqualTo(code))
                .hasMessageContaining(why);
    }

    @Test
    void whoKeepsSomethingElseIsNotBelieved() throws IOException {
        String other = Digest.of(new byte[0]).toString();
        try (var server = UploadServer.start(Integer.MAX_VALUE, faults)) {
            faults.always(
                    it -> it.getRequestMethod().equals("PUT"),
                    whole(Faults.status(201, "Docker-Content-Digest", other)));
            refused(Fault.Code.FAILED_PRECONDITION, other, () -> push(server.authority(), Credentials.ANONYMOUS));
            assertThat(faults.count("PUT")).isEqualTo(1);
            Descriptor manifest = Descriptor.of(MediaTypes.OCI_MANIFEST, blob.digest(), blob.size());
            Destination there = destination(server.authority(), Credentials.ANONYMOUS);
            refused(Fault.Code.FAILED_PRECONDITION, other, () -> there.manifest(manifest, bytes, "v1"));
        }
    }

    @Test
    void beginsAnewWhereOneThatAnswersInItsPlaceDoesNotKnowTheSession() throws IOException {
        byte[] few = "few".getBytes(StandardCharsets.UTF_8);
        Descriptor small = Descriptor.of("application/octet-stream", Digest.of(few), few.length);
        try (var server = UploadServer.start(Integer.MAX_VALUE, faults)) {
            faults.next(1, "/session", whole(Faults.status(404)));
            var outcome = destination(server.authority(), Credentials.ANONYMOUS)
                    .blob(small, from -> new ByteArrayInputStream(few), List.of(), told::add);
            assertThat(outcome).isEqualTo(Destination.Outcome.SENT);
            assertThat(server.taken(small.digest())).isEqualTo(few);
        }
    }

    @Test
    void anUploadWithoutAnAddress() throws IOException {
        try (var server = UploadServer.start(Integer.MAX_VALUE, faults)) {
            faults.always(it -> it.getRequestMethod().equals("POST"), whole(Faults.status(202)));
            refused(
                    Fault.Code.UNAVAILABLE,
                    "gave no address for the upload",
                    () -> push(server.authority(), Credentials.ANONYMOUS));
        }
    }
}
