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
import dev.berth.snapshots.LayerChain;
import dev.berth.snapshots.LayerDraft;
import dev.berth.snapshots.Placement;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.Durability;
import dev.berth.store.ImageRecord;
import dev.berth.store.Store;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One pull from beginning to end: resolve, bring the documents, bring and unpack the layers, make it last, give it its names.
 *
 * <p>What it leaves when it fails: ingests that the next pull goes on with, and blobs without a record, which the sweep takes after a
 * while; nothing at all if the disk was full.
 */
final class Pull {
    /** On every snapshot that a pull makes; the sweep removes no others. The value is the packed layer's digest. */
    static final String LAYER_LABEL = "dev.berth/image-layer";

    private static final Logger LOG = LoggerFactory.getLogger(Pull.class);
    private static final Map<String, String> RECORD_LABELS = Map.of("io.cri-containerd.image", "managed");

    private final PullRequest request;
    private final Progress progress;
    private final Repository repository;
    private final Store store;
    private final Snapshotter snapshotter;
    private final Crew crew;
    private final Holds.Hold hold;

    Pull(PullRequest request, Repository repository, Store store, Snapshotter snapshotter, Crew crew, Holds.Hold hold) {
        this.request = request;
        this.progress = request.progress();
        this.repository = repository;
        this.store = store;
        this.snapshotter = snapshotter;
        this.crew = crew;
        this.hold = hold;
    }

    /**
     * Pulls.
     *
     * @return what has been pulled; its records are on disk
     */
    ImageParts run() throws InterruptedException {
        Document top = resolve();
        ImageParts parts = ImageParts.of(top, request.platform(), new FromRegistry());
        List<Descriptor> packed =
                parts.layers().stream().map(ImageParts.Layer::descriptor).toList();
        progress.resolved(parts.manifest(), packed);
        bring(parts);
        store.blobs().flush();
        record(parts);
        return parts;
    }

    /** What the name points to now. If we know the name, the registry is asked for the digest only. */
    private Document resolve() {
        boolean known = store.metadata()
                .read(records -> records.images()
                        .find(request.namespace(), request.reference().toString()))
                .isPresent();
        Optional<Descriptor> head = known ? repository.head() : Optional.empty();
        if (head.isPresent()) {
            return new FromRegistry().document(head.get());
        }
        return keep(repository.manifest());
    }

    private Document keep(Document document) {
        hold.blob(document.descriptor().digest());
        store.blobs().put(document.bytes());
        return document;
    }

    /** Documents and configs: from the store if they are there, else from the registry and into the store. */
    private final class FromRegistry implements ImageParts.Source {
        @Override
        public Document document(Descriptor descriptor) {
            Optional<byte[]> here = stored(descriptor);
            return here.isPresent() ? new Document(descriptor, here.get()) : keep(repository.manifest(descriptor));
        }

        @Override
        public byte[] config(Descriptor descriptor) {
            return stored(descriptor).orElseGet(() -> {
                byte[] bytes = fetch(descriptor);
                store.blobs().put(bytes);
                return bytes;
            });
        }

        private Optional<byte[]> stored(Descriptor descriptor) {
            hold.blob(descriptor.digest());
            return store.blobs().find(descriptor.digest()).isPresent()
                    ? Optional.of(store.blobs().read(descriptor.digest(), ImageTree.MAX_BYTES))
                    : Optional.empty();
        }

        private byte[] fetch(Descriptor descriptor) {
            if (descriptor.size() > ImageTree.MAX_BYTES) {
                throw Fault.invalid(
                        "image config " + descriptor.digest(),
                        "it has " + descriptor.size() + " bytes, more than " + ImageTree.MAX_BYTES,
                        "");
            }
            ByteBuffer whole = ByteBuffer.allocate(Math.toIntExact(descriptor.size()));
            try (Blob blob = repository.blob(descriptor, 0)) {
                for (ByteBuffer part = blob.next(); part != null; part = blob.next()) {
                    whole.put(part);
                }
            }
            if (!descriptor.digest().matches(whole.array())) {
                throw Fault.precondition(
                        "image config " + descriptor.digest(),
                        "the registry sent " + Digest.of(whole.array()),
                        "The registry's content is damaged; push the image again");
            }
            return whole.array();
        }
    }

    /** Every layer's bytes into the store, and every layer that has no snapshot yet into one. */
    private void bring(ImageParts parts) throws InterruptedException {
        List<ImageParts.Layer> layers = parts.layers();
        layers.forEach(layer -> {
            hold.blob(layer.descriptor().digest());
            hold.snapshot(layer.chain().toString());
        });
        List<LayerWork> works = layers.stream()
                .map(layer -> new LayerWork(repository, store.blobs(), crew, progress, layer))
                .toList();
        try {
            int unpacked = unpacked(layers);
            if (unpacked == layers.size()) {
                finish(begin(works, unpacked, null));
            } else {
                unpack(
                        works,
                        unpacked,
                        unpacked == 0 ? "" : layers.get(unpacked - 1).chain().toString());
            }
        } catch (Fault e) {
            if (e.code() == Fault.Code.RESOURCE_EXHAUSTED) {
                crew.close();
                works.forEach(LayerWork::drop);
            }
            throw e;
        }
    }

    private void unpack(List<LayerWork> works, int unpacked, String base) throws InterruptedException {
        try (LayerChain chain = snapshotter.layers(request.namespace(), base)) {
            try {
                List<Begun> begun = begin(works, unpacked, chain);
                finish(begun.subList(0, unpacked));
                for (Begun each : begun.subList(unpacked, begun.size())) {
                    append(chain, each);
                }
            } finally {
                crew.close(); // before the chain: its threads write into it
            }
            chain.commit();
        }
    }

    /** How many layers, from the lowest on, have their snapshots already. */
    private int unpacked(List<ImageParts.Layer> layers) {
        for (int count = layers.size(); count > 0; count--) {
            if (snapshotter.exists(
                    request.namespace(), layers.get(count - 1).chain().toString())) {
                return count;
            }
        }
        return 0;
    }

    private record Begun(LayerWork work, Future<@Nullable LayerDraft> draft) {}

    private List<Begun> begin(List<LayerWork> works, int unpacked, @Nullable LayerChain chain)
            throws InterruptedException {
        List<Begun> begun = new ArrayList<>();
        for (LayerWork work : works) {
            LayerChain into = begun.size() >= unpacked && chain != null && chain.sideBySide() ? chain : null;
            begun.add(new Begun(work, crew.begin(() -> work.run(into))));
        }
        return begun;
    }

    private void finish(List<Begun> begun) throws InterruptedException {
        for (Begun each : begun) {
            crew.result(each.draft);
        }
    }

    private void append(LayerChain chain, Begun begun) throws InterruptedException {
        LayerDraft draft = crew.result(begun.draft);
        ImageParts.Layer layer = begun.work.layer();
        String name = layer.chain().toString();
        Map<String, String> labels =
                Map.of(LAYER_LABEL, layer.descriptor().digest().toString());
        if (draft != null) {
            switch (chain.append(name, labels, draft)) {
                case Placement.Placed placed -> {
                    return;
                }
                case Placement.NeedsParent(var why) ->
                    LOG.debug(
                            "layer {} is unpacked in its turn: {}",
                            layer.descriptor().digest(),
                            why);
            }
        }
        begun.work.appendInTurn(chain, name, labels);
    }

    /** The names and the belonging of the blobs, in one transaction, on disk before anybody is told. */
    private void record(ImageParts parts) {
        Namespace namespace = request.namespace();
        Reference reference = request.reference();
        Set<String> names = new TreeSet<>(Set.of(reference.toString()));
        names.add(reference.withDigest(parts.target().digest()).toString());
        store.metadata().apply(Durability.POWER, records -> {
            for (Descriptor blob : parts.blobs()) {
                records.contents().put(namespace, blob.digest(), blob.size(), Map.of());
            }
            for (String name : names) {
                ImageRecord record = records.images()
                        .find(namespace, name)
                        .map(it -> it.withTarget(parts.target()))
                        .orElseGet(() -> ImageRecord.of(namespace, name, parts.target(), RECORD_LABELS));
                records.images().put(record);
            }
        });
    }
}
