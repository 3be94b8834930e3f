package dev.berth.oci;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ImageTreeTest {
    private static final Digest D1 = Digest.of("1".getBytes(UTF_8));
    private static final Digest D2 = Digest.of("2".getBytes(UTF_8));
    private static final String CONFIG =
            "{\"mediaType\":\"" + MediaTypes.OCI_CONFIG + "\",\"digest\":\"" + D1 + "\",\"size\":7}";
    private static final String LAYER =
            "{\"mediaType\":\"" + MediaTypes.OCI_LAYER_GZIP + "\",\"digest\":\"" + D2 + "\",\"size\":9,\"x\":[{}]}";
    private static final String MANIFEST =
            "{\"schemaVersion\":2,\"config\":" + CONFIG + ",\"layers\":[" + LAYER + "],\"annotations\":{\"a\":\"b\"}}";

    @Test
    void readsManifest() {
        var manifest = (Manifest) ImageTree.parse(MediaTypes.OCI_MANIFEST, MANIFEST.getBytes(UTF_8));
        assertThat(manifest.config().digest()).isEqualTo(D1);
        assertThat(manifest.layers()).extracting(Descriptor::size).containsExactly(9L);
        assertThat(manifest.annotations()).containsEntry("a", "b");
        assertThat(ImageTree.parse("", manifest.toJson())).isEqualTo(manifest);
        assertThat(ImageTree.parse(MediaTypes.OCI_MANIFEST + "; charset=utf-8", MANIFEST.getBytes(UTF_8)))
                .isEqualTo(manifest);
    }

    @Test
    void readsIndexAndChoosesPlatform() {
        String json = "{\"schemaVersion\":2,\"manifests\":["
                + entry(D2, "\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\"")
                + "," + entry(D1, "\"architecture\":\"amd64\",\"os\":\"linux\"") + "]}";
        var index = (Index) ImageTree.parse(MediaTypes.DOCKER_INDEX, json.getBytes(UTF_8));
        assertThat(index.choose(Platform.parse("linux/amd64")).orElseThrow().digest())
                .isEqualTo(D1);
        assertThat(index.choose(Platform.parse("linux/arm64")).orElseThrow().digest())
                .isEqualTo(D2);
        assertThat(index.choose(Platform.parse("linux/s390x"))).isEmpty();
        assertThat(((Index) ImageTree.parse("", index.toJson())).manifests()).isEqualTo(index.manifests());
    }

    private static String entry(Digest digest, String platform) {
        return "{\"mediaType\":\"" + MediaTypes.OCI_MANIFEST + "\",\"digest\":\"" + digest
                + "\",\"size\":3,\"platform\":{" + platform + "}}";
    }

    @Test
    void refusesTwoFacedDocuments() {
        String both = MANIFEST.substring(0, MANIFEST.length() - 1) + ",\"manifests\":[]}";
        refused(MediaTypes.OCI_MANIFEST, both, "a manifest and an index");
        refused(MediaTypes.OCI_INDEX, both, "a manifest and an index");
        refused(MediaTypes.OCI_INDEX, MANIFEST, "not that of a");
        refused(MediaTypes.OCI_MANIFEST, "{\"schemaVersion\":2,\"manifests\":[]}", "not that of a");
        String named = MANIFEST.replace("{\"schema", "{\"mediaType\":\"" + MediaTypes.OCI_INDEX + "\",\"schema");
        refused(MediaTypes.OCI_MANIFEST, named, "calls itself");
        refused("text/html", MANIFEST, "not that of an image");
        refused(
                MediaTypes.OCI_MANIFEST,
                MANIFEST.replace("{\"schema", "{\"schemaVersion\":2,\"manifests\":[],\"schema"),
                "");
    }

    @Test
    void refusesSchemaOne() {
        assertThatThrownBy(() -> ImageTree.parse("", "{\"schemaVersion\":1,\"fsLayers\":[]}".getBytes(UTF_8)))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNIMPLEMENTED))
                .hasMessageContaining("schema 1");
    }

    @Test
    void refusesNonsense() {
        refused("", "<html>", "not the JSON");
        refused("", "", "");
        refused("", "null", "not the JSON");
        refused("", MANIFEST + "{}", "after its end");
        assertThat(ImageTree.parse("", ("\n" + MANIFEST + " \n").getBytes(UTF_8)))
                .isInstanceOf(Manifest.class);
        refused("", "[]", "");
        refused("", "{\"schemaVersion\":2", "");
        refused("", "{\"schemaVersion\":2}", "config");
        refused("", MANIFEST.replace("\"size\":7", "\"size\":-7"), "negative");
        refused("", MANIFEST.replace("\"size\":7", "\"size\":99999999999999999999"), "");
        refused("", MANIFEST.replace(D1.toString(), "md5:00"), "digest");
        refused("", MANIFEST.replace("\"digest\":\"" + D1 + "\",", ""), "no digest");
        refused("", "{\"x\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}", "deeper");
        refused("", "{\"x\":\"" + "y".repeat(5 << 20) + "\"}", "more than");
        String many = String.join(",", Collections.nCopies(2000, LAYER));
        refused("", MANIFEST.replace(LAYER, many), "layers");
    }

    private static void refused(String mediaType, String json, String why) {
        assertThatThrownBy(() -> ImageTree.parse(mediaType, json.getBytes(UTF_8)))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                .hasMessageContaining(why);
    }

    @Test
    void readsConfig() {
        String json =
                "{\"created\":\"2020-01-01T00:00:00Z\",\"architecture\":\"amd64\",\"os\":\"linux\",\"unknown\":{\"a\":[1]},"
                        + "\"config\":{\"User\":\"1000:1000\",\"Env\":[\"PATH=/bin\"],\"Cmd\":null,\"Entrypoint\":[\"/x\"],"
                        + "\"ExposedPorts\":{\"80/tcp\":{}},\"Volumes\":{\"/v\":{}},\"Labels\":{\"k\":\"v\",\"n\":null},\"Healthcheck\":{}},"
                        + "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" + D1 + "\",\"" + D2 + "\"]},"
                        + "\"history\":[{\"created_by\":\"x\",\"empty_layer\":true}]}";
        ImageConfig config = ImageConfig.fromJson(json.getBytes(UTF_8));
        assertThat(config.config().user()).isEqualTo("1000:1000");
        assertThat(config.config().cmd()).isEmpty();
        assertThat(config.config().ports()).containsExactly("80/tcp");
        assertThat(config.config().volumePaths()).containsExactly("/v");
        assertThat(config.config().labels()).containsOnlyKeys("k");
        assertThat(config.history().getFirst().emptyLayer()).isTrue();
        assertThat(config.rootfs().diffIds()).containsExactly(D1, D2);
        assertThat(ImageConfig.fromJson(config.toJson())).isEqualTo(config);
        assertThat(ChainId.of(List.of(D1, D2))).isEqualTo(Digest.of((D1 + " " + D2).getBytes(UTF_8)));
        assertThat(ImageConfig.fromJson("{}".getBytes(UTF_8)).config().env()).isEmpty();
        assertThatThrownBy(() -> ImageConfig.fromJson("{\"config\":[]}".getBytes(UTF_8)))
                .isInstanceOf(Fault.class);
        assertThatThrownBy(() -> ImageConfig.fromJson("{\"rootfs\":{\"type\":\"zip\"}}".getBytes(UTF_8)))
                .isInstanceOf(Fault.class);
    }

    @Test
    void describesItself() {
        var descriptor = new Descriptor("a/b", D1, 5, List.of("http://x"), Map.of("k", "v"), "", null, "");
        assertThat(Descriptor.fromJson(descriptor.toJson())).isEqualTo(descriptor);
        assertThat(new String(descriptor.toJson(), UTF_8))
                .doesNotContain("platform")
                .contains(D1.toString());
        assertThat(Digest.parse("sha512:" + "0".repeat(128)).hasher().getDigestLength())
                .isEqualTo(64);
    }
}
