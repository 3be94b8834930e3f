package dev.berth.images;

import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What the records of an image's blobs say, in containerd's words: what each needs, what it unpacks to, where it came from. By these
 * labels alone everybody who collects garbage knows what must stay.
 */
final class ContentLabels {
    private static final String REFERENCE = "containerd.io/gc.ref.content";
    private static final String SNAPSHOT = "containerd.io/gc.ref.snapshot.";
    private static final String SOURCE = "containerd.io/distribution.source.";
    private static final int MAX_LABEL = 4096;

    /** One blob of the image. */
    record Entry(Descriptor blob, Map<String, String> labels) {}

    private final Map<Digest, Entry> entries = new LinkedHashMap<>();
    /** Manifests that do without their packed layers. */
    private final Set<Digest> unpacked = new HashSet<>();

    private Map<String, String> labels(Descriptor blob) {
        return entries.computeIfAbsent(blob.digest(), _ -> new Entry(blob, new TreeMap<>()))
                .labels();
    }

    /** A blob that is there and needs no other. */
    void add(Descriptor blob) {
        labels(blob);
    }

    /**
     * A document that is there; it needs all that it names, whether that is there or not, except the layers of an image of which
     * only the snapshots are.
     */
    void add(Descriptor document, ImageTree tree) {
        Map<String, String> labels = labels(document);
        List<Descriptor> children = new ArrayList<>();
        switch (tree) {
            case Index index -> children.addAll(index.manifests());
            case Manifest manifest -> {
                children.add(manifest.config());
                if (!unpacked.contains(document.digest())) {
                    children.addAll(manifest.layers());
                }
            }
        }
        Map<String, Integer> counts = new HashMap<>();
        for (Descriptor child : children) {
            String kind = kind(child.mediaType());
            int count = counts.merge(kind, 1, Integer::sum) - 1;
            labels.put(
                    REFERENCE + (kind.equals(".config") && count == 0 ? kind : kind + "." + count),
                    child.digest().toString());
        }
    }

    private static String kind(String mediaType) {
        if (MediaTypes.isConfig(mediaType)) {
            return ".config";
        }
        if (MediaTypes.isManifest(mediaType)) {
            return ".m";
        }
        return MediaTypes.isLayer(mediaType) || MediaTypes.isForeignLayer(mediaType) ? ".l" : "";
    }

    /** The config of an image of which the packed layers need not stay; before its manifest. */
    void addUnpacked(ImageParts parts, String snapshotter) {
        unpacked.add(parts.manifest().digest());
        config(parts, Optional.of(snapshotter));
    }

    private void config(ImageParts parts, Optional<String> snapshotter) {
        Map<String, String> config = labels(parts.config());
        if (!parts.snapshot().isEmpty()) {
            snapshotter.ifPresent(name -> config.put(SNAPSHOT + name, parts.snapshot()));
        }
    }

    /** The layers of an image and its config. */
    void add(ImageParts parts, Optional<String> snapshotter) {
        config(parts, snapshotter);
        for (ImageParts.Layer layer : parts.layers()) {
            Map<String, String> labels = labels(layer.descriptor());
            if (snapshotter.isPresent()) {
                labels.put(Diffs.UNCOMPRESSED, layer.diffId().toString());
            }
        }
    }

    /** All blobs, with what is said of each. */
    Map<Digest, Entry> all() {
        return entries;
    }

    /**
     * The key and the value by which a blob says that it came from a repository, besides those that it said before: one label for
     * each registry, without its port. Empty if the label would become too long.
     */
    static Map<String, String> source(Reference from, Map<String, String> before) {
        String key = sourceKey(from);
        Set<String> repositories = new TreeSet<>(Set.of(from.path()));
        repositories.addAll(sources(from, before));
        String value = String.join(",", repositories);
        return key.length() + value.length() > MAX_LABEL ? Map.of() : Map.of(key, value);
    }

    private static String sourceKey(Reference registry) {
        return SOURCE + registry.domain().replaceFirst(":[0-9]+$", "");
    }

    /** The repositories of a registry from which a blob says that it came. */
    static List<String> sources(Reference registry, Map<String, String> labels) {
        return Arrays.stream(labels.getOrDefault(sourceKey(registry), "").split(",", -1))
                .filter(it -> !it.isEmpty())
                .toList();
    }

    /** Of a layer's snapshot. */
    static Map<String, String> snapshot(ImageParts.Layer layer, String parent) {
        Map<String, String> labels = new HashMap<>();
        labels.put("containerd.io/snapshot.ref", layer.chain().toString());
        labels.put("containerd.io/snapshot/diff-id", layer.diffId().toString());
        if (!parent.isEmpty()) {
            labels.put("containerd.io/snapshot/parent-chain-id", parent);
        }
        return Map.copyOf(labels);
    }
}
