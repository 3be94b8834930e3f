package dev.berth.images.sample;

import dev.berth.images.sample.LayerBuilder.Layer;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageConfig;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Puts layers and a config together to an image in memory. */
public final class ImageBuilder {
    private final List<Layer> layers = new ArrayList<>();
    private Platform platform = Platform.host();
    private String user = "";
    private List<String> env = List.of("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    private List<String> entrypoint = List.of();
    private List<String> cmd = List.of();
    private Map<String, String> labels = Map.of();
    private Map<String, Object> volumes = Map.of();
    private String stopSignal = "";

    /**
     * A finished image.
     *
     * @param target what its name should point to: an index with one manifest
     * @param manifest the only entry of that
     * @param id the config's digest
     * @param blobs every document and layer by digest, the index among them
     */
    public record Built(Descriptor target, Descriptor manifest, Digest id, Map<Digest, byte[]> blobs) {}

    public ImageBuilder layer(Layer layer) {
        layers.add(layer);
        return this;
    }

    public ImageBuilder platform(Platform newPlatform) {
        platform = newPlatform;
        return this;
    }

    public ImageBuilder user(String newUser) {
        user = newUser;
        return this;
    }

    public ImageBuilder env(String... newEnv) {
        env = List.of(newEnv);
        return this;
    }

    public ImageBuilder entrypoint(String... arguments) {
        entrypoint = List.of(arguments);
        return this;
    }

    public ImageBuilder cmd(String... arguments) {
        cmd = List.of(arguments);
        return this;
    }

    public ImageBuilder labels(Map<String, String> newLabels) {
        labels = Map.copyOf(newLabels);
        return this;
    }

    public ImageBuilder volumes(String... paths) {
        volumes = Stream.of(paths).collect(Collectors.toMap(path -> path, _ -> Map.of()));
        return this;
    }

    public ImageBuilder stopSignal(String signal) {
        stopSignal = signal;
        return this;
    }

    public Built build() {
        Map<Digest, byte[]> blobs = new LinkedHashMap<>();
        layers.forEach(layer -> blobs.put(layer.descriptor().digest(), layer.bytes()));
        Descriptor config = put(blobs, MediaTypes.OCI_CONFIG, config().toJson());
        List<Descriptor> described = layers.stream().map(Layer::descriptor).toList();
        Descriptor manifest = put(
                blobs,
                MediaTypes.OCI_MANIFEST,
                Manifest.of(MediaTypes.OCI_MANIFEST, config, described).toJson());
        Descriptor entry = new Descriptor(
                manifest.mediaType(), manifest.digest(), manifest.size(), List.of(), Map.of(), "", platform, "");
        Descriptor target = put(
                blobs,
                MediaTypes.OCI_INDEX,
                Index.of(MediaTypes.OCI_INDEX, List.of(entry)).toJson());
        return new Built(target, manifest, config.digest(), blobs);
    }

    private ImageConfig config() {
        var execution =
                new ImageConfig.Execution(user, Map.of(), env, entrypoint, cmd, volumes, "", labels, stopSignal, false);
        var rootfs = new ImageConfig.RootFs(
                "layers", layers.stream().map(Layer::diffId).toList());
        return new ImageConfig(
                "1970-01-01T00:00:00Z",
                "",
                platform.architecture(),
                platform.os(),
                platform.variant(),
                "",
                execution,
                rootfs,
                List.of());
    }

    private static Descriptor put(Map<Digest, byte[]> blobs, String mediaType, byte[] bytes) {
        Digest digest = Digest.of(bytes);
        blobs.put(digest, bytes);
        return Descriptor.of(mediaType, digest, bytes.length);
    }
}
