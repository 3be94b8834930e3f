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
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/** What is wanted of a tree of documents: found by walking down from its top. */
final class Selection {
    private static final int MAX_INDEXES = 4;
    private static final int MAX_DOCUMENTS = 1000;
    /** Of all documents together: they are kept until the image is there. */
    private static final long MAX_BYTES = 32 << 20;

    private final PullRequest.Extent extent;
    private final ImageParts.Source source;
    private final Predicate<Descriptor> isThere;
    private final Map<Digest, Document> documents = new LinkedHashMap<>();
    private final Set<Digest> walked = new HashSet<>();
    private long bytes;
    private final List<ImageParts> images = new ArrayList<>();
    private final Map<Digest, Descriptor> others = new LinkedHashMap<>();
    private final Set<Digest> configs = new HashSet<>();

    private Selection(PullRequest.Extent extent, ImageParts.Source source, Predicate<Descriptor> isThere) {
        this.extent = extent;
        this.source = source;
        this.isThere = isThere;
    }

    /**
     * Walks.
     *
     * @throws Fault as {@link ImageParts#of}
     */
    static Selection of(Document top, PullRequest.Extent extent, ImageParts.Source source) {
        return of(top, extent, source, _ -> true);
    }

    /**
     * Walks what may have parts missing: entries of an index that nobody asked for by name.
     *
     * @param isThere whether the source has something
     */
    static Selection of(
            Document top, PullRequest.Extent extent, ImageParts.Source source, Predicate<Descriptor> isThere) {
        Selection selection = new Selection(extent, source, isThere);
        selection.walk(top, List.of());
        return selection;
    }

    private void walk(Document document, List<Descriptor> above) {
        List<Descriptor> path = new ArrayList<>(above);
        path.add(document.descriptor());
        if (path.size() > MAX_INDEXES + 1) {
            throw ImageTree.tooDeep("image " + path.getFirst().digest());
        }
        walked.add(document.descriptor().digest());
        keep(document);
        switch (document.tree()) {
            case Manifest manifest -> image(path, manifest);
            case Index index -> entries(index, path);
        }
    }

    /** Each once, however often and in how many places it is named: else a few small indexes are a walk without end. */
    private void entries(Index index, List<Descriptor> path) {
        Set<Descriptor> wanted = wanted(index);
        for (Descriptor entry : index.manifests()) {
            boolean isDocument = MediaTypes.isManifest(entry.mediaType()) || MediaTypes.isIndex(entry.mediaType());
            if (wanted.contains(entry)) {
                if (!walked.contains(entry.digest())) {
                    walk(source.document(entry), path);
                }
            } else if (isDocument && extent.documents() && !documents.containsKey(entry.digest())) {
                look(source.document(entry));
            }
        }
    }

    private void keep(Document document) {
        if (documents.put(document.descriptor().digest(), document) == null) {
            bytes += document.descriptor().size();
        }
        if (documents.size() > MAX_DOCUMENTS || bytes > MAX_BYTES) {
            throw Fault.invalid(
                    "image",
                    "it has more than " + MAX_DOCUMENTS + " documents, or more than " + MAX_BYTES + " bytes of them",
                    "Pull the platforms that are needed, one by one");
        }
    }

    private Set<Descriptor> wanted(Index index) {
        Set<Descriptor> wanted = new LinkedHashSet<>();
        if (extent.platforms().isEmpty()) {
            index.manifests().stream()
                    .filter(it -> MediaTypes.isManifest(it.mediaType()) || MediaTypes.isIndex(it.mediaType()))
                    .filter(isThere)
                    .forEach(wanted::add);
            return wanted;
        }
        for (Platform platform : extent.platforms()) {
            Optional<Descriptor> chosen = index.choose(platform);
            if (chosen.isEmpty() && !extent.lenient()) {
                throw ImageParts.none(platform, index);
            }
            chosen.ifPresent(wanted::add);
        }
        return wanted;
    }

    private void image(List<Descriptor> path, Manifest manifest) {
        Optional<ImageParts> parts =
                extent.platforms().isEmpty() ? anyPlatform(path, manifest) : Optional.of(forPlatforms(path, manifest));
        if (parts.isPresent()) {
            images.add(parts.get());
        } else {
            manifest.parts().stream().filter(isThere).forEach(blob -> others.put(blob.digest(), blob));
        }
    }

    private ImageParts forPlatforms(List<Descriptor> path, Manifest manifest) {
        Fault unfit = null;
        for (Platform platform : extent.platforms()) {
            try {
                return ImageParts.of(path, manifest, Optional.of(platform), source);
            } catch (Fault e) {
                if (e.code() != Fault.Code.NOT_FOUND) {
                    throw e;
                }
                unfit = unfit == null ? e : unfit;
            }
        }
        if (extent.lenient()) {
            return ImageParts.of(path, manifest, Optional.empty(), source);
        }
        throw unfit == null ? new IllegalStateException("no platform") : unfit;
    }

    /** With all platforms come things that are no images: attestations, signatures. Their bytes are kept as they are. */
    private Optional<ImageParts> anyPlatform(List<Descriptor> path, Manifest manifest) {
        boolean isPart = path.size() > 1;
        if (isPart
                && !(isThere.test(manifest.config())
                        && manifest.layers().stream().allMatch(isThere))) {
            return Optional.empty();
        }
        boolean isImage = MediaTypes.isConfig(manifest.config().mediaType())
                && manifest.layers().stream().allMatch(it -> MediaTypes.isLayer(it.mediaType()));
        return isImage ? Optional.of(ImageParts.of(path, manifest, Optional.empty(), source)) : Optional.empty();
    }

    /** Documents and configs only. */
    private void look(Document document) {
        keep(document);
        if (document.tree() instanceof Manifest manifest) {
            Descriptor config = manifest.config();
            if (configs.add(config.digest())) {
                source.config(config);
                others.put(config.digest(), config);
            }
        }
    }

    /** Indexes and manifests that are there, from the top down. */
    List<Document> documents() {
        return List.copyOf(documents.values());
    }

    /** The images that are wanted, whole. */
    List<ImageParts> images() {
        return images;
    }

    /** Blobs that are wanted although they belong to no such image. */
    List<Descriptor> others() {
        return List.copyOf(others.values());
    }

    /** Whether an image's layers are to become snapshots. */
    boolean unpacks(ImageParts parts) {
        return extent.unpacked().stream().anyMatch(parts::isFor)
                || (!extent.unpacked().isEmpty() && isForced(parts));
    }

    /** Whether it was taken although it is for another processor, because there is no other. */
    boolean isForced(ImageParts parts) {
        return !extent.lenient()
                && !extent.platforms().isEmpty()
                && extent.platforms().stream().noneMatch(parts::isFor);
    }
}
