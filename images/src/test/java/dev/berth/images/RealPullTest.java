package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Patience;
import dev.berth.images.registry.RegistryClient;
import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Reference;
import dev.berth.snapshots.MountPoint;
import dev.berth.snapshots.NativeSnapshotter;
import dev.berth.snapshots.OverlaySnapshotter;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.GcLabel;
import dev.berth.store.Store;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pull with real snapshotters, from our own registry and from Debian's docker-registry. Needs root. */
class RealPullTest {
    private static final Namespace K8S = Namespace.KUBERNETES;

    private final Path root;
    private final Store store;
    private final RegistryClient client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system());

    RealPullTest(@TempDir Path root) {
        this.root = root;
        this.store = Store.open(root.resolve("store"), new LinuxDisk(), InstantSource.system());
    }

    @AfterEach
    void close() {
        client.close();
        store.close();
    }

    private Snapshotter snapshotter(String name) {
        Path directory = root.resolve("snapshots-" + name);
        Snapshotter made = name.equals("native")
                ? new NativeSnapshotter(directory, store.metadata(), new LinuxDisk())
                : new OverlaySnapshotter(directory, store.metadata(), new LinuxDisk());
        made.recover();
        return made;
    }

    private Images images(Snapshotter snapshotter) {
        return new Images(store, snapshotter, client, ImageSettings.DEFAULT, InstantSource.system());
    }

    /** Where a container on the image sees its lowest files: the last lower directory, or the only one. */
    private static Path bottom(List<MountPoint> mounts) {
        MountPoint mount = mounts.getFirst();
        return mount.options().stream()
                .filter(it -> it.startsWith("lowerdir="))
                .map(it -> it.substring(it.lastIndexOf(it.contains(":") ? ':' : '=') + 1))
                .findFirst()
                .map(Path::of)
                .orElseGet(() -> Path.of(mount.source()));
    }

    private static LayerBuilder.Layer second() {
        return new LayerBuilder()
                .directory("etc", 0755)
                .file("etc/second", 0600, "2\n")
                .file("etc/.wh.hostname", 0600, "")
                .gzip();
    }

    @ParameterizedTest
    @ValueSource(strings = {"overlay", "native"})
    void pullsBusybox(String kind) throws Exception {
        var built = new ImageBuilder()
                .layer(Busybox.layer().gzip())
                .layer(second())
                .cmd("sh")
                .build();
        Snapshotter snapshotter = snapshotter(kind);
        try (var registry = ServedRegistry.start().add("busybox", "demo", built);
                Images images = images(snapshotter)) {
            Image image = images.pull(PullRequest.of(K8S, Reference.parse(registry.authority() + "/busybox:demo")));
            Path files = bottom(snapshotter.prepare(K8S, "c1", image.snapshot(), Map.of(GcLabel.ROOT, "true")));
            assertThat(files.resolve("bin/busybox")).isExecutable().isRegularFile();
            assertThat(Files.getAttribute(files.resolve("bin/sh"), "unix:ino"))
                    .isEqualTo(Files.getAttribute(files.resolve("bin/busybox"), "unix:ino"));
            assertThat(images.usage(root).usedBytes()).isGreaterThan(1 << 20);
            images.remove(K8S, image.id().toString());
            images.sweepEverything();
            assertThat(files.resolve("bin/busybox")).exists(); // c1 stands on it
            snapshotter.remove(K8S, "c1");
            images.sweepEverything();
            assertThat(files).doesNotExist();
            assertThat(store.blobs().list()).isEmpty();
            assertThat(images.usage(root).usedBytes()).isZero();
        }
    }

    @Test
    void leavesNothingOfAHostileLayer() throws Exception {
        var hostile = new LayerBuilder()
                .file("good", 0644, "x")
                .file("../../../../../../../../tmp/bt-escaped", 0644, "x")
                .gzip();
        var torn = new LayerBuilder().file("torn", 0644, "x");
        byte[] half = Arrays.copyOf(torn.plainBytes(), 600);
        Snapshotter snapshotter = snapshotter("overlay");
        try (var registry = ServedRegistry.start()
                        .add(
                                "hostile",
                                "latest",
                                new ImageBuilder().layer(hostile).build())
                        .add(
                                "torn",
                                "latest",
                                new ImageBuilder()
                                        .layer(torn.packed("application/vnd.oci.image.layer.v1.tar", half))
                                        .build());
                Images images = images(snapshotter)) {
            for (String name : List.of("hostile", "torn")) {
                var request = PullRequest.of(K8S, Reference.parse(registry.authority() + "/" + name));
                try {
                    images.pull(request);
                    assertThat(name).isEqualTo("hostile"); // a name that leaves the root may also be kept inside of it
                } catch (Fault e) {
                    assertThat(e.code()).as(e.getMessage()).isEqualTo(Fault.Code.INVALID_ARGUMENT);
                    assertThat(images.find(K8S, request.reference().toString())).isEmpty();
                    assertThat(snapshotter.list(K8S)).hasSameSizeAs(images.list(K8S));
                }
            }
            assertThat(Path.of("/tmp/bt-escaped")).doesNotExist();
        }
    }

    @Test
    void pullsFromDockerRegistry() throws Exception {
        Path program = Path.of("/usr/bin/docker-registry");
        Assumptions.assumeTrue(Files.isExecutable(program), "docker-registry is not installed");
        int port;
        try (var free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Path config = Files.writeString(
                root.resolve("registry.yml"),
                "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + root.resolve("registry")
                        + "}}\nhttp: {addr: '127.0.0.1:" + port + "'}\n");
        Process registry = new ProcessBuilder(program.toString(), "serve", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(new File("/dev/null"))
                .start();
        Snapshotter snapshotter = snapshotter("overlay");
        try (Images images = images(snapshotter)) {
            awaitPort(port);
            var built = new ImageBuilder()
                    .layer(Busybox.layer().gzip())
                    .layer(second())
                    .build();
            push("http://127.0.0.1:" + port, "team/busybox", "1", built);
            var name = Reference.parse("127.0.0.1:" + port + "/team/busybox:1");
            Image image = images.pull(PullRequest.of(K8S, name));
            assertThat(image.id()).isEqualTo(built.id());
            assertThat(images.pull(PullRequest.of(K8S, name))).isEqualTo(image);
            assertThat(images.pull(PullRequest.of(
                            K8S,
                            Reference.parse(name.name() + "@" + built.target().digest()))))
                    .isEqualTo(image);
            assertThatThrownBy(() -> images.pull(PullRequest.of(K8S, name.withTag("none"))))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND))
                    .hasMessageContaining("manifest unknown");
        } finally {
            registry.destroy();
            assertThat(registry.waitFor(120, TimeUnit.SECONDS)).isTrue();
        }
    }

    private static void awaitPort(int port) throws InterruptedException {
        for (int i = 0; i < 2400; i++) {
            try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                assertThat(socket.isConnected()).isTrue();
                return;
            } catch (IOException notYet) {
                Ticker.system().sleep(Duration.ofMillis(50));
            }
        }
    }

    /** The pushing half of the protocol, just enough for a test. */
    private static void push(String base, String repository, String tag, ImageBuilder.Built image) throws Exception {
        try (HttpClient http = HttpClient.newHttpClient()) {
            for (var blob : image.blobs().entrySet()) {
                boolean document = blob.getKey().equals(image.target().digest())
                        || blob.getKey().equals(image.manifest().digest());
                if (!document) {
                    HttpResponse<Void> begun = http.send(
                            HttpRequest.newBuilder(URI.create(base + "/v2/" + repository + "/blobs/uploads/"))
                                    .POST(HttpRequest.BodyPublishers.noBody())
                                    .build(),
                            HttpResponse.BodyHandlers.discarding());
                    String at = begun.headers().firstValue("Location").orElseThrow();
                    put(http, URI.create(at + "&digest=" + blob.getKey()), "application/octet-stream", blob.getValue());
                }
            }
            for (var document : List.of(image.manifest(), image.target())) {
                String last = document.equals(image.target())
                        ? tag
                        : document.digest().toString();
                put(
                        http,
                        URI.create(base + "/v2/" + repository + "/manifests/" + last),
                        document.mediaType(),
                        image.blobs().getOrDefault(document.digest(), new byte[0]));
            }
        }
    }

    private static void put(HttpClient http, URI to, String type, byte[] bytes) throws Exception {
        HttpResponse<String> answer = http.send(
                HttpRequest.newBuilder(to)
                        .header("Content-Type", type)
                        .PUT(HttpRequest.BodyPublishers.ofByteArray(bytes))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
    }
}
