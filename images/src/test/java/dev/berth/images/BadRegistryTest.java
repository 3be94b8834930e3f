package dev.berth.images;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Faults;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import dev.berth.store.ImageRecord;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Registries that serve what is no image: the right code, a message that helps, nothing left behind. */
class BadRegistryTest extends ImagesFixture {
    private static final Namespace K8S = Namespace.KUBERNETES;
    private static final String HEX = "0".repeat(64);

    private final Faults faults = new Faults();
    private final ServedRegistry registry = ServedRegistry.start(faults);
    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("f", 0644, "x".repeat(100_000)).plain();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();

    BadRegistryTest(@TempDir Path root) throws IOException {
        super(root, new LinuxDisk(), shortPauses(2), ImageSettings.DEFAULT);
    }

    @AfterEach
    void close() throws InterruptedException {
        images.sweepEverything();
        assertThat(store.blobs().list()).isEmpty();
        assertThat(images.list(K8S)).isEmpty();
        registry.close();
    }

    private void refused(Fault.Code code, String... words) {
        String name = registry.authority() + "/app:1";
        assertThatThrownBy(() -> images.pull(PullRequest.of(K8S, Reference.parse(name))))
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.code()).as(fault.getMessage()).isEqualTo(code))
                .hasMessageStartingWith("pull " + name + ": ")
                .hasMessageContainingAll(words);
    }

    private void serve(String type, String json) {
        registry.add("app", "1", type, json.getBytes(UTF_8));
    }

    @Test
    void aWebPage() {
        faults.always("/v2/", Faults.html());
        refused(Fault.Code.NOT_FOUND, "sent a web page instead of an image", "Check that a registry is");
    }

    @Test
    void aManifestAndAnIndexAtOnce() {
        serve(MediaTypes.OCI_MANIFEST, "{\"schemaVersion\":2,\"config\":{},\"layers\":[],\"manifests\":[]}");
        refused(Fault.Code.INVALID_ARGUMENT, "a manifest and an index at the same time");
        serve(MediaTypes.OCI_INDEX, "{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_MANIFEST + "\"}");
        refused(Fault.Code.INVALID_ARGUMENT, "it was sent as " + MediaTypes.OCI_INDEX);
    }

    @Test
    void schemaOne() {
        serve("application/vnd.docker.distribution.manifest.v1+prettyjws", "{\"schemaVersion\":1}");
        refused(Fault.Code.UNIMPLEMENTED, "Docker's schema 1", "Push the image again with a current tool");
    }

    @Test
    void digestsThatAreNone() {
        for (String digest : new String[] {
            "\"digest\":\"md5:d41d8cd98f00b204e9800998ecf8427e\"", "\"digest\":\"sha256:12\"", "\"x\":1"
        }) {
            serve(
                    MediaTypes.OCI_INDEX,
                    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" + MediaTypes.OCI_MANIFEST + "\",\"size\":2,"
                            + digest + "}]}");
            refused(Fault.Code.INVALID_ARGUMENT, "digest");
        }
    }

    @Test
    void aManifestUnderTheDigestOfAnother() {
        registry.add("app", "1", image);
        faults.always(
                it -> it.getRequestURI()
                        .getPath()
                        .endsWith(image.manifest().digest().toString()),
                Faults.reply(
                        200,
                        MediaTypes.OCI_MANIFEST,
                        new byte[(int) image.manifest().size()]));
        refused(Fault.Code.FAILED_PRECONDITION, "digest", "push the image again");
    }

    @Test
    void aManifestOfFourGibibytes() {
        faults.always("/manifests/", exchange -> {
            exchange.getResponseHeaders().set("Content-Type", MediaTypes.OCI_MANIFEST);
            exchange.sendResponseHeaders(200, 4L << 30);
            exchange.getResponseBody().write(new byte[65536]);
        });
        refused(Fault.Code.FAILED_PRECONDITION, "its manifest has 4294967296 bytes, more than the 4194304 allowed");
    }

    @Test
    void anEntryOfFourGibibytes() {
        serve(
                MediaTypes.OCI_INDEX,
                "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" + MediaTypes.OCI_MANIFEST
                        + "\",\"size\":4294967296,\"digest\":\"sha256:" + HEX + "\"}]}");
        refused(Fault.Code.FAILED_PRECONDITION, "more than the 4194304 allowed");
    }

    @Test
    void aLayerWithoutEnd() {
        registry.add("app", "1", image);
        faults.always("/blobs/" + layer.descriptor().digest(), exchange -> {
            exchange.sendResponseHeaders(200, 0);
            while (true) {
                exchange.getResponseBody().write(new byte[65536]); // ends when the client goes
            }
        });
        refused(
                Fault.Code.FAILED_PRECONDITION,
                "more than " + layer.descriptor().size(),
                "damaged");
    }

    @Test
    void aConfigThatIsAnother() {
        registry.add("app", "1", image);
        faults.always("/blobs/" + image.id(), exchange -> {
            byte[] other = new byte[image.blobs().getOrDefault(image.id(), new byte[0]).length];
            Faults.reply(200, "application/json", other).answer(exchange);
        });
        refused(Fault.Code.FAILED_PRECONDITION, "the registry sent sha256:");
    }

    /** Labels of records decide what is kept and who sees it: an image must not give itself any. */
    @Test
    void labelsThatAreForOthersToGive() throws InterruptedException {
        Map<String, String> labels = Map.of(
                "containerd.io/gc.root", "now",
                "containerd.io/gc.expire", "2000-01-01T00:00:00Z",
                "io.cri-containerd.pinned", "pinned");
        registry.add("app", "1", new ImageBuilder().layer(layer).labels(labels).build());
        Image image = images.pull(PullRequest.of(K8S, Reference.parse(registry.authority() + "/app:1")));
        assertThat(image.config().config().labels()).containsAllEntriesOf(labels);
        assertThat(image.pinned()).isFalse();
        List<ImageRecord> names =
                store.metadata().read(records -> records.images().list(K8S));
        assertThat(names)
                .isNotEmpty()
                .allSatisfy(it -> assertThat(it.labels())
                        .doesNotContainKeys(labels.keySet().toArray(String[]::new)));
        assertThat(images.remove(K8S, image.id().toString())).isTrue();
    }

    @Test
    void aUserThatNoNumberCanBe() throws InterruptedException {
        for (String user : List.of("4294967296", "99999999999999999999:0", "-1")) {
            registry.add("app", "1", new ImageBuilder().layer(layer).user(user).build());
            Image image = images.pull(PullRequest.of(K8S, Reference.parse(registry.authority() + "/app:1")));
            assertThat(image.uid()).as(user).isEmpty();
            assertThat(image.username()).isEqualTo(user.replaceFirst(":.*", ""));
            assertThat(images.list(K8S)).containsExactly(image);
            assertThat(images.remove(K8S, image.id().toString())).isTrue();
        }
    }
}
