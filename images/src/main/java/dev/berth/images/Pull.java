package dev.berth.images;

import dev.berth.images.registry.Blob;
import dev.berth.images.registry.Document;
import dev.berth.images.registry.Repository;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Reference;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.Contents;
import dev.berth.store.Durability;
import dev.berth.store.ImageRecord;
import dev.berth.store.Records;
import dev.berth.store.Store;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One pull from beginning to end: resolve, bring the documents, bring and unpack the layers, make it last, give it its names.
 *
 * <p>What it leaves when it fails: ingests that the next pull goes on with, and blobs without a record, which the sweep takes after a
 * while; nothing at all if the disk was full.
 */
final class Pull {
    private static final Logger LOG = LoggerFactory.getLogger(Pull.class);
    private static final Map<String, String> RECORD_LABELS = Map.of("io.cri-containerd.image", "managed");

    /**
     * What is wanted, and who has a say in it.
     *
     * @param discard whether the packed layers of what is unpacked are of no use afterwards
     */
    record Wish(PullRequest request, Verification verification, boolean discard) {}

    private final PullRequest request;
    private final Progress progress;
    private final Repository repository;
    private final Store store;
    private final Snapshotter snapshotter;
    private final Function<Spent, Crew> crews;
    private final Holds.Hold hold;
    private final Verification verification;
    private final boolean discard;
    private final Set<Digest> discarded = new HashSet<>();
    private final Spent spent = new Spent();

    Pull(
            Wish wish,
            Repository repository,
            Store store,
            Snapshotter snapshotter,
            Function<Spent, Crew> crews,
            Holds.Hold hold) {
        this.request = wish.request;
        this.verification = wish.verification;
        this.discard = wish.discard;
        this.progress = request.progress();
        this.repository = repository;
        this.store = store;
        this.snapshotter = snapshotter;
        this.crews = crews;
        this.hold = hold;
    }

    /**
     * Pulls.
     *
     * @return what the names point to now; their records are on disk
     */
    Descriptor run() throws InterruptedException {
        Found found = resolve();
        Document top = found.document;
        verification.judge(request.reference().toString(), top.descriptor());
        tell(found);
        Selection selection = Selection.of(top, request.extent(), new FromRegistry());
        for (ImageParts parts : selection.images()) {
            List<Descriptor> packed =
                    parts.layers().stream().map(ImageParts.Layer::descriptor).toList();
            progress.resolved(parts.manifest(), packed);
            if (selection.isForced(parts)) {
                LOG.warn(
                        "{} is for {} alone: here it can only run by an emulator",
                        request.reference(),
                        parts.content().platform());
            }
        }
        bring(selection);
        long flushing = Spent.now();
        store.blobs().flush();
        record(top.descriptor(), selection);
        spent.add(Spent.On.SYNC, Spent.now() - flushing);
        LOG.info("pulled {} in {} ms: {}", request.reference(), spent.elapsed().toMillis(), spent);
        return top.descriptor();
    }

    /** The packed layers that nobody needs any more unless other images have them; to be asked when it has run. */
    Set<Digest> discarded() {
        return discarded;
    }

    /** A document, and whether it was here already. */
    private record Found(Document document, boolean before) {}

    private void tell(Found found) {
        Document document = found.document;
        progress.found(document.descriptor(), document.tree().parts(), found.before);
    }

    /** What the name points to now. If we know the name, the registry is asked for the digest only. */
    private Found resolve() {
        boolean known = store.metadata()
                .read(records -> records.images()
                        .find(request.namespace(), request.reference().toString()))
                .isPresent();
        Optional<Descriptor> head = known ? repository.head() : Optional.empty();
        if (head.isPresent()) {
            return document(head.get());
        }
        return keep(repository.manifest());
    }

    private Found document(Descriptor descriptor) {
        Optional<byte[]> here = stored(descriptor);
        return here.isPresent()
                ? new Found(new Document(descriptor, here.get()), true)
                : keep(repository.manifest(descriptor));
    }

    private Optional<byte[]> stored(Descriptor descriptor) {
        hold.blob(descriptor.digest());
        return store.blobs().find(descriptor.digest()).isPresent()
                ? Optional.of(store.blobs().read(descriptor.digest(), ImageTree.MAX_BYTES))
                : Optional.empty();
    }

    private Found keep(Document document) {
        Digest digest = document.descriptor().digest();
        hold.blob(digest);
        boolean before = store.blobs().find(digest).isPresent();
        store.blobs().put(document.bytes(), digest);
        return new Found(document, before);
    }

    /** Documents and configs: from the store if they are there, else from the registry and into the store. Layers as they come. */
    private final class FromRegistry implements ImageParts.Source, LayerSource {
        @Override
        public Blob blob(Descriptor layer, long offset) {
            return repository.blob(layer, offset);
        }

        @Override
        public boolean another(Descriptor layer) {
            return repository.reject(layer);
        }

        @Override
        public Document document(Descriptor descriptor) {
            Found found = Pull.this.document(descriptor);
            tell(found);
            return found.document;
        }

        @Override
        public byte[] config(Descriptor descriptor) {
            Optional<byte[]> here = stored(descriptor);
            byte[] config = here.orElseGet(() -> {
                byte[] bytes = fetch(descriptor);
                store.blobs().put(bytes, descriptor.digest());
                return bytes;
            });
            progress.found(descriptor, List.of(), here.isPresent());
            return config;
        }

        private byte[] fetch(Descriptor descriptor) {
            if (descriptor.size() > ImageTree.MAX_BYTES) {
                throw ImageTree.broken(
                        "image config " + descriptor.digest(),
                        "it has " + descriptor.size() + " bytes, more than " + ImageTree.MAX_BYTES);
            }
            while (true) {
                ByteBuffer whole = ByteBuffer.allocate(Math.toIntExact(descriptor.size()));
                try (Blob blob = repository.blob(descriptor, 0)) {
                    for (ByteBuffer part = blob.next(); part != null; part = blob.next()) {
                        whole.put(part);
                    }
                }
                if (descriptor.digest().matches(whole.array())) {
                    return whole.array();
                }
                if (!repository.reject(descriptor)) {
                    throw Fault.precondition(
                            "image config " + descriptor.digest(),
                            "the registry sent " + Digest.of(whole.array()),
                            "The registry's content is damaged; push the image again");
                }
            }
        }
    }

    /** Layers and what else is wanted; held before, so that no sweep comes in between. */
    private void bring(Selection selection) throws InterruptedException {
        for (ImageParts parts : selection.images()) {
            parts.layers().forEach(layer -> {
                hold.blob(layer.descriptor().digest());
                hold.snapshot(layer.chain().toString());
            });
            bring(parts.layers(), aim(selection, parts));
        }
        List<ImageParts.Layer> others = selection.others().stream()
                .map(blob -> {
                    hold.blob(blob.digest());
                    return new ImageParts.Layer(blob, blob.digest(), blob.digest());
                })
                .toList();
        bring(others, LayerSet.Aim.PACKED);
    }

    private LayerSet.Aim aim(Selection selection, ImageParts parts) {
        if (!selection.unpacks(parts)) {
            return LayerSet.Aim.PACKED;
        }
        return discard ? LayerSet.Aim.SNAPSHOTS : LayerSet.Aim.BOTH;
    }

    private void bring(List<ImageParts.Layer> layers, LayerSet.Aim aim) throws InterruptedException {
        try (Crew crew = crews.apply(spent)) {
            new LayerSet(request.namespace(), store.blobs(), snapshotter, new FromRegistry(), progress, crew)
                    .bring(layers, aim);
        }
    }

    /** The names and the belonging of the blobs, in one transaction, on disk before anybody is told. */
    private void record(Descriptor target, Selection selection) {
        Namespace namespace = request.namespace();
        ContentLabels labels = new ContentLabels();
        for (ImageParts parts : selection.images()) {
            switch (aim(selection, parts)) {
                case PACKED -> labels.add(parts, Optional.empty());
                case BOTH -> labels.add(parts, Optional.of(snapshotter.name()));
                case SNAPSHOTS -> {
                    labels.addUnpacked(parts, snapshotter.name());
                    parts.layers().forEach(it -> discarded.add(it.descriptor().digest()));
                }
            }
        }
        selection.documents().forEach(it -> labels.add(it.descriptor(), it.tree()));
        selection.others().forEach(labels::add);
        store.metadata().apply(Durability.POWER, records -> {
            labels.all().forEach((digest, entry) -> {
                Map<String, String> before = records.contents()
                        .find(namespace, digest)
                        .map(Contents.Content::labels)
                        .orElse(Map.of());
                entry.labels().putAll(ContentLabels.source(request.reference(), before));
                records.contents().put(namespace, entry.blob(), entry.labels());
            });
            name(records, target);
        });
    }

    private void name(Records records, Descriptor target) {
        Namespace namespace = request.namespace();
        PullRequest.Naming naming = request.naming();
        for (String name : naming.names()) {
            records.images().put(ImageRecord.of(namespace, name, target, naming.labels()));
        }
        if (!naming.names().isEmpty()) {
            return;
        }
        Reference reference = request.reference();
        Set<String> names = new TreeSet<>(Set.of(reference.toString()));
        names.add(reference.withDigest(target.digest()).toString());
        for (String name : names) {
            ImageRecord record = records.images()
                    .find(namespace, name)
                    .map(it -> it.withTarget(target))
                    .orElseGet(() -> ImageRecord.of(namespace, name, target, RECORD_LABELS));
            records.images().put(record);
        }
    }
}
