package dev.berth.images;

import dev.berth.images.registry.Document;
import dev.berth.kernel.Fault;
import dev.berth.oci.ChainId;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageConfig;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What one image is made of, for one platform: found by walking from what its name points to down to the config.
 *
 * @param documents the indexes and the manifest on the way, topmost first
 * @param config the config's descriptor
 */
record ImageParts(List<Descriptor> documents, Descriptor config, ImageConfig content, List<Layer> layers) {
    private static final int MAX_INDEXES = 4;

    /**
     * One layer.
     *
     * @param chain the name of this layer and all below it
     */
    record Layer(Descriptor descriptor, Digest diffId, Digest chain) {}

    /** Where documents and configs come from. */
    interface Source {
        Document document(Descriptor descriptor);

        byte[] config(Descriptor descriptor);
    }

    /**
     * Walks an image.
     *
     * @throws Fault NOT_FOUND if there is nothing for the platform; INVALID_ARGUMENT if the documents make no image; UNIMPLEMENTED
     *     if they are of a kind that we do not know; what the source throws
     */
    static ImageParts of(Document top, Platform platform, Source source) {
        List<Descriptor> documents = new ArrayList<>();
        Document current = top;
        while (true) {
            documents.add(current.descriptor());
            switch (current.tree()) {
                case Manifest manifest -> {
                    return of(documents, manifest, Optional.of(platform), source);
                }
                case Index index -> {
                    if (documents.size() > MAX_INDEXES) {
                        throw ImageTree.tooDeep("image " + top.descriptor().digest());
                    }
                    current = source.document(index.choose(platform).orElseThrow(() -> none(platform, index)));
                }
            }
        }
    }

    /**
     * The end of such a walk.
     *
     * @param documents from the top to the manifest
     * @param platform that it must be for, if it matters; if nothing else was offered, an emulator may run what is for another
     *     processor, as it does where containerd takes such an image
     */
    static ImageParts of(List<Descriptor> documents, Manifest manifest, Optional<Platform> platform, Source source) {
        Descriptor descriptor = manifest.config();
        List<Descriptor> packed = manifest.layers();
        packed.forEach(ImageParts::checkLayer);
        ImageConfig config = ImageConfig.fromJson(source.config(descriptor));
        List<Digest> diffIds = config.rootfs().diffIds();
        if (diffIds.size() != packed.size()) {
            throw Fault.invalid(
                    "image config " + descriptor.digest(),
                    "it names " + diffIds.size() + " layers, the manifest " + packed.size(),
                    "It is no image, or a broken one");
        }
        boolean alone = documents.size() == 1;
        if (platform.filter(it -> !fits(it, config)).isPresent()
                && !(alone && platform.get().os().equals(config.os()))) {
            throw Fault.notFound(
                    "image for " + platform.get(), "it is for " + config.platform(), "Build it for this platform too");
        }
        List<Layer> layers = new ArrayList<>();
        for (int i = 0; i < packed.size(); i++) {
            Digest diffId = diffIds.get(i);
            Digest chain =
                    layers.isEmpty() ? diffId : ChainId.above(layers.getLast().chain(), diffId);
            layers.add(new Layer(packed.get(i), diffId, chain));
        }
        return new ImageParts(List.copyOf(documents), descriptor, config, List.copyOf(layers));
    }

    private static boolean fits(Platform platform, ImageConfig config) {
        boolean says = !config.os().isEmpty() && !config.architecture().isEmpty();
        return !says || platform.distanceTo(config.platform()).isPresent();
    }

    /** Whether it is for this platform, or does not say what it is for. */
    boolean isFor(Platform platform) {
        return fits(platform, content);
    }

    private static void checkLayer(Descriptor layer) {
        String type = layer.mediaType();
        if (!MediaTypes.isLayer(type) && !MediaTypes.isForeignLayer(type)) { // foreign ones: if the registry has them
            throw Fault.of(
                    Fault.Code.UNIMPLEMENTED,
                    "layer " + layer.digest(),
                    "its media type " + type + " is not that of a file system layer",
                    "It may be an artifact that is no image, or encrypted");
        }
    }

    static Fault none(Platform platform, Index index) {
        String offered = index.manifests().stream()
                .flatMap(it -> it.runsOn().stream())
                .map(Platform::toString)
                .filter(it -> !it.startsWith("unknown"))
                .distinct()
                .limit(20)
                .collect(Collectors.joining(", "));
        return Fault.notFound(
                "image for " + platform,
                offered.isEmpty() ? "there is none" : "there are only those for " + offered,
                "Build it for this platform too");
    }

    Descriptor target() {
        return documents.getFirst();
    }

    Descriptor manifest() {
        return documents.getLast();
    }

    /** The key of the topmost snapshot; empty if there are no layers. */
    String snapshot() {
        return layers.isEmpty() ? "" : layers.getLast().chain().toString();
    }

    /** Bytes of manifest, config and packed layers. */
    long size() {
        return manifest().size()
                + config.size()
                + layers.stream().mapToLong(it -> it.descriptor().size()).sum();
    }

    /** Everything that the store must hold for it. */
    List<Descriptor> blobs() {
        List<Descriptor> all = new ArrayList<>(documents);
        all.add(config);
        layers.forEach(layer -> all.add(layer.descriptor()));
        return all;
    }
}
