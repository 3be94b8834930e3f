package dev.berth.images;

import dev.berth.images.registry.Document;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import dev.berth.store.Blobs;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What has to be at the registry for an image: all blobs, then the documents, each after what it names. */
final class PushPlan {
    private static final int MAX_INDEXES = 4;

    private final Blobs store;
    private final List<Platform> platforms;
    private final Keeping keeping;
    private final Map<Digest, Descriptor> blobs = new LinkedHashMap<>();
    private final Map<Digest, Document> documents = new LinkedHashMap<>();

    private final Map<Visit, Descriptor> planned = new HashMap<>();

    /** A document as it was read. */
    private record Visit(Digest digest, String mediaType) {}

    private PushPlan(Blobs store, List<Platform> platforms, Keeping keeping) {
        this.store = store;
        this.platforms = platforms;
        this.keeping = keeping;
    }

    /**
     * Plans.
     *
     * @param keeping keeps everything that is found
     * @throws Fault NOT_FOUND if something is not in the store, or there is nothing for the platforms
     */
    static PushPlan of(Descriptor target, Blobs store, List<Platform> platforms, Keeping keeping) {
        PushPlan plan = new PushPlan(store, platforms, keeping);
        plan.add(target, 0);
        return plan;
    }

    Collection<Descriptor> blobs() {
        return blobs.values();
    }

    /** Each after those that it names; the last is what the name will point to. */
    List<Document> documents() {
        return List.copyOf(documents.values());
    }

    /** @return what is pushed in the place of the document: itself, unless the platforms make it another */
    private Descriptor add(Descriptor document, int depth) {
        var key = new Visit(document.digest(), document.mediaType());
        Descriptor before = planned.get(key);
        if (before != null) { // an index may name one thing a thousand times, and that another one
            return before.digest().equals(document.digest()) ? document : before;
        }
        Descriptor made = read(document, depth);
        planned.put(key, made);
        return made;
    }

    private Descriptor read(Descriptor document, int depth) {
        byte[] bytes = read(document);
        switch (ImageTree.parse(document.mediaType(), bytes)) {
            case Manifest manifest -> {
                add(manifest);
                return put(document, bytes);
            }
            case Index index -> {
                if (depth == MAX_INDEXES) {
                    throw ImageTree.tooDeep("image index " + document.digest());
                }
                return add(document, bytes, index, depth);
            }
        }
    }

    private Descriptor add(Descriptor document, byte[] bytes, Index index, int depth) {
        List<Descriptor> chosen = chosen(document, index);
        List<Descriptor> pushed = new ArrayList<>();
        for (Descriptor entry : chosen) {
            pushed.add(add(entry, depth + 1));
        }
        if (pushed.equals(index.manifests())) {
            return put(document, bytes);
        }
        if (pushed.size() == 1) {
            return pushed.getFirst();
        }
        byte[] fewer = new Index(
                        2, index.mediaType(), index.artifactType(), pushed, index.subject(), index.annotations())
                .toJson();
        return put(Descriptor.of(index.mediaType(), Digest.of(fewer), fewer.length), fewer);
    }

    private List<Descriptor> chosen(Descriptor document, Index index) {
        if (platforms.isEmpty()) {
            return index.manifests();
        }
        List<Descriptor> chosen = new ArrayList<>();
        for (Platform platform : platforms) {
            Optional<Descriptor> best = index.choose(platform);
            best.filter(it -> !chosen.contains(it)).ifPresent(chosen::add);
        }
        if (chosen.isEmpty()) {
            throw Fault.notFound(
                    "image index " + document.digest(),
                    "there is nothing for " + platforms + " in it",
                    "Choose another");
        }
        return chosen;
    }

    private void add(Manifest manifest) {
        List<Descriptor> all = new ArrayList<>(manifest.layers());
        all.addFirst(manifest.config());
        for (Descriptor blob : all) {
            keeping.blob(blob.digest());
            boolean here = store.find(blob.digest()).isPresent();
            boolean elsewhere =
                    MediaTypes.isForeignLayer(blob.mediaType()) && !blob.urls().isEmpty();
            if (!here && !elsewhere) {
                throw MediaTypes.isLayer(blob.mediaType())
                        ? missingLayer(blob.digest())
                        : missing("blob " + blob.digest());
            }
            if (here) {
                blobs.put(blob.digest(), blob);
            }
        }
    }

    private byte[] read(Descriptor document) {
        keeping.blob(document.digest());
        if (store.find(document.digest()).isEmpty()) {
            String platform = document.runsOn().map(it -> " for " + it).orElse("");
            throw missing("manifest " + document.digest() + platform);
        }
        return store.read(document.digest(), ImageTree.MAX_BYTES);
    }

    private Descriptor put(Descriptor document, byte[] bytes) {
        documents.put(document.digest(), new Document(document, bytes));
        return document;
    }

    /** Also for who writes archives. */
    static Fault missingLayer(Digest layer) {
        return Fault.notFound(
                "layer " + layer,
                "its packed bytes are not on this node: it was pulled with images.discard_unpacked_layers, or not at all",
                "Fetch them with ctr images pull or berth image pull");
    }

    private static Fault missing(String what) {
        return Fault.notFound(
                what, "it is not on this node", "Pull the image for all platforms, or push only those that are here");
    }
}
