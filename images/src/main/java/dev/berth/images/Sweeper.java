package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.ChainId;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageConfig;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.Blob;
import dev.berth.store.Blobs;
import dev.berth.store.Durability;
import dev.berth.store.ImageRecord;
import dev.berth.store.Leases;
import dev.berth.store.Records;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.Store;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes what no image needs any more: blobs, and layers' snapshots on which nothing stands. Runs on a thread of its own, one sweep
 * at a time.
 *
 * <p>Leases are respected: what one names stays.
 */
final class Sweeper implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Sweeper.class);

    /** How long a blob that no image has claimed yet is kept for the pull's next attempt. */
    private static final Duration GRACE = Duration.ofHours(1);

    private static final Duration OLD_INGEST = Duration.ofHours(24);
    private static final int MAX_DEPTH = 8;

    private final Store store;
    private final Snapshotter snapshotter;
    private final Catalogue catalogue;
    private final Holds holds;
    private final InstantSource clock;
    private final AtomicReference<@Nullable CountDownLatch> asked = new AtomicReference<>(); // and not begun
    private final Set<Digest> unreadable = new HashSet<>(); // told already; of the sweep's thread
    private final ExecutorService thread = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("image-sweep").factory());

    Sweeper(Store store, Snapshotter snapshotter, Catalogue catalogue, Holds holds, InstantSource clock) {
        this.store = store;
        this.snapshotter = snapshotter;
        this.catalogue = catalogue;
        this.holds = holds;
        this.clock = clock;
    }

    /**
     * Sweeps soon; several requests may be met by one sweep.
     *
     * @return open when a sweep that began after this call has ended, well or not
     */
    CountDownLatch soon() {
        var fresh = new CountDownLatch(1);
        CountDownLatch waiting = asked.compareAndExchange(null, fresh);
        if (waiting != null) {
            return waiting;
        }
        try {
            thread.execute(() -> {
                asked.set(null);
                try {
                    sweep(GRACE);
                } catch (Fault e) {
                    LOG.warn("sweep of unused image content: {}; the next one tries again", e.getMessage());
                } finally {
                    fresh.countDown();
                }
            });
        } catch (RejectedExecutionException e) {
            LOG.debug("no sweep any more: closing");
            fresh.countDown();
        }
        return fresh;
    }

    /**
     * Sweeps and waits for it; nothing unclaimed is spared.
     *
     * @throws Fault if it could not be done
     */
    void now() throws InterruptedException {
        Future<?> done = thread.submit(() -> sweep(Duration.ZERO));
        try {
            done.get();
        } catch (ExecutionException e) {
            throw Crew.fault(e);
        }
    }

    private void sweep(Duration grace) {
        holds.sweepBegins();
        try {
            Marks marks = store.metadata().read(this::roots).spread(store.blobs());
            tell(marks.unreadable);
            sweepSnapshots(marks);
            sweepBlobs(marks, grace);
            sweepIngests();
            snapshotter.tidy();
            catalogue.retain(marks.targets);
        } finally {
            holds.sweepEnds();
        }
    }

    /** One line for each that is new: sweeps are many, and the image stays until somebody removes it. */
    private void tell(Map<Digest, String> found) {
        unreadable.retainAll(found.keySet());
        found.forEach((digest, why) -> {
            if (unreadable.add(digest)) {
                LOG.warn("blob {} is kept, but what it names is not known: {}", digest, why);
            }
        });
    }

    /**
     * What must stay.
     *
     * <p>A document that cannot be read is kept and leads nowhere: it comes from strangers, or from a disk that lost it, and must
     * not keep the others' room.
     */
    private static final class Marks {
        private final Set<Digest> targets = new HashSet<>();
        private final Set<Digest> blobs = new HashSet<>();
        private final Set<String> snapshots = new HashSet<>();
        private final Set<Descriptor> from = new HashSet<>();
        private final Set<Seen> seen = new HashSet<>();
        private final Map<Digest, String> unreadable = new HashMap<>();

        /** With its type, because what one document calls a manifest may be another's config. */
        private record Seen(Digest digest, String mediaType) {}

        void lease(Leases.Resource resource) {
            if (resource.type().equals("content")) {
                blobs.add(Digest.parse(resource.id()));
            } else if (resource.type().startsWith("snapshots/")) {
                snapshots.add(resource.id());
            }
        }

        /** Follows what is marked to what it names. */
        Marks spread(Blobs store) {
            for (Descriptor root : from) {
                spread(store, root, 0);
            }
            return this;
        }

        private void spread(Blobs store, Descriptor descriptor, int depth) {
            Digest digest = descriptor.digest();
            blobs.add(digest);
            boolean isNew = seen.add(new Seen(digest, descriptor.mediaType()));
            if (isNew && depth <= MAX_DEPTH && store.find(digest).isPresent()) {
                try {
                    follow(store, descriptor, depth);
                } catch (Fault e) {
                    unreadable.putIfAbsent(digest, String.valueOf(e.getMessage()));
                }
            }
        }

        private void follow(Blobs store, Descriptor descriptor, int depth) {
            String type = descriptor.mediaType();
            if (MediaTypes.isIndex(type) || MediaTypes.isManifest(type)) {
                byte[] bytes = store.read(descriptor.digest(), ImageTree.MAX_BYTES);
                switch (ImageTree.parse(type, bytes)) {
                    case Index index -> index.manifests().forEach(it -> spread(store, it, depth + 1));
                    case Manifest manifest -> {
                        spread(store, manifest.config(), depth + 1);
                        manifest.layers().forEach(it -> blobs.add(it.digest()));
                    }
                }
            } else if (descriptor.size() <= ImageTree.MAX_BYTES && MediaTypes.isConfig(type)) {
                chains(ImageConfig.fromJson(store.read(descriptor.digest(), ImageTree.MAX_BYTES)));
            }
        }

        private void chains(ImageConfig config) {
            List<Digest> diffIds = config.rootfs().diffIds();
            for (int i = 0; i < diffIds.size(); i++) {
                snapshots.add(ChainId.of(diffIds.subList(0, i + 1)).toString());
            }
        }
    }

    private Marks roots(Records records) {
        Marks marks = new Marks();
        for (Namespace namespace : namespaces(records)) {
            for (Leases.Lease lease : records.leases().list(namespace)) {
                if (lease.expiresAt()
                        .filter(end -> end.isBefore(clock.instant()))
                        .isEmpty()) {
                    records.leases().resources(namespace, lease.id()).forEach(marks::lease);
                }
            }
            for (ImageRecord image : records.images().list(namespace)) {
                marks.targets.add(image.target().digest());
                marks.from.add(image.target());
            }
        }
        return marks;
    }

    private static List<Namespace> namespaces(Records records) {
        return records.namespaces().list();
    }

    private void sweepSnapshots(Marks marks) {
        for (Namespace namespace : store.metadata().read(Sweeper::namespaces)) {
            Map<String, SnapshotRecord> all = new HashMap<>();
            Map<String, Integer> children = new HashMap<>();
            for (SnapshotRecord each : snapshotter.list(namespace)) {
                all.put(each.key(), each);
                children.merge(each.parent(), 1, Integer::sum);
            }
            for (SnapshotRecord top : List.copyOf(all.values())) {
                SnapshotRecord each = children.containsKey(top.key()) ? null : top;
                while (each != null && unneeded(marks, each) && removeSnapshot(namespace, each.key())) {
                    boolean bare = children.merge(each.parent(), -1, Integer::sum) == 0;
                    each = bare ? all.get(each.parent()) : null; // down to the first on which something else stands
                }
            }
        }
    }

    private static boolean unneeded(Marks marks, SnapshotRecord snapshot) {
        return snapshot.kind() == SnapshotRecord.Kind.COMMITTED
                && snapshot.labels().containsKey(LayerSet.LAYER_LABEL)
                && !marks.snapshots.contains(snapshot.key());
    }

    private boolean removeSnapshot(Namespace namespace, String key) {
        try {
            return holds.removeSnapshot(key, () -> snapshotter.remove(namespace, key));
        } catch (Fault e) {
            LOG.debug("snapshot {} stays: {}", key, e.getMessage()); // a container was made on it meanwhile
            return false;
        }
    }

    private void sweepBlobs(Marks marks, Duration grace) {
        Set<Digest> claimed =
                store.metadata().read(records -> records.contents().digests());
        Instant spared = clock.instant().minus(grace);
        for (Blob blob : store.blobs().list()) {
            Digest digest = blob.digest();
            if (marks.blobs.contains(digest)) {
                continue;
            }
            if (claimed.contains(digest)) {
                holds.removeBlob(digest, () -> removeClaimed(digest));
            } else if (!blob.storedAt().isAfter(spared)) {
                holds.removeBlob(
                        digest, () -> store.blobs().delete(digest)); // no record: on a full disk none can be written
            }
        }
    }

    private void removeClaimed(Digest digest) {
        store.metadata().apply(Durability.PROCESS, records -> {
            for (Namespace namespace : namespaces(records)) {
                records.contents().remove(namespace, digest);
            }
        });
        store.blobs().delete(digest);
    }

    private void sweepIngests() {
        Instant oldest = clock.instant().minus(OLD_INGEST);
        for (Blobs.Status ingest : store.blobs().ingests()) {
            if (ingest.updatedAt().isBefore(oldest)) {
                try {
                    store.blobs().abort(ingest.ref());
                } catch (Fault e) {
                    LOG.debug("ingest {} stays: {}", ingest.ref(), e.getMessage());
                }
            }
        }
    }

    @Override
    public void close() {
        thread.close();
    }
}
