package dev.berth.images;

import dev.berth.images.registry.Document;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.Blob;
import dev.berth.store.Durability;
import dev.berth.store.ImageRecord;
import dev.berth.store.Store;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Images from archives and into them: what {@code docker save} makes, and OCI layouts; packed by gzip or zstd or not at all.
 * Thread-safe. What is read is hostile.
 */
public final class Archives {
    /** A name that an image gets, and the labels of its record. */
    public record Name(String name, Map<String, String> labels) {}

    /** Gives names to what is in an archive. */
    public interface Namer {
        /** Those of the archive as a whole, an index. */
        List<Name> ofIndex(Descriptor index);

        /** Those of one image in it, with the annotations that the archive has about it; none if it is not to be kept. */
        List<Name> ofImage(Descriptor image);
    }

    /**
     * A wish to import.
     *
     * @param pack whether layers of Docker's archives that are not packed are packed
     */
    public record Import(
            Namespace namespace, PullRequest.Extent extent, boolean pack, Namer namer, Progress progress) {}

    private final Store store;
    private final Function<PullRequest.Extent, Snapshotter> snapshotters;
    private final Holds holds;
    private final Supplier<Crew> crews;
    private final Runnable sweep;

    Archives(
            Store store,
            Function<PullRequest.Extent, Snapshotter> snapshotters,
            Holds holds,
            Supplier<Crew> crews,
            Runnable sweep) {
        this.store = store;
        this.snapshotters = snapshotters;
        this.holds = holds;
        this.crews = crews;
        this.sweep = sweep;
    }

    /**
     * Imports all images of an archive that are wanted. All or none: they are on disk when this returns.
     *
     * @return the records that were made
     * @throws Fault INVALID_ARGUMENT if it is no archive of images, broken or hostile; NOT_FOUND if nothing in it is for the platforms
     *     wanted, or nothing has a name; FAILED_PRECONDITION if a layer is another than its image says; RESOURCE_EXHAUSTED; CANCELLED
     */
    public List<ImageRecord> read(Import request, InputStream archive) throws InterruptedException {
        Set<Digest> brought = Set.of();
        boolean done = false;
        try (Holds.Hold hold = holds.begin()) {
            ArchiveReader reader = new ArchiveReader(store.blobs(), hold);
            brought = reader.brought();
            reader.read(archive);
            Descriptor index = new ArchiveIndex(store.blobs(), reader, hold, request.pack()).find();
            List<Found> found = find(request, index);
            Map<String, ImageRecord> names = names(request, index, found);
            bring(request, found, hold);
            List<ImageRecord> records = record(request, index, found, names);
            done = true;
            return records;
        } catch (Fault e) {
            throw e.within("import images");
        } finally {
            drop(brought);
            if (!done) {
                sweep.run(); // layers that were unpacked before another one failed
            }
        }
    }

    /** What is not part of an image that was imported goes at once, not with the next sweep. */
    private void drop(Set<Digest> brought) {
        try {
            holds.awaitNoSweep();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // then a later sweep takes what this one still holds
        }
        brought.forEach(digest -> holds.removeUnclaimed(store, digest));
    }

    private record Found(Descriptor target, Selection selection) {}

    private List<Found> find(Import request, Descriptor index) {
        List<Found> found = new ArrayList<>();
        Fault unfit = null;
        FromArchive source = new FromArchive();
        Index top = (Index) source.document(index).tree();
        for (Descriptor entry : top.manifests()) {
            try {
                Selection selection = Selection.of(source.document(entry), request.extent(), source, source::isThere);
                found.add(new Found(entry, selection));
            } catch (Fault e) {
                if (e.code() != Fault.Code.NOT_FOUND) {
                    throw e;
                }
                unfit = unfit == null ? e : unfit; // an archive may have images of other platforms too
            }
        }
        if (found.isEmpty()) {
            throw unfit == null ? ArchiveReader.bad("there is no image in it") : unfit;
        }
        return found;
    }

    private void bring(Import request, List<Found> found, Holds.Hold hold) throws InterruptedException {
        for (Found each : found) {
            entries(each.selection).forEach(it -> hold.blob(it.digest()));
            for (ImageParts parts : each.selection.images()) {
                bring(request, each.selection, parts, hold);
            }
        }
    }

    private void bring(Import request, Selection selection, ImageParts parts, Holds.Hold hold)
            throws InterruptedException {
        List<Descriptor> packed = new ArrayList<>();
        for (ImageParts.Layer layer : parts.layers()) {
            hold.blob(layer.descriptor().digest());
            hold.snapshot(layer.chain().toString());
            requireThere(layer.descriptor());
            packed.add(layer.descriptor());
        }
        request.progress().resolved(parts.manifest(), packed);
        Snapshotter snapshotter = snapshotters.apply(request.extent());
        try (Crew crew = crews.get()) {
            new LayerSet(request.namespace(), store.blobs(), snapshotter, LayerSource.NOWHERE, request.progress(), crew)
                    .bring(parts.layers(), selection.unpacks(parts) ? LayerSet.Aim.BOTH : LayerSet.Aim.PACKED);
        }
    }

    private Blob requireThere(Descriptor descriptor) {
        Blob there = store.blobs()
                .find(descriptor.digest())
                .orElseThrow(() -> ArchiveReader.bad(
                        "blob " + descriptor.digest() + " (" + descriptor.mediaType() + ") is not in it"));
        if (there.size() != descriptor.size()) {
            throw ArchiveReader.bad("blob " + descriptor.digest() + " is said to have " + descriptor.size()
                    + " bytes, and has " + there.size());
        }
        return there;
    }

    private static Map<String, ImageRecord> names(Import request, Descriptor index, List<Found> found) {
        Map<String, ImageRecord> named = new LinkedHashMap<>();
        name(request.namespace(), named, request.namer().ofIndex(index), index);
        for (Found each : found) {
            name(request.namespace(), named, request.namer().ofImage(each.target), each.target);
        }
        if (named.isEmpty()) {
            throw Fault.notFound(
                    "name what is in the archive",
                    "the archive gives no names",
                    "Give one, as by ctr images import --digests or --index-name");
        }
        return named;
    }

    private List<ImageRecord> record(
            Import request, Descriptor index, List<Found> found, Map<String, ImageRecord> named) {
        ContentLabels labels = new ContentLabels();
        String snapshotter = snapshotters.apply(request.extent()).name();
        boolean all = !request.namer().ofIndex(index).isEmpty();
        if (all) {
            labels.add(index, new FromArchive().document(index).tree());
        }
        for (Found each : found) {
            if (!all && request.namer().ofImage(each.target).isEmpty()) {
                continue;
            }
            each.selection.documents().forEach(it -> labels.add(it.descriptor(), it.tree()));
            entries(each.selection).filter(new FromArchive()::isThere).forEach(labels::add);
            each.selection.others().forEach(labels::add);
            each.selection
                    .images()
                    .forEach(parts -> labels.add(
                            parts, each.selection.unpacks(parts) ? Optional.of(snapshotter) : Optional.empty()));
        }
        store.blobs().flush();
        return store.metadata().write(Durability.POWER, records -> {
            labels.all()
                    .forEach((digest, entry) -> records.contents()
                            .put(request.namespace(), digest, entry.blob().size(), entry.labels()));
            return named.values().stream().map(records.images()::put).toList();
        });
    }

    /** Those of other platforms too: who looks at the index finds them, without what they need. */
    private static Stream<Descriptor> entries(Selection selection) {
        return selection.documents().stream()
                .flatMap(it -> it.tree() instanceof Index index ? index.manifests().stream() : Stream.of())
                .filter(it -> MediaTypes.isManifest(it.mediaType()) || MediaTypes.isIndex(it.mediaType()));
    }

    private static void name(Namespace namespace, Map<String, ImageRecord> named, List<Name> names, Descriptor target) {
        for (Name name : names) {
            ImageRecord before = named.put(name.name(), ImageRecord.of(namespace, name.name(), target, name.labels()));
            if (before != null && !before.target().digest().equals(target.digest())) {
                throw ArchiveReader.bad("two images of it have the name " + name.name() + ": "
                        + before.target().digest() + " and " + target.digest());
            }
        }
    }

    /** Documents out of the store; what is missing was missing in the archive. */
    private final class FromArchive implements ImageParts.Source {
        @Override
        public Document document(Descriptor descriptor) {
            if (!MediaTypes.isManifest(descriptor.mediaType()) && !MediaTypes.isIndex(descriptor.mediaType())) {
                throw ArchiveReader.bad(
                        descriptor.digest() + " is of the type " + descriptor.mediaType() + ", which is no image");
            }
            return new Document(descriptor, bytes(descriptor));
        }

        @Override
        public byte[] config(Descriptor descriptor) {
            return bytes(descriptor);
        }

        private byte[] bytes(Descriptor descriptor) {
            requireThere(descriptor);
            return store.blobs().read(descriptor.digest(), ImageTree.MAX_BYTES);
        }

        boolean isThere(Descriptor descriptor) {
            return store.blobs().find(descriptor.digest()).isPresent();
        }
    }

    /**
     * Writes images into an archive: an OCI layout that Docker reads too. The same images give the same bytes.
     *
     * @throws Fault NOT_FOUND if there is no such image, nothing for the platform, or a part is missing; DATA_LOSS if a blob is
     *     damaged; UNAVAILABLE if nobody takes the archive
     */
    public void write(Export request, OutputStream out) {
        try (Holds.Hold hold = holds.begin()) {
            new ArchiveWriter(store, request, hold).write(out);
        }
    }

    /**
     * A wish to export.
     *
     * @param names of the images, as in their records
     * @param platforms which of an index are written; none means this machine's
     * @param allPlatforms whether all others are written too
     * @param saved whether Docker's {@code manifest.json} is added
     * @param foreign whether layers are added that their maker wants fetched from elsewhere
     */
    public record Export(
            Namespace namespace,
            List<String> names,
            List<dev.berth.oci.Platform> platforms,
            boolean allPlatforms,
            boolean saved,
            boolean foreign) {
        public Export {
            names = List.copyOf(names);
            platforms = List.copyOf(platforms);
        }
    }
}
