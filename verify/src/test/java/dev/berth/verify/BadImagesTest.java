package dev.berth.verify;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.oci.MediaTypes;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.ListImagesRequest;
import dev.berth.wire.cri.RemoveImageRequest;
import io.grpc.Status;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** What strangers serve, as the kubelet and ctr meet it: how it is answered, and that nothing of it stays. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class BadImagesTest {
    /** Answers in the registry's place, by a part of the path. */
    private interface Misdeed {
        void answer(HttpExchange exchange) throws IOException;
    }

    private final Map<String, Misdeed> misdeeds = new ConcurrentHashMap<>();
    private Berth berth;
    private ServedRegistry registry;
    private GrpcPods pods;
    private AtRest rest;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
        registry = ServedRegistry.start(new Filter() {
            @Override
            public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
                String path = exchange.getRequestURI().getPath();
                var misdeed = misdeeds.entrySet().stream()
                        .filter(it -> path.contains(it.getKey()))
                        .findFirst();
                if (misdeed.isPresent()) {
                    try (exchange) {
                        misdeed.get().getValue().answer(exchange);
                    }
                } else {
                    chain.doFilter(exchange);
                }
            }

            @Override
            public String description() {
                return "misdeeds";
            }
        });
        berth.trust(registry.authority());
        pods = new GrpcPods(berth);
        rest = AtRest.settled(berth);
    }

    @AfterEach
    void nothingIsHeld() throws InterruptedException {
        pods.removeAll();
        misdeeds.clear();
        pods.images()
                .listImages(ListImagesRequest.getDefaultInstance())
                .getImagesList()
                .forEach(image -> remove(image.getId()));
        rest.isSame(berth);
        assertThat(new Ctr(berth.state().resolve("berth.sock"))
                        .run("-n", "k8s.io", "content", "active")
                        .text()
                        .lines())
                .as("the heading alone")
                .hasSize(1);
    }

    @AfterAll
    void stop() throws IOException {
        if (registry != null) {
            registry.close();
        }
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }

    private String name(String repository) {
        return registry.authority() + "/" + repository + ":1";
    }

    private void remove(String image) {
        var _ = pods.images()
                .removeImage(RemoveImageRequest.newBuilder()
                        .setImage(ImageSpec.newBuilder().setImage(image))
                        .build());
    }

    private void refused(Status.Code code, String repository, String... words) {
        String message = GrpcPods.refused(code, () -> pods.pull(name(repository)), words);
        assertThat(message).startsWith("pull " + name(repository) + ": ");
    }

    private String serve(String repository, ImageBuilder image) {
        registry.add(repository, "1", image.build());
        return name(repository);
    }

    private void serve(String repository, String type, String json) {
        registry.add(repository, "1", type, json.getBytes(UTF_8));
    }

    @Test
    void digestsThatAreNone() {
        for (String digest :
                List.of("\"digest\":\"md5:d41d8cd98f00b204e9800998ecf8427e\"", "\"digest\":\"sha256:12\"", "\"x\":1")) {
            serve(
                    "digests",
                    MediaTypes.OCI_INDEX,
                    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" + MediaTypes.OCI_MANIFEST + "\",\"size\":2,"
                            + digest + "}]}");
            refused(Status.Code.INVALID_ARGUMENT, "digests", "digest");
        }
    }

    @Test
    void aManifestAndAnIndexAtOnce() {
        serve("twice", MediaTypes.OCI_MANIFEST, "{\"schemaVersion\":2,\"config\":{},\"layers\":[],\"manifests\":[]}");
        refused(Status.Code.INVALID_ARGUMENT, "twice", "a manifest and an index at the same time", "Check what");
    }

    @Test
    void schemaOne() {
        serve("one", "application/vnd.docker.distribution.manifest.v1+prettyjws", "{\"schemaVersion\":1}");
        refused(Status.Code.UNIMPLEMENTED, "one", "Docker's schema 1", "Push the image again");
    }

    @Test
    void bodiesWithoutEnd() {
        misdeeds.put("/four/manifests/", exchange -> {
            exchange.getResponseHeaders().set("Content-Type", MediaTypes.OCI_MANIFEST);
            exchange.sendResponseHeaders(200, 4L << 30);
            exchange.getResponseBody().write(new byte[65536]);
        });
        refused(Status.Code.FAILED_PRECONDITION, "four", "4294967296 bytes, more than the 4194304 allowed");
        misdeeds.put("/endless/manifests/", exchange -> {
            exchange.getResponseHeaders().set("Content-Type", MediaTypes.OCI_MANIFEST);
            endless(exchange);
        });
        refused(Status.Code.FAILED_PRECONDITION, "endless", "more than the 4194304 allowed");
        var layer = new LayerBuilder().file("f", 0644, "endless").gzip();
        serve("long", new ImageBuilder().layer(layer));
        misdeeds.put("/blobs/" + layer.descriptor().digest(), BadImagesTest::endless);
        refused(
                Status.Code.FAILED_PRECONDITION,
                "long",
                "more than " + layer.descriptor().size());
    }

    private static void endless(HttpExchange exchange) throws IOException {
        exchange.sendResponseHeaders(200, 0);
        while (true) {
            exchange.getResponseBody().write(new byte[65536]); // ends when the client goes
        }
    }

    /** A megabyte that unpacks to more than one gibibyte; as many pieces one after the other, each of which is one. */
    @Test
    void aBomb() throws IOException {
        int piece = 64 << 20;
        byte[] zeros = gzip(new byte[piece]);
        var packed = new ByteArrayOutputStream();
        packed.write(gzip(header(20L * piece)));
        for (int i = 0; i < 20; i++) {
            packed.write(zeros);
        }
        var layer = new LayerBuilder().packed(MediaTypes.OCI_LAYER_GZIP, packed.toByteArray());
        serve("bomb", new ImageBuilder().layer(layer));
        refused(
                Status.Code.RESOURCE_EXHAUSTED,
                "bomb",
                "unpack to more than",
                layer.descriptor().digest().hex());
    }

    private static byte[] gzip(byte[] bytes) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (var out = new GZIPOutputStream(packed)) {
            out.write(bytes);
        }
        return packed.toByteArray();
    }

    /** Of a file in an archive. */
    private static byte[] header(long size) {
        byte[] header = new byte[512];
        put(header, 0, "zeros");
        put(header, 100, "0000644\0");
        put(header, 108, "0000000\0");
        put(header, 116, "0000000\0");
        put(header, 124, "%011o\0".formatted(size));
        put(header, 136, "00000000000\0");
        put(header, 148, "        ");
        put(header, 156, "0");
        put(header, 257, "ustar\0" + "00");
        int sum = 0;
        for (byte each : header) {
            sum += each & 0xff;
        }
        put(header, 148, "%06o\0 ".formatted(sum));
        return header;
    }

    private static void put(byte[] header, int at, String text) {
        byte[] bytes = text.getBytes(UTF_8);
        System.arraycopy(bytes, 0, header, at, bytes.length);
    }

    @Test
    void theLastOfSeveralEntriesOfOneNameCounts() {
        serve(
                "several",
                new ImageBuilder()
                        .layer(Busybox.layer().gzip())
                        .layer(new LayerBuilder()
                                .file("same", 0644, "first")
                                .directory("same", 0755)
                                .file("same/inside", 0644, "x")
                                .file("same", 0600, "last")
                                .gzip())
                        .cmd("sh"));
        assertThat(output("several", "cat", "/same")).isEqualTo("last");
    }

    /** What a command prints in a container of an image. */
    private String output(String repository, String... command) {
        pods.pull(name(repository));
        String pod = pods.run("bt-" + repository);
        String container = pods.create(
                pod,
                pods.container("c", "sleep", "1000")
                        .setImage(ImageSpec.newBuilder().setImage(name(repository)))
                        .build());
        pods.start(container);
        return pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of(command))
                        .build())
                .getStdout()
                .toStringUtf8();
    }

    @Test
    void aUserThatNoNumberCanBe() {
        String pod = pods.run("bt-users");
        for (String user : List.of("4294967296", "99999999999999999999:0", "-1", "0:4294967296", "nobody-here")) {
            String image = serve(
                    "users",
                    new ImageBuilder().layer(Busybox.layer().gzip()).user(user).cmd("sh"));
            pods.pull(image);
            String refusal = GrpcPods.refused(
                    Status.Code.INVALID_ARGUMENT,
                    () -> pods.create(
                            pod,
                            pods.container("c", "sleep", "1000")
                                    .setImage(ImageSpec.newBuilder().setImage(image))
                                    .build()));
            assertThat(refusal).as(user).contains(user.replaceFirst(":0$", "").replaceFirst("^0:", ""));
            remove(image);
        }
    }

    @Test
    void labelsThatAreForOthersToGive() {
        Map<String, String> labels = Map.of(
                "containerd.io/gc.root", "now",
                "containerd.io/gc.expire", "2000-01-01T00:00:00Z",
                "io.cri-containerd.pinned", "pinned",
                "io.cri-containerd.image", "nobody's",
                "containerd.io/restart.loguri", "binary:///bin/sh");
        serve(
                "labels",
                new ImageBuilder().layer(Busybox.layer().gzip()).labels(labels).cmd("sh"));
        assertThat(output("labels", "echo", "hello")).isEqualTo("hello\n");
        Ctr ctr = new Ctr(berth.state().resolve("berth.sock"));
        for (String records : List.of("images", "content", "containers")) {
            assertThat(ctr.run("-n", "k8s.io", records, "ls").text())
                    .doesNotContain("gc.expire", "nobody's", "loguri", "cri-containerd.pinned");
        }
        assertThat(pods.images()
                        .listImages(ListImagesRequest.getDefaultInstance())
                        .getImagesList())
                .allSatisfy(it -> assertThat(it.getPinned()).isFalse());
        String container = pods.runtime()
                .listContainers(dev.berth.wire.cri.ListContainersRequest.getDefaultInstance())
                .getContainers(0)
                .getId();
        assertThat(pods.runtime()
                        .containerStatus(ContainerStatusRequest.newBuilder()
                                .setContainerId(container)
                                .build())
                        .getStatus()
                        .getLabelsMap())
                .isEmpty();
    }

    @Test
    void anArchiveWithTwoManifestsOfOneName() throws IOException {
        String one = serve(
                "a",
                new ImageBuilder().layer(new LayerBuilder().file("a", 0644, "a").gzip()));
        String two = serve(
                "b",
                new ImageBuilder().layer(new LayerBuilder().file("b", 0644, "b").gzip()));
        Ctr ctr = new Ctr(berth.state().resolve("berth.sock"));
        Path layout = Files.createDirectories(berth.folder().resolve("layout"));
        Path archive = berth.folder().resolve("two.tar");
        pods.pull(one);
        pods.pull(two);
        ctr.run("-n", "k8s.io", "images", "export", archive.toString(), one, two)
                .text();
        remove(one);
        remove(two);
        unpack(archive, layout);
        Path index = layout.resolve("index.json");
        Files.writeString(index, Files.readString(index).replace(two, one).replace("/b:1", "/a:1"));
        Files.delete(layout.resolve("manifest.json"));
        Berth.run(List.of("tar", "-C", layout.toString(), "-cf", archive.toString(), "."))
                .text();
        Berth.Result refused = ctr.run("-n", "k8s.io", "images", "import", archive.toString());
        assertThat(refused.exit()).isNotZero();
        assertThat(refused.err()).contains("two images of it have the name", "invalid argument");
    }

    private static void unpack(Path archive, Path into) {
        Berth.run(List.of("tar", "-C", into.toString(), "-xf", archive.toString()))
                .text();
    }

    @Test
    void aTokenServerThatLoops() {
        String self = "http://" + registry.authority();
        misdeeds.put("/v2/loops/", exchange -> {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Bearer realm=\"" + self + "/token/circle\"");
            exchange.sendResponseHeaders(401, -1);
        });
        misdeeds.put("/token/circle", exchange -> {
            exchange.getResponseHeaders().set("Location", "/token/circle?again");
            exchange.sendResponseHeaders(302, -1);
        });
        refused(Status.Code.UNAVAILABLE, "loops", "circle", "Check the registry");
        misdeeds.put("/v2/never/", exchange -> {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Bearer realm=\"" + self + "/token/never\"");
            exchange.sendResponseHeaders(401, -1);
        });
        misdeeds.put("/token/never", exchange -> {
            byte[] token = "{\"token\":\"t\"}".getBytes(UTF_8);
            exchange.sendResponseHeaders(200, token.length);
            exchange.getResponseBody().write(token);
        });
        refused(Status.Code.UNAUTHENTICATED, "never", "another login");
    }

    @Test
    void anAuthorityThatHasExpired() throws IOException {
        Path store = berth.folder().resolve("expired.p12");
        Path hosts = Files.createDirectories(berth.folder().resolve("certs.d/old.example"));
        String keytool = Path.of(System.getProperty("java.home"), "bin/keytool").toString();
        List<String> made = List.of(
                keytool,
                "-genkeypair",
                "-alias",
                "ca",
                "-keyalg",
                "EC",
                "-dname",
                "CN=bt",
                "-startdate",
                "-20d",
                "-validity",
                "10",
                "-storetype",
                "PKCS12",
                "-keystore",
                store.toString(),
                "-storepass",
                "changeit");
        Berth.run(made).text();
        String pem = Berth.run(List.of(
                        keytool,
                        "-exportcert",
                        "-rfc",
                        "-alias",
                        "ca",
                        "-keystore",
                        store.toString(),
                        "-storepass",
                        "changeit"))
                .text();
        Files.writeString(hosts.resolve("ca.crt"), pem + "\n");
        Files.writeString(
                hosts.resolve("hosts.toml"), "server = \"https://" + registry.authority() + "\"\nca = \"ca.crt\"\n");
        GrpcPods.refused(Status.Code.FAILED_PRECONDITION, () -> pods.pull("old.example/app:1"), "ca.crt", "expired");
    }
}
