package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How bodies come: in pieces, slowly, over several connections. */
class BodiesTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final Pattern RANGE = Pattern.compile("bytes=([0-9]+)-([0-9]*)");
    /** Several connections at once, whatever the first one brings. */
    private static final Connections MANY = new Connections(16, 4, 40_000, Long.MAX_VALUE, Duration.ZERO);

    private final Faults faults = new Faults();
    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("noise", 0644, Received.noise(700_000)).plain();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();
    private final ServedRegistry registry;
    private final SleepNoted clock = new SleepNoted();
    private final AtomicInteger now = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();

    @TempDir
    private Path root = Path.of("");

    BodiesTest() throws IOException {
        registry = ServedRegistry.start(faults).add("app", "1", image);
    }

    @AfterEach
    void stop() {
        registry.close();
    }

    private RegistryClient client(Duration limit, Connections connections) {
        var patience = new Patience(limit, limit, limit, 3, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        RegistrySettings settings =
                RegistrySettings.DEFAULT.with(patience).with(connections).withHosts(List.of(root));
        return new RegistryClient(settings, clock);
    }

    private byte[] read(RegistryClient client) {
        var name = Reference.parse(registry.authority() + "/app:1");
        return Received.all(client.repository(name, Credentials.ANONYMOUS).blob(layer.descriptor(), 0));
    }

    /** What is asked for, as far as it goes: the first byte, and that after the last. */
    private int[] asked(HttpExchange exchange) {
        Matcher range =
                RANGE.matcher(String.valueOf(exchange.getRequestHeaders().getFirst("Range")));
        int size = layer.bytes().length;
        if (!range.matches()) {
            return new int[] {0, size};
        }
        int end = range.group(2).isEmpty() ? size : Integer.parseInt(range.group(2)) + 1;
        return new int[] {Integer.parseInt(range.group(1)), end};
    }

    private boolean isOfAPiece(HttpExchange exchange) {
        return exchange.getRequestURI().getPath().contains("/blobs/")
                && String.valueOf(exchange.getRequestHeaders().getFirst("Range"))
                        .matches("bytes=[0-9]+-[0-9]+");
    }

    private void partHead(HttpExchange exchange, int from, int end) throws IOException {
        exchange.getResponseHeaders()
                .set("Content-Range", "bytes " + from + "-" + (end - 1) + "/" + layer.bytes().length);
        exchange.sendResponseHeaders(206, end - from);
    }

    /** As slow as a long way: a little at a time, with pauses. */
    private void slowly(HttpExchange exchange, int from, int end) throws IOException {
        most.accumulateAndGet(now.incrementAndGet(), Math::max);
        try {
            for (int at = from; at < end; at += 8192) {
                exchange.getResponseBody().write(layer.bytes(), at, Math.min(8192, end - at));
                exchange.getResponseBody().flush();
                pause(5);
            }
        } finally {
            now.decrementAndGet();
        }
    }

    private static void pause(long millis) {
        try {
            Ticker.system().sleep(Duration.ofMillis(millis));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void serveSlowlyInRanges() {
        faults.always("/blobs/", exchange -> {
            int[] part = asked(exchange);
            if (exchange.getRequestHeaders().containsKey("Range")) {
                partHead(exchange, part[0], part[1]);
            } else {
                exchange.sendResponseHeaders(200, layer.bytes().length);
            }
            slowly(exchange, part[0], part[1]);
        });
    }

    @Test
    void lessThanAskedForIsNoFailure() {
        faults.always("/blobs/", exchange -> {
            int from = asked(exchange)[0];
            int end = Math.min(from + 200_000, layer.bytes().length); // more than what a minute must bring
            partHead(exchange, from, end);
            exchange.getResponseBody().write(layer.bytes(), from, end - from);
        });
        try (var client = client(LIMIT, Connections.DEFAULT)) {
            assertThat(read(client)).isEqualTo(layer.bytes());
        }
        assertThat(clock.slept()).isEmpty();
        assertThat(faults.count("/blobs/")).isEqualTo(4);
    }

    @Test
    void crumbsAre() {
        faults.always("/blobs/", exchange -> {
            int from = asked(exchange)[0];
            partHead(exchange, from, from + 1);
            exchange.getResponseBody().write(layer.bytes(), from, 1);
        });
        try (var client = client(LIMIT, Connections.DEFAULT)) {
            assertThatThrownBy(() -> read(client)).hasMessageContaining("ended after 3 of");
        }
    }

    @Test
    void otherRangesThanAskedFor() {
        var range = new AtomicReference<>("");
        faults.always("/blobs/", exchange -> {
            exchange.getResponseHeaders().set("Content-Range", range.get());
            exchange.sendResponseHeaders(206, 5);
            exchange.getResponseBody().write(new byte[5]);
        });
        try (var client = client(LIMIT, Connections.DEFAULT)) {
            for (String wrong :
                    List.of("bytes 5-9/" + layer.bytes().length, "bytes 0-4/3", "bytes 9-4/*", "pages 1-2/3")) {
                range.set(wrong);
                assertThatThrownBy(() -> read(client)).as(wrong).isInstanceOf(Fault.class);
            }
        }
    }

    @Test
    void whoDripsIsGivenUp() {
        faults.always("/blobs/", this::drip);
        faults.always("/manifests/", this::drip);
        try (var client = client(Duration.ofMillis(400), Connections.DEFAULT)) {
            assertThatThrownBy(() -> read(client))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE));
            var name = Reference.parse(registry.authority() + "/app:1");
            assertThatThrownBy(
                            () -> client.repository(name, Credentials.ANONYMOUS).manifest())
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE));
        }
        assertThat(faults.count("/blobs/")).isEqualTo(3);
        assertThat(faults.count("/manifests/")).isEqualTo(3);
    }

    private void drip(HttpExchange exchange) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", MediaTypes.OCI_MANIFEST);
        exchange.sendResponseHeaders(200, 0);
        while (true) {
            exchange.getResponseBody().write(' '); // ends when the client goes
            exchange.getResponseBody().flush();
            pause(20);
        }
    }

    @Test
    void aMirrorThatDripsIsPassedOver() throws IOException {
        faults.always("/blobs/", this::drip);
        try (var origin = ServedRegistry.start().add("app", "1", image);
                var client = client(Duration.ofSeconds(2), Connections.DEFAULT)) {
            Path hosts = Files.createDirectories(root.resolve("reg.example")).resolve("hosts.toml");
            Files.writeString(
                    hosts,
                    "server = \"http://" + origin.authority() + "\"\n[host.\"http://" + registry.authority() + "\"]\n");
            var repository = client.repository(Reference.parse("reg.example/app:1"), Credentials.ANONYMOUS);
            // What the mirror dripped is wrong, but whoever reads hashes; here it is the length that counts.
            assertThat(Received.all(repository.blob(layer.descriptor(), 0))).hasSameSizeAs(layer.bytes());
        }
        assertThat(faults.count("/blobs/")).isEqualTo(1);
    }

    @Test
    void whatIsPushedMayBeAnsweredLate() {
        var answer = Duration.ofMillis(500);
        faults.always(exchange -> exchange.getRequestMethod().equals("POST"), Faults.status(202, "Location", "/u/1"));
        faults.always(exchange -> exchange.getRequestMethod().equals("PUT"), exchange -> {
            exchange.getRequestBody().readAllBytes();
            pause(2500); // hashed, and moved to where it stays
            exchange.sendResponseHeaders(201, -1);
        });
        faults.always(exchange -> exchange.getRequestMethod().equals("HEAD"), Faults.status(404));
        var patience = new Patience(answer, answer, LIMIT, 1, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        try (var client = new RegistryClient(RegistrySettings.DEFAULT.with(patience), Ticker.system())) {
            var name = Reference.parse(registry.authority() + "/app:1");
            var outcome = client.destination(name, Credentials.ANONYMOUS)
                    .blob(
                            layer.descriptor(),
                            from -> new ByteArrayInputStream(
                                    layer.bytes(), (int) from, layer.bytes().length - (int) from),
                            List.of(),
                            sent -> {});
            assertThat(outcome).isEqualTo(Destination.Outcome.SENT);
        }
    }

    @Test
    void theTimeOfSilenceIsNotThatOfAnAnswer() {
        assertThat(Patience.DEFAULT.withProgress(Duration.ofHours(10)).answer()).isEqualTo(Patience.DEFAULT.answer());
    }

    @Test
    void tellsOfAnEncodingThatNobodyAskedFor() {
        faults.always("/blobs/", exchange -> {
            exchange.getResponseHeaders().set("Content-Encoding", "gzip");
            exchange.sendResponseHeaders(200, 12);
            exchange.getResponseBody().write(new byte[12]);
        });
        try (var client = client(LIMIT, Connections.DEFAULT)) {
            assertThatThrownBy(() -> read(client))
                    .hasMessageContaining("has 12 bytes at the registry (sent with Content-Encoding gzip");
        }
    }

    @Test
    void aFastConnectionIsLeftAlone() {
        try (var client = client(LIMIT, Connections.DEFAULT)) {
            assertThat(read(client)).isEqualTo(layer.bytes());
        }
        assertThat(faults.count("/blobs/")).isEqualTo(1);
    }

    @Test
    void aSlowOneGetsCompany() {
        serveSlowlyInRanges();
        try (var client = client(LIMIT, MANY)) {
            assertThat(read(client)).isEqualTo(layer.bytes());
        }
        assertThat(most).hasValueGreaterThan(1);
        assertThat(faults.count("Range=bytes=")).isGreaterThan(4);
        assertThat(clock.slept()).isEmpty();
    }

    @Test
    void aHostWithoutRangesIsReadAsItGives() {
        faults.always("/blobs/", exchange -> {
            exchange.sendResponseHeaders(200, layer.bytes().length);
            slowly(exchange, 0, layer.bytes().length);
        });
        try (var client = client(LIMIT, MANY)) {
            assertThat(read(client)).isEqualTo(layer.bytes());
        }
        assertThat(faults.count("/blobs/")).isEqualTo(2); // one try
    }

    @Test
    void piecesThatBreakGoOnWhereTheyEnded() {
        AtomicInteger count = new AtomicInteger();
        faults.always(exchange -> isOfAPiece(exchange) && count.incrementAndGet() % 3 == 0, exchange -> {
            int[] part = asked(exchange);
            partHead(exchange, part[0], part[1]);
            slowly(exchange, part[0], part[0] + (part[1] - part[0]) / 2);
        });
        serveSlowlyInRanges();
        try (var client = client(LIMIT, MANY)) {
            assertThat(read(client)).isEqualTo(layer.bytes());
        }
        assertThat(count).hasValueGreaterThan(3);
        assertThat(clock.slept()).isNotEmpty();
    }

    @Test
    void piecesThatCannotBeHadAreReadInTheirTurn() {
        AtomicInteger count = new AtomicInteger();
        faults.always(exchange -> isOfAPiece(exchange) && count.incrementAndGet() > 3, Faults.status(500));
        serveSlowlyInRanges();
        try (var client = client(LIMIT, MANY)) {
            assertThat(read(client)).isEqualTo(layer.bytes());
        }
        assertThat(count).hasValueGreaterThan(3);
    }

    @Test
    void whatIsNotReadToItsEndLeavesNothing() {
        serveSlowlyInRanges();
        var one = new Connections(2, 4, 32 << 20, Long.MAX_VALUE, Duration.ZERO); // memory for one piece
        var small = new Connections(2, 4, 40_000, Long.MAX_VALUE, Duration.ZERO);
        for (Connections connections : List.of(one, small)) {
            try (var client = client(LIMIT, connections)) {
                var name = Reference.parse(registry.authority() + "/app:1");
                for (int i = 0; i < 20; i++) {
                    try (Blob blob =
                            client.repository(name, Credentials.ANONYMOUS).blob(layer.descriptor(), 0)) {
                        while (blob.position() < 20_000L * i) {
                            assertThat(blob.next()).isNotNull();
                        }
                    }
                }
                assertThat(read(client)).isEqualTo(layer.bytes());
            }
        }
    }

    @Test
    void readsRanges() {
        assertThat(ContentRange.parse("bytes 0-9/*")).contains(new ContentRange(0, 10, -1));
        assertThat(ContentRange.parse("Bytes  5-9/10")).contains(new ContentRange(5, 10, 10));
        for (String none :
                Arrays.asList("", "bytes */10", "bytes 1-/3", "bytes 0-9", "bytes 0-99999999999999999999/*")) {
            assertThat(ContentRange.parse(none)).as(none).isEmpty();
        }
    }
}
