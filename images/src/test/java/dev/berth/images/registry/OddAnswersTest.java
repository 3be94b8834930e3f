package dev.berth.images.registry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.oci.ImageTree;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.zip.GZIPOutputStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Answers that are unusual, or against the rules: what can be understood is, the rest is told. */
class OddAnswersTest {
    private static final URI HERE = URI.create("https://registry.example:5000/v2/team/app/manifests/v1?ns=x");

    private final Faults faults = new Faults();
    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("noise", 0644, Received.noise(300_000)).plain();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();
    private final byte[] manifest =
            Objects.requireNonNull(image.blobs().get(image.target().digest()));
    private final ServedRegistry registry;
    private final SleepNoted clock = new SleepNoted();
    private final RegistryClient client;

    OddAnswersTest() throws IOException {
        registry = ServedRegistry.start(faults).add("team/app", "v1", image);
        var limit = Duration.ofMinutes(2);
        var patience = new Patience(limit, limit, limit, 3, new Pauses(Duration.ofMillis(100), Duration.ofSeconds(20)));
        client = new RegistryClient(RegistrySettings.DEFAULT.with(patience), clock);
    }

    @AfterEach
    void stop() {
        client.close();
        registry.close();
    }

    private Repository repository() {
        return client.repository(Reference.parse(registry.authority() + "/team/app:v1"), Credentials.ANONYMOUS);
    }

    private byte[] readLayer() {
        return Received.all(repository().blob(layer.descriptor(), 0));
    }

    private static void refused(Fault.Code code, String why, ThrowingCallable asks) {
        assertThatThrownBy(asks)
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.code()).as(fault.getMessage()).isEqualTo(code))
                .hasMessageContaining(why);
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '\'',
            delimiter = ' ',
            value = {
                "?a=b https://registry.example:5000/v2/team/app/manifests/v1?a=b",
                "v2?a https://registry.example:5000/v2/team/app/manifests/v2?a",
                "/x https://registry.example:5000/x",
                "//other.example/x https://other.example/x",
                "http://[::1]:5000/x http://[::1]:5000/x",
                "http://other.example/?n=a%20b http://other.example/?n=a%20b",
                "'http://other.example/?n=a b|\"c\"[d]&bad=%zz' http://other.example/?n=a%20b%7C%22c%22%5Bd%5D&bad=%25zz",
                "http://other.example/\u00c3\u00bc http://other.example/%C3%BC"
            })
    void whereAnAddressLeads(String text, String to) {
        assertThat(Location.from(HERE, text)).hasToString(to);
    }

    @Test
    void aRedirectThatIsAQueryAlone() {
        faults.next(1, "/manifests/", Faults.status(302, "Location", "?from=elsewhere"));
        assertThat(repository().manifest().descriptor()).isEqualTo(image.target());
        assertThat(faults.seen()).last().asString().contains("/v2/team/app/manifests/v1?from=elsewhere");
    }

    @ParameterizedTest
    @ValueSource(ints = {206, 400, 416, 501})
    void whoCannotGiveTheRestIsAskedForTheWhole(int status) {
        faults.next(1, "/blobs/", Faults.truncated(layer.bytes(), 100_000));
        faults.always(
                it -> it.getRequestHeaders().containsKey("Range"),
                Faults.reply(status, "application/octet-stream", "something".getBytes(UTF_8)));
        assertThat(readLayer()).isEqualTo(layer.bytes());
        assertThat(faults.count("Range=")).isEqualTo(1);
    }

    @Test
    void bodiesThatDoNotSayHowLongTheyAre() {
        byte[] whole = layer.bytes();
        faults.next(1, "/blobs/", inChunks(whole));
        assertThat(readLayer()).isEqualTo(whole);
        faults.next(1, "/blobs/", inChunks(Arrays.copyOf(whole, whole.length + 1)));
        refused(Fault.Code.FAILED_PRECONDITION, "has more than " + whole.length + " bytes", this::readLayer);
        faults.always("/blobs/", inChunks(Arrays.copyOf(whole, 8000)));
        refused(Fault.Code.UNAVAILABLE, "ended after 8000 of " + whole.length, this::readLayer);
    }

    private static Faults.Misdeed inChunks(byte[] body) {
        return exchange -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(body);
        };
    }

    @Test
    void whatHasNoBodySaysNothingOfItsLength() {
        faults.always(it -> it.getRequestHeaders().containsKey("Content-length"), Faults.status(400));
        assertThat(repository().head()).contains(image.target());
        assertThat(repository().manifest().descriptor()).isEqualTo(image.target());
        assertThat(readLayer()).isEqualTo(layer.bytes());
    }

    @Test
    void aTypeInCapitals() {
        String type = image.target().mediaType();
        faults.always("/manifests/", Faults.reply(200, type.toUpperCase(Locale.ROOT) + "; charset=utf-8", manifest));
        assertThat(repository().manifest().descriptor()).isEqualTo(image.target());
        assertThat(MediaTypes.bare(" Text/HTML;x=y")).isEqualTo("text/html");
    }

    private static byte[] gzip(byte[] bytes) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(packed)) {
            gzip.write(bytes);
        }
        return packed.toByteArray();
    }

    private Faults.Misdeed encoded(String encoding, byte[] body) {
        return exchange -> {
            exchange.getResponseHeaders().set("Content-Encoding", encoding);
            Faults.reply(200, image.target().mediaType(), body).answer(exchange);
        };
    }

    @Test
    void aManifestThatIsPackedOnTheWay() throws IOException {
        faults.next(2, "/manifests/", encoded("gzip", gzip(manifest)));
        assertThat(repository().manifest().descriptor()).isEqualTo(image.target());
        assertThat(repository().head()).isEmpty(); // its length is not that of the manifest
        faults.next(1, "/manifests/", encoded("gzip", manifest)); // so it says, as some do of all that ends in .gz
        assertThat(repository().manifest().descriptor()).isEqualTo(image.target());
        faults.next(1, "/manifests/", encoded("br", gzip(manifest)));
        refused(
                Fault.Code.FAILED_PRECONDITION,
                "sent with Content-Encoding br",
                () -> repository().manifest());
        faults.next(1, "/manifests/", encoded("gzip", gzip(new byte[ImageTree.MAX_BYTES + 1])));
        refused(
                Fault.Code.FAILED_PRECONDITION,
                "more than the",
                () -> repository().manifest());
    }

    @Test
    void aPauseBeyondAllMeasure() {
        faults.next(1, "/manifests/", Faults.status(429, "Retry-After", "99999999999999999999"));
        repository().manifest();
        assertThat(clock.slept()).containsExactly(Duration.ofSeconds(20)); // the longest that we wait
    }
}
