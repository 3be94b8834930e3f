package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageConfig;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import dev.berth.oci.SavedImage;
import dev.berth.store.Blob;
import dev.berth.store.Blobs;
import dev.berth.store.Commit;
import dev.berth.store.Ingest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The index of what is in an archive: its own, or for Docker's archives one that is made here, as containerd makes it. */
final class ArchiveIndex {
    /** On an entry of an index: the full name of the image. */
    static final String IMAGE_NAME = "io.containerd.image.name";

    /** On an entry of an index: the name of the image, often only its tag. */
    static final String REF_NAME = "org.opencontainers.image.ref.name";

    private static final String VERSION = "\"imageLayoutVersion\"";
    private static final int MAGIC = 4;

    private final Blobs blobs;
    private final ArchiveReader archive;
    private final Holds.Hold hold;
    private final boolean pack;

    ArchiveIndex(Blobs blobs, ArchiveReader archive, Holds.Hold hold, boolean pack) {
        this.blobs = blobs;
        this.archive = archive;
        this.hold = hold;
        this.pack = pack;
    }

    /**
     * Finds or makes it. It is in the store then.
     *
     * @throws Fault INVALID_ARGUMENT if the archive is neither form
     */
    Descriptor find() {
        Optional<byte[]> layout = archive.document(ArchiveReader.LAYOUT);
        if (layout.isPresent()) {
            checkVersion(new String(layout.get(), StandardCharsets.UTF_8));
            byte[] index = archive.document(ArchiveReader.INDEX)
                    .orElseThrow(() -> ArchiveReader.bad("it is an OCI layout without index.json"));
            ImageTree.parse(MediaTypes.OCI_INDEX, index);
            return put(MediaTypes.OCI_INDEX, index);
        }
        byte[] saved = archive.document(ArchiveReader.SAVED)
                .orElseThrow(() -> ArchiveReader.bad("it has neither oci-layout nor manifest.json"));
        List<Descriptor> entries = new ArrayList<>();
        for (SavedImage image : SavedImage.fromJson(saved)) {
            entries.addAll(entries(image));
        }
        return put(MediaTypes.OCI_INDEX, Index.of("", entries).toJson());
    }

    private static void checkVersion(String layout) {
        if (!layout.contains(VERSION) || !layout.replaceAll("\\s", "").contains(VERSION + ":\"1.0.0\"")) {
            throw ArchiveReader.bad("its OCI layout is not of version 1.0.0");
        }
    }

    private Descriptor put(String type, byte[] document) {
        Digest digest = Digest.of(document);
        hold.blob(digest);
        archive.brought().add(digest);
        blobs.put(document);
        return Descriptor.of(type, digest, document.length);
    }

    private List<Descriptor> entries(SavedImage image) {
        Blob config = archive.file(image.config());
        List<Descriptor> layers = new ArrayList<>();
        for (String layer : image.layers()) {
            layers.add(layer(archive.file(layer)));
        }
        Manifest manifest = Manifest.of(
                MediaTypes.DOCKER_MANIFEST,
                Descriptor.of(MediaTypes.DOCKER_CONFIG, config.digest(), config.size()),
                layers);
        Descriptor made = put(MediaTypes.DOCKER_MANIFEST, manifest.toJson());
        Platform platform = ImageConfig.fromJson(blobs.read(config.digest(), ImageTree.MAX_BYTES))
                .platform();
        List<Descriptor> entries = new ArrayList<>();
        for (String tag : image.repoTags()) {
            Reference name = Reference.parse(tag);
            Map<String, String> annotations = new TreeMap<>();
            annotations.put(IMAGE_NAME, name.toString());
            annotations.put(REF_NAME, refName(name));
            entries.add(entry(made, platform, annotations));
        }
        return entries.isEmpty() ? List.of(entry(made, platform, Map.of())) : entries;
    }

    /** What OCI calls the name of a reference: its tag, or all of it. */
    static String refName(Reference name) {
        return name.tag().orElseGet(name::toString);
    }

    static Descriptor entry(Descriptor of, @Nullable Platform platform, Map<String, String> annotations) {
        boolean says = platform != null && !platform.os().isEmpty();
        return new Descriptor(
                of.mediaType(),
                of.digest(),
                of.size(),
                of.urls(),
                annotations,
                of.data(),
                says ? platform : null,
                of.artifactType());
    }

    private Descriptor layer(Blob layer) {
        try (Blobs.Reader reader = blobs.open(layer.digest());
                InputStream in = reader.stream()) {
            byte[] magic = in.readNBytes(MAGIC);
            return switch (LayerStream.compression(magic)) {
                case GZIP -> Descriptor.of(MediaTypes.DOCKER_LAYER_GZIP, layer.digest(), layer.size());
                case ZSTD -> Descriptor.of(MediaTypes.DOCKER_LAYER + ".zstd", layer.digest(), layer.size());
                case NONE ->
                    pack ? packed(layer) : Descriptor.of(MediaTypes.DOCKER_LAYER, layer.digest(), layer.size());
            };
        } catch (IOException e) {
            throw Fault.unavailable("read layer " + layer.digest(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private Descriptor packed(Blob layer) throws IOException {
        if (!(blobs.begin(Sweeper.once("pack"), Blobs.Wanted.ANYTHING) instanceof Blobs.Begin.Writing(var ingest))) {
            throw Fault.internal("pack layer " + layer.digest(), "its random name is taken", "Try again");
        }
        try (ingest) {
            try (Blobs.Reader reader = blobs.open(layer.digest());
                    InputStream in = reader.stream();
                    OutputStream out = Diffs.packing(MediaTypes.DOCKER_LAYER_GZIP, new Diffs.IntoIngest(ingest))) {
                in.transferTo(out);
            }
            return Descriptor.of(MediaTypes.DOCKER_LAYER_GZIP, commit(ingest).digest(), ingest.offset());
        } finally {
            ingest.abort();
        }
    }

    private Blob commit(Ingest ingest) {
        Blob blob = switch (ingest.commit()) {
            case Commit.Stored(var it) -> it;
            case Commit.AlreadyThere(var it) -> it;
            case Commit.WrongDigest wrong -> throw ArchiveReader.bad("a layer changed while it was packed");
            case Commit.WrongSize wrong -> throw ArchiveReader.bad("a layer changed while it was packed");
        };
        hold.blob(blob.digest());
        archive.brought().add(blob.digest());
        return blob;
    }
}
