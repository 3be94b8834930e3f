package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.ImageBuilder.Built;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.RemoveImageRequest;
import io.grpc.Status;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** Images that are not what they should be, and registries that are none. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class RegistryFaultsTest {
    private Berth berth;
    private GrpcPods pods;
    private AtRest rest;
    private HttpServer strange;
    private ExecutorService threads;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        threads = Executors.newVirtualThreadPerTaskExecutor();
        strange = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        strange.createContext("/", this::strangely);
        strange.setExecutor(threads);
        strange.start();
        berth = Berth.start();
        berth.trust(strangeAuthority());
        pods = new GrpcPods(berth);
        rest = AtRest.settled(berth);
    }

    @AfterEach
    void nothingIsHeld() throws InterruptedException {
        rest.isSame(berth);
    }

    @AfterAll
    void stop() throws IOException {
        strange.stop(0);
        threads.shutdownNow();
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }

    private String strangeAuthority() {
        return "127.0.0.1:" + strange.getAddress().getPort();
    }

    /** The first part of the repository's name says what is wrong. */
    private void strangely(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        if (path.contains("/hang/")) {
            return; // and never an answer
        }
        int status = path.contains("/login/") ? 401 : path.contains("/broken/") ? 500 : 200;
        byte[] page = "<html><body>Welcome to the hotel's network</body></html>".getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/html");
        boolean head = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, head ? -1 : page.length);
        if (!head) {
            exchange.getResponseBody().write(page);
        }
        exchange.close();
    }

    private void refused(Status.Code code, String image, String... words) {
        GrpcPods.refused(code, () -> pods.pull(image), words);
    }

    @Test
    void aRegistryThatIsNone() {
        String authority = strangeAuthority();
        refused(
                Status.Code.NOT_FOUND,
                authority + "/html/page:1",
                authority + "/html/page:1",
                "web page",
                "Check that");
        refused(Status.Code.UNAUTHENTICATED, authority + "/login/page:1", authority, "give credentials");
        refused(Status.Code.UNAVAILABLE, authority + "/broken/page:1", authority, "status 500", "Try again later");
        refused(
                Status.Code.UNAVAILABLE,
                "127.0.0.1:1/nobody/there:1",
                "no connection to 127.0.0.1:1: connection refused",
                "Check that the registry runs");
    }

    @Test
    void aRegistryThatHangs() {
        PullImageRequest request = PullImageRequest.newBuilder()
                .setImage(ImageSpec.newBuilder().setImage(strangeAuthority() + "/hang/page:1"))
                .build();
        GrpcPods.refused(
                Status.Code.DEADLINE_EXCEEDED,
                () -> pods.images().withDeadlineAfter(2, TimeUnit.SECONDS).pullImage(request));
        String good = berth.image("busybox"); // nobody else has to wait
        pods.pull(good);
        remove(good);
    }

    private void remove(String image) {
        var _ = pods.images()
                .removeImage(RemoveImageRequest.newBuilder()
                        .setImage(ImageSpec.newBuilder().setImage(image))
                        .build());
    }

    /** An image in which the bytes of one blob are others than its digest says. */
    private static Built with(Built image, Digest digest, UnaryOperator<byte[]> change) {
        Map<Digest, byte[]> blobs = new LinkedHashMap<>(image.blobs());
        assertThat(blobs.computeIfPresent(digest, (_, bytes) -> change.apply(bytes.clone())))
                .isNotNull();
        return new Built(image.target(), image.manifest(), image.id(), blobs);
    }

    private static byte[] bent(byte[] bytes) {
        bytes[bytes.length / 2] ^= 1;
        return bytes;
    }

    private String serve(String name, Built image) {
        berth.registry().add(name, "latest", image);
        return berth.image(name);
    }

    /** An image that shares no blob with another one. */
    private static ImageBuilder own(String name) {
        return new ImageBuilder()
                .layer(new LayerBuilder().file(name, 0644, name.repeat(1000)).gzip())
                .env("NAME=" + name);
    }

    private static Digest layer(Built image) {
        return image.blobs().keySet().iterator().next();
    }

    @Test
    void bytesThatDoNotHaveTheirDigest() {
        Built bentLayer = own("bent-layer").build();
        refused(
                Status.Code.FAILED_PRECONDITION,
                serve("bent-layer", with(bentLayer, layer(bentLayer), RegistryFaultsTest::bent)),
                layer(bentLayer).toString());
        Built bentConfig = own("bent-config").build();
        refused(
                Status.Code.FAILED_PRECONDITION,
                serve("bent-config", with(bentConfig, bentConfig.id(), RegistryFaultsTest::bent)),
                bentConfig.id().toString());
        Built bentManifest = own("bent-manifest").build();
        refused(
                Status.Code.FAILED_PRECONDITION,
                serve(
                        "bent-manifest",
                        with(bentManifest, bentManifest.manifest().digest(), RegistryFaultsTest::bent)),
                bentManifest.manifest().digest().toString());
        Built shortLayer = own("short-layer").build();
        refused(
                Status.Code.FAILED_PRECONDITION,
                serve("short-layer", with(shortLayer, layer(shortLayer), it -> Arrays.copyOf(it, it.length / 2))),
                layer(shortLayer).toString());
        String whole = serve("bent-layer", bentLayer); // the registry is mended
        pods.pull(whole);
        remove(whole);
    }

    /** Right digest, wrong content: the archive ends too early. */
    @Test
    void aLayerThatIsCutOff() {
        byte[] packed =
                new LayerBuilder().file("cut", 0644, "x".repeat(100_000)).gzip().bytes();
        var cut = new LayerBuilder()
                .file("cut", 0644, "x".repeat(100_000))
                .packed("application/vnd.oci.image.layer.v1.tar+gzip", Arrays.copyOf(packed, packed.length - 20));
        refused(
                Status.Code.INVALID_ARGUMENT,
                serve("cut", new ImageBuilder().layer(cut).build()),
                "pull " + berth.image("cut") + ": layer " + cut.descriptor().digest() + ": ");
    }

    @Test
    void aLayerThatTriesToLeaveItsRoot() {
        Path outside = berth.folder().resolve("outside");
        String up = "../".repeat(12);
        Map<String, LayerBuilder> layers = Map.of(
                "dots", new LayerBuilder().file(up + outside.toString().substring(1), 0644, "out"),
                "link",
                        new LayerBuilder()
                                .symbolicLink("door", berth.folder().toString())
                                .file("door/outside", 0644, "out"),
                "updoor",
                        new LayerBuilder()
                                .symbolicLink(
                                        "door", up + berth.folder().toString().substring(1))
                                .file("door/outside", 0644, "out"),
                "hard",
                        new LayerBuilder()
                                .hardLink(
                                        "stolen", up + berth.config().toString().substring(1)));
        layers.forEach((name, layer) -> {
            LayerBuilder.Layer packed = layer.gzip();
            String image =
                    serve("leave-" + name, new ImageBuilder().layer(packed).build());
            try {
                pods.pull(image);
                remove(image); // it was kept inside
            } catch (io.grpc.StatusRuntimeException e) {
                assertThat(e.getStatus().getCode()).as(name + ": " + e).isEqualTo(Status.Code.INVALID_ARGUMENT);
                assertThat(e.getStatus().getDescription())
                        .startsWith("pull " + image + ": layer "
                                + packed.descriptor().digest() + ": unpack: its entry ")
                        .contains("hostile");
            }
            assertThat(outside).as(name).doesNotExist();
        });
    }

    /** What no archive may say, each told with the layer, the entry and what to do; and nothing of it stays. */
    @Test
    void layersThatCannotBe() {
        String enough = "9223372036854775807"; // 8 EiB
        byte[] nul = record("path=a\0b");
        byte[] holes = (new String(record("GNU.sparse.major=1"), StandardCharsets.UTF_8)
                        + new String(record("GNU.sparse.minor=0"), StandardCharsets.UTF_8)
                        + new String(record("GNU.sparse.name=holes"), StandardCharsets.UTF_8)
                        + new String(record("GNU.sparse.realsize=" + enough), StandardCharsets.UTF_8))
                .getBytes(StandardCharsets.UTF_8);
        byte[] deep = ("d/".repeat(10_000) + "f\0").getBytes(StandardCharsets.UTF_8);
        Status.Code invalid = Status.Code.INVALID_ARGUMENT;
        refusedLayer("nowhere", new LayerBuilder().hardLink("a", "b"), invalid, "which is not there");
        refusedLayer("above", new LayerBuilder().directory("a", 0755).file("a/.wh...", 0, ""), invalid, "would delete");
        refusedLayer("deep", new LayerBuilder().entry("long", 'L', 0, "", deep).file("x", 0644, "x"), invalid, "deep");
        refusedLayer(
                "zeros", new LayerBuilder().entry("pax", 'x', 0, "", nul).file("x", 0644, "x"), invalid, "zero byte");
        refusedLayer(
                "holes",
                new LayerBuilder().entry("pax", 'x', 0, "", holes).file("x", 0644, "0\n" + "\0".repeat(510)),
                Status.Code.RESOURCE_EXHAUSTED,
                enough);
        var whole = new LayerBuilder().file("x", 0644, "x");
        byte[] packed = whole.gzip().bytes();
        LayerBuilder.Layer trailing =
                whole.packed(MediaTypes.OCI_LAYER_GZIP, Arrays.copyOf(packed, packed.length + 100));
        refusedLayer("trailing", trailing, invalid, "");
    }

    private static byte[] record(String keyAndValue) {
        int length = keyAndValue.length() + 4; // of records between 10 and 99 bytes
        return (length + " " + keyAndValue + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private void refusedLayer(String name, LayerBuilder layer, Status.Code code, String why) {
        refusedLayer(name, layer.gzip(), code, why);
    }

    private void refusedLayer(String name, LayerBuilder.Layer layer, Status.Code code, String why) {
        String image = serve(
                "cannot-" + name,
                new ImageBuilder()
                        .layer(new LayerBuilder().file("below", 0644, name).gzip())
                        .layer(layer)
                        .build());
        refused(
                code,
                image,
                "pull " + image + ": layer " + layer.descriptor().digest() + ": ",
                why,
                code == Status.Code.INVALID_ARGUMENT && !why.isEmpty() ? "have it built again" : ". ");
    }

    /** Debian's registry, whose disk lost bytes. */
    @Test
    void aRealRegistryWithABadDisk() throws IOException, InterruptedException {
        Path program = Path.of("/usr/bin/docker-registry");
        org.junit.jupiter.api.Assumptions.assumeTrue(
                Files.isExecutable(program) && Files.isExecutable(Path.of("/usr/bin/skopeo")),
                "docker-registry or skopeo is not installed");
        int port;
        try (var free = new java.net.ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        Path disk = berth.folder().resolve("registry");
        Path config = Files.writeString(berth.folder().resolve("registry.yml"), """
                version: 0.1
                storage: {filesystem: {rootdirectory: %s}}
                http: {addr: "127.0.0.1:%d"}
                """.formatted(disk, port));
        Process registry = new ProcessBuilder(program.toString(), "serve", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(berth.folder().resolve("registry.log").toFile())
                .start();
        try {
            String image = "127.0.0.1:" + port + "/busybox:latest";
            berth.trust("127.0.0.1:" + port);
            Built built = Busybox.image().env("FROM=docker-registry").build();
            List<String> copy = List.of(
                    "skopeo",
                    "copy",
                    "--all",
                    "--src-tls-verify=false",
                    "--dest-tls-verify=false",
                    "docker://" + serve("real", built),
                    "docker://" + image);
            Berth.until(
                    "the image is pushed", Berth.LIMIT, () -> Berth.run(copy).exit() == 0);
            pods.pull(image);
            remove(image);
            String hex = layer(built).hex();
            Path blob = disk.resolve("docker/registry/v2/blobs/sha256/" + hex.substring(0, 2) + "/" + hex + "/data");
            byte[] good = Files.readAllBytes(blob);
            Files.write(blob, bent(good.clone()));
            refused(Status.Code.FAILED_PRECONDITION, image, hex);
            Files.write(blob, good);
            pods.pull(image);
            remove(image);
        } finally {
            registry.destroyForcibly().waitFor();
        }
    }
}
