package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import dev.berth.oci.SavedImage;
import dev.berth.snapshots.TarEntry;
import dev.berth.snapshots.TarWriter;
import dev.berth.store.Blobs;
import dev.berth.store.Contents;
import dev.berth.store.ImageRecord;
import dev.berth.store.Store;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Writes one archive. Its files are sorted by name; what several images share is in it once. */
final class ArchiveWriter {
    private static final String SOURCE = "containerd.io/distribution.source.";
    private static final byte[] LAYOUT = "{\"imageLayoutVersion\":\"1.0.0\"}".getBytes(StandardCharsets.US_ASCII);
    private static final int CHUNK = 1 << 18;
    private static final int MAX_DEPTH = 8;

    private final Store store;
    private final Archives.Export request;
    private final Keeping keeping;
    private final Map<Digest, Descriptor> blobs = new LinkedHashMap<>();
    private final List<Descriptor> entries = new ArrayList<>();
    /** The images that Docker's own file tells of, with their names. */
    private final Map<Digest, List<String>> saved = new LinkedHashMap<>();

    private final Map<Digest, Manifest> manifests = new LinkedHashMap<>();
    /** Indexes that were gone through, of which all is in already. */
    private final Set<Digest> walked = new HashSet<>();

    private final byte[] chunk = new byte[CHUNK];

    /** @param keeping keeps everything that goes into it, from before it was looked for */
    ArchiveWriter(Store store, Archives.Export request, Keeping keeping) {
        this.store = store;
        this.request = request;
        this.keeping = keeping;
    }

    void write(OutputStream out) {
        for (String name : request.names()) {
            try {
                add(store.metadata().read(records -> records.images().get(request.namespace(), name)));
            } catch (Fault e) {
                throw e.within("export " + name);
            }
        }
        try {
            var buffered = new BufferedOutputStream(out, 1 << 16);
            write(new TarWriter(buffered));
            buffered.flush();
        } catch (IOException e) {
            throw Fault.unavailable("export images", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private void add(ImageRecord image) {
        Descriptor target = image.target();
        Map<String, String> annotations = new TreeMap<>(target.annotations());
        annotations.put(ArchiveIndex.IMAGE_NAME, image.name());
        annotations.put(ArchiveIndex.REF_NAME, refName(image.name()));
        store.metadata()
                .read(records -> records.contents().find(request.namespace(), target.digest()))
                .map(Contents.Content::labels)
                .orElse(Map.of())
                .forEach((key, value) -> {
                    if (key.startsWith(SOURCE)) {
                        annotations.put(key, value);
                    }
                });
        entries.add(ArchiveIndex.entry(target, target.platform(), annotations));
        Descriptor shown = MediaTypes.isIndex(target.mediaType()) ? addIndex(target, 0) : addImage(target);
        saved.computeIfAbsent(shown.digest(), _ -> new ArrayList<>()).add(image.name());
    }

    private static String refName(String name) {
        try {
            return ArchiveIndex.refName(Reference.parseExactly(name));
        } catch (Fault notAReference) {
            return name;
        }
    }

    /** @return the image of it that Docker is to see */
    private Descriptor addIndex(Descriptor target, int depth) {
        Index index = index(target, depth);
        List<Platform> platforms = request.platforms().isEmpty() ? List.of(Platform.host()) : request.platforms();
        Descriptor shown = null;
        for (Platform platform : platforms) {
            Optional<Descriptor> chosen = index.choose(platform);
            if (chosen.isPresent()) {
                Descriptor image = MediaTypes.isIndex(chosen.get().mediaType())
                        ? addIndex(chosen.get(), depth + 1)
                        : addImage(chosen.get());
                shown = shown == null ? image : shown;
            }
        }
        if (shown == null) {
            throw ImageParts.none(platforms.getFirst(), index);
        }
        blobs.put(target.digest(), target);
        if (request.allPlatforms()) {
            index.manifests().forEach(entry -> addTree(entry, depth + 1));
        }
        return shown;
    }

    private Index index(Descriptor descriptor, int depth) {
        if (depth > MAX_DEPTH) {
            throw ImageTree.tooDeep("image " + descriptor.digest());
        }
        return (Index) tree(descriptor);
    }

    private void addTree(Descriptor descriptor, int depth) {
        if (MediaTypes.isIndex(descriptor.mediaType())) {
            blobs.put(descriptor.digest(), descriptor);
            if (walked.add(descriptor.digest())) {
                index(descriptor, depth).manifests().forEach(entry -> addTree(entry, depth + 1));
            }
        } else if (MediaTypes.isManifest(descriptor.mediaType())) {
            addImage(descriptor);
        } else {
            blobs.put(descriptor.digest(), descriptor);
        }
    }

    private Descriptor addImage(Descriptor target) {
        if (!MediaTypes.isManifest(target.mediaType())) {
            throw Fault.invalid(
                    "export " + target.digest(),
                    "its media type " + target.mediaType() + " is not that of an image",
                    "");
        }
        Manifest manifest = (Manifest) tree(target);
        manifests.put(target.digest(), manifest);
        blobs.put(target.digest(), target);
        blobs.put(manifest.config().digest(), manifest.config());
        for (Descriptor layer : manifest.layers()) {
            if (request.foreign() || !MediaTypes.isForeignLayer(layer.mediaType())) {
                blobs.put(layer.digest(), layer);
            }
        }
        return target;
    }

    private ImageTree tree(Descriptor descriptor) {
        keeping.blob(descriptor.digest());
        return ImageTree.parse(descriptor.mediaType(), store.blobs().read(descriptor.digest(), ImageTree.MAX_BYTES));
    }

    private void write(TarWriter tar) throws IOException {
        Map<String, Descriptor> files = new TreeMap<>();
        blobs.values()
                .forEach(it -> files.put(
                        ArchiveReader.BLOBS + it.digest().algorithm() + "/"
                                + it.digest().hex(),
                        it));
        for (Descriptor blob : blobs.values()) { // before the first byte: half an archive helps nobody
            keeping.blob(blob.digest());
            if (MediaTypes.isLayer(blob.mediaType())
                    && store.blobs().find(blob.digest()).isEmpty()) {
                throw PushPlan.missingLayer(blob.digest()).within("export images");
            }
            store.blobs().info(blob.digest());
        }
        tar.begin(TarEntry.of(ArchiveReader.BLOBS, TarEntry.Kind.DIRECTORY, "", 0755, 0));
        String directory = "";
        for (Map.Entry<String, Descriptor> file : files.entrySet()) {
            String own = ArchiveReader.BLOBS + file.getValue().digest().algorithm() + "/";
            if (!own.equals(directory)) {
                tar.begin(TarEntry.of(own, TarEntry.Kind.DIRECTORY, "", 0755, 0));
                directory = own;
            }
            copy(tar, file.getKey(), file.getValue());
        }
        put(
                tar,
                ArchiveReader.INDEX,
                0644,
                Index.of(MediaTypes.OCI_INDEX, entries).toJson());
        if (request.saved() && !saved.isEmpty()) {
            put(tar, ArchiveReader.SAVED, 0644, SavedImage.toJson(savedImages()));
        }
        put(tar, ArchiveReader.LAYOUT, 0444, LAYOUT);
        tar.finish();
    }

    private List<SavedImage> savedImages() {
        List<SavedImage> images = new ArrayList<>();
        saved.forEach((digest, names) -> {
            Manifest manifest = manifests.get(digest);
            if (manifest != null) {
                images.add(new SavedImage(
                        path(manifest.config().digest()),
                        names.stream().map(ArchiveWriter::familiar).toList(),
                        manifest.layers().stream().map(it -> path(it.digest())).toList()));
            }
        });
        return images;
    }

    private static String path(Digest digest) {
        return ArchiveReader.BLOBS + digest.algorithm() + "/" + digest.hex();
    }

    /** The name as people type it. */
    private static String familiar(String name) {
        Reference full = Reference.parseExactly(name);
        Reference complete = full.tag().isEmpty() && full.digest().isEmpty() ? full.withTag("latest") : full;
        String text = complete.toString();
        if (text.startsWith("docker.io/library/")) {
            return text.substring("docker.io/library/".length());
        }
        return text.startsWith("docker.io/") ? text.substring("docker.io/".length()) : text;
    }

    private static void put(TarWriter tar, String name, int mode, byte[] bytes) throws IOException {
        tar.begin(TarEntry.of(name, TarEntry.Kind.REGULAR, "", mode, bytes.length));
        tar.write(bytes, 0, bytes.length);
    }

    /** Checks on the way that it is still what it was. */
    private void copy(TarWriter tar, String name, Descriptor blob) throws IOException {
        try (Blobs.Reader reader = store.blobs().open(blob.digest());
                InputStream in = reader.stream()) {
            tar.begin(TarEntry.of(name, TarEntry.Kind.REGULAR, "", 0444, reader.size()));
            MessageDigest hasher = blob.digest().hasher();
            for (int got = in.read(chunk); got >= 0; got = in.read(chunk)) {
                hasher.update(chunk, 0, got);
                tar.write(chunk, 0, got);
            }
            if (!blob.digest().finish(hasher).equals(blob.digest())) {
                throw Fault.of(
                        Fault.Code.DATA_LOSS,
                        "export blob " + blob.digest(),
                        "its bytes have changed on disk",
                        "Stop the daemon and run berth check --repair, then pull the image again");
            }
        }
    }
}
