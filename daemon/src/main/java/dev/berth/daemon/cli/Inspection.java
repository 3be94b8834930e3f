package dev.berth.daemon.cli;

import dev.berth.daemon.cli.StoredImage.Variant;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Platform;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** {@code berth image inspect}. */
record Inspection(String image, Optional<Platform> platform) implements Session.Action {
    static Session.Action parse(Arguments arguments) {
        Optional<Platform> platform =
                Optional.ofNullable(arguments.value("--platform")).map(Platform::parse);
        return new Inspection(arguments.words("IMAGE", 1, 1).getFirst(), platform);
    }

    @Override
    public int run(Session session) {
        List<StoredImage> all = session.library().all();
        StoredImage found = session.library().find(image, all);
        List<Variant> variants = platform.isPresent()
                ? List.of(session.library().variant(found, platform.get()))
                : session.library().variants(found);
        if (variants.isEmpty()) {
            throw Fault.precondition(
                    "inspect " + found.name(), "neither manifest nor config of it are here", "Pull it again");
        }
        session.terminal().out().println(JsonPage.of(document(found, all, variants)));
        return 0;
    }

    private static Map<String, Object> document(StoredImage image, List<StoredImage> all, List<Variant> variants) {
        List<StoredImage> same = all.stream()
                .filter(other -> other.target().digest().equals(image.target().digest()))
                .toList();
        Map<String, String> labels = new TreeMap<>();
        same.forEach(one -> labels.putAll(one.labels()));
        labels.putAll(image.labels());
        var document = new LinkedHashMap<String, Object>();
        document.put("name", image.name());
        document.put("names", same.stream().map(StoredImage::name).toList());
        document.put("digest", image.target().digest().toString());
        document.put("mediaType", image.target().mediaType());
        document.put("named", image.since().toString());
        document.put("labels", labels);
        document.put("pinned", same.stream().anyMatch(StoredImage::isPinned));
        document.put("platforms", variants.stream().map(Inspection::document).toList());
        return document;
    }

    private static Map<String, Object> document(Variant variant) {
        var document = new LinkedHashMap<String, Object>();
        document.put("platform", variant.platform().toString());
        document.put("manifest", variant.manifestAt().digest().toString());
        document.put("id", variant.id().toString());
        document.put(
                "size", variant.parts().stream().mapToLong(Descriptor::size).sum());
        document.put("layers", layers(variant));
        document.put("config", JsonPage.read("config " + variant.id(), variant.rawConfig()));
        return document;
    }

    private static List<Map<String, Object>> layers(Variant variant) {
        List<Digest> diffIds = variant.config().rootfs().diffIds();
        var layers = new ArrayList<Map<String, Object>>();
        for (Descriptor layer : variant.manifest().layers()) {
            var document = new LinkedHashMap<String, Object>();
            document.put("digest", layer.digest().toString());
            document.put("mediaType", layer.mediaType());
            document.put("size", layer.size());
            if (layers.size() < diffIds.size()) {
                document.put("diffId", diffIds.get(layers.size()).toString());
            }
            layers.add(document);
        }
        return layers;
    }
}
