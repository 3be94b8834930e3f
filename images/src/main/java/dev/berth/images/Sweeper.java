package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
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
import dev.berth.snapshots.Snapshotters;
import dev.berth.store.Blob;
import dev.berth.store.Blobs;
import dev.berth.store.Garbage;
import dev.berth.store.Garbage.Kind;
import dev.berth.store.Garbage.Node;
import dev.berth.store.ImageRecord;
import dev.berth.store.Store;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes what nothing needs any more: records that no image, lease, container or label leads to, then their files. Runs on a thread
 * of its own, one sweep at a time, and holds up nobody: it looks at one moment of the records, removes a few of them at a time, and
 * only then their files.
 */
final class Sweeper implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Sweeper.class);

    /** How long a blob that no image has claimed yet is kept for the pull's next attempt. */
    private static final Duration GRACE = Duration.ofHours(1);

    /** Whoever brings content without a lease and a label shall have time to refer to it. */
    private static final Duration TO_BE_NAMED = Duration.ofMinutes(5);

    private static final Duration OLD_INGEST = Duration.ofHours(24);
    private static final String ONCE = "once: ";
    private static final Duration AFTER_CHANGES = Duration.ofSeconds(1);
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(30);
    /** Leases and ingests end without any change. */
    private static final int LOOKS_WITHOUT_CHANGE = 20;
    /** Records in one transaction: about a millisecond. */
    private static final int AT_ONCE = 32;

    private static final int MAX_DEPTH = 8;

    private final Store store;
    private final Snapshotters snapshotters;
    private final Catalogue catalogue;
    private final Holds holds;
    private final InstantSource clock;
    private final AtomicReference<@Nullable CountDownLatch> asked = new AtomicReference<>(); // and not begun
    private final AtomicBoolean delayed = new AtomicBoolean();
    private final Set<Digest> deleted = ConcurrentHashMap.newKeySet(); // by somebody, and not looked at yet
    private final Set<Digest> unreadable = new HashSet<>(); // told already; of the sweep's thread
    private long changes; // when the last sweep began; of the sweep's thread
    private int looks; // since the last sweep; of the sweep's thread
    private final ScheduledThreadPoolExecutor thread = new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("image-sweep").factory());

    Sweeper(Store store, Snapshotters snapshotters, Catalogue catalogue, Holds holds, InstantSource clock) {
        this.store = store;
        this.snapshotters = snapshotters;
        this.catalogue = catalogue;
        this.holds = holds;
        this.clock = clock;
        thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        var _ = thread.scheduleWithFixedDelay(
                this::look, BETWEEN_LOOKS.toSeconds(), BETWEEN_LOOKS.toSeconds(), TimeUnit.SECONDS);
    }

    /** A reference for an ingest with which nobody goes on when it was broken off. */
    static String once(String what) {
        return ONCE + what + " " + Ids.random();
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
                    sweepOrTell(Duration.ZERO); // somebody waits for it
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

    /** Sweeps in a moment, once for all that happens until then. */
    void afterChanges() {
        if (delayed.compareAndSet(false, true)) {
            try {
                var _ = thread.schedule(
                        () -> {
                            delayed.set(false);
                            sweepOrTell(TO_BE_NAMED);
                        },
                        AFTER_CHANGES.toMillis(),
                        TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException e) {
                LOG.debug("no sweep any more: closing");
            }
        }
    }

    /**
     * Removes the bytes of a blob in a moment, unless it has a record again or somebody is about to write one. Nothing else is
     * looked at: others may be about to refer to what they have written.
     */
    void deleted(Digest digest) {
        if (deleted.add(digest)) {
            try {
                var _ = thread.schedule(this::removeDeleted, AFTER_CHANGES.toMillis(), TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException e) {
                LOG.debug("no sweep any more: closing");
            }
        }
    }

    private void removeDeleted() {
        List<Digest> some = List.copyOf(deleted);
        deleted.removeAll(some);
        try {
            removeFiles(some);
        } catch (Fault e) {
            LOG.warn("bytes of deleted content: {}; a later sweep tries again", e.getMessage());
        } catch (RuntimeException e) {
            LOG.error("bytes of deleted content; a later sweep tries again", e);
        }
    }

    /**
     * Sweeps and waits for it; nothing unclaimed is spared, nor what interrupted pulls could go on with: the disk is full.
     *
     * @throws Fault if it could not be done
     */
    void everything() throws InterruptedException {
        Future<?> done = thread.submit(() -> sweep(Duration.ZERO, Duration.ZERO));
        try {
            done.get();
        } catch (ExecutionException e) {
            throw Crew.fault(e);
        }
    }

    private void look() {
        looks++;
        if (store.metadata().changes() != changes || looks >= LOOKS_WITHOUT_CHANGE) {
            sweepOrTell(TO_BE_NAMED);
        }
    }

    /** @param nameless for how long content is spared that nothing refers to and that has no label */
    private void sweepOrTell(Duration nameless) {
        try {
            sweep(nameless, GRACE);
        } catch (Fault e) {
            LOG.warn("sweep of unused image content: {}; the next one tries again", e.getMessage());
        } catch (RuntimeException e) { // a mistake of ours must not be the last sweep
            LOG.error("sweep of unused image content; the next one tries again", e);
        }
    }

    private void sweep(Duration nameless, Duration grace) {
        looks = 0;
        Instant began = clock.instant();
        holds.sweepBegins();
        try (Garbage garbage = store.metadata().collect()) {
            tell(new Reading(garbage).read());
            removeRecords(garbage, began.minus(nameless));
            sweepIngests(began, grace, garbage);
            sweepBlobs(grace);
            catalogue.retain(garbage.images().stream()
                    .map(image -> image.target().digest())
                    .collect(Collectors.toSet()));
        } finally {
            holds.sweepEnds();
        }
        changes = store.metadata().changes();
        snapshotters.all().forEach(Snapshotter::tidy);
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
     * What images need that no label tells: those of an older Berth, and those of clients that set none. Their documents are read.
     *
     * <p>A document that cannot be read is kept and leads nowhere: it comes from strangers, or from a disk that lost it, and must
     * not keep the others' room.
     */
    private final class Reading {
        private final Garbage garbage;
        private final Set<Seen> seen = new HashSet<>();
        private final Map<Digest, String> unreadable = new HashMap<>();

        /** With its type, because what one document calls a manifest may be another's config. */
        private record Seen(Namespace namespace, Digest digest, String mediaType) {}

        Reading(Garbage garbage) {
            this.garbage = garbage;
        }

        /** @return what could not be read, and why */
        Map<Digest, String> read() {
            for (ImageRecord image : garbage.images()) {
                spread(image.namespace(), image.target(), 0);
            }
            return unreadable;
        }

        private void spread(Namespace namespace, Descriptor descriptor, int depth) {
            Digest digest = descriptor.digest();
            if (depth <= MAX_DEPTH
                    && seen.add(new Seen(namespace, digest, descriptor.mediaType()))
                    && garbage.isUnlabelled(namespace, digest)
                    && store.blobs().find(digest).isPresent()) {
                try {
                    follow(namespace, descriptor, depth);
                } catch (Fault e) {
                    unreadable.putIfAbsent(digest, String.valueOf(e.getMessage()));
                }
            }
        }

        private void follow(Namespace namespace, Descriptor descriptor, int depth) {
            String type = descriptor.mediaType();
            Digest digest = descriptor.digest();
            if (MediaTypes.isIndex(type) || MediaTypes.isManifest(type)) {
                byte[] bytes = store.blobs().read(digest, ImageTree.MAX_BYTES);
                switch (ImageTree.parse(type, bytes)) {
                    case Index index -> index.manifests().forEach(child -> refer(namespace, digest, child, depth));
                    case Manifest manifest -> {
                        refer(namespace, digest, manifest.config(), depth);
                        manifest.layers().forEach(layer -> garbage.refer(namespace, digest, layer));
                    }
                }
            } else if (descriptor.size() <= ImageTree.MAX_BYTES && MediaTypes.isConfig(type)) {
                List<Digest> diffIds = ImageConfig.fromJson(store.blobs().read(digest, ImageTree.MAX_BYTES))
                        .rootfs()
                        .diffIds();
                if (!diffIds.isEmpty()) {
                    String top = ChainId.of(diffIds).toString();
                    snapshotters.names().forEach(name -> garbage.refer(namespace, digest, name, top));
                }
            }
        }

        private void refer(Namespace namespace, Digest from, Descriptor to, int depth) {
            garbage.refer(namespace, from, to);
            spread(namespace, to, depth + 1);
        }
    }

    /** @param spared content without a label that is younger stays */
    private void removeRecords(Garbage garbage, Instant spared) {
        Set<String> ours = snapshotters.names();
        List<Node> unneeded = garbage.unneeded().stream()
                .filter(node -> node.kind() != Kind.SNAPSHOT || ours.contains(node.snapshotter()))
                .filter(node -> node.kind() != Kind.CONTENT || !isToBeNamed(node, spared))
                .toList();
        Set<String> gone = new HashSet<>();
        for (int at = 0; at < unneeded.size(); at += AT_ONCE) {
            List<Node> some = unneeded.subList(at, Math.min(unneeded.size(), at + AT_ONCE));
            garbage.lookAgain(); // however long that is, no pull waits for it
            holds.remove(held -> garbage.remove(some, held)).stream()
                    .filter(node -> node.kind() == Kind.CONTENT)
                    .forEach(node -> gone.add(node.key()));
        }
        if (!gone.isEmpty()) {
            Set<Digest> claimed =
                    store.metadata().read(records -> records.contents().digests());
            removeFiles(gone.stream()
                    .map(Digest::parse)
                    .filter(digest -> !claimed.contains(digest))
                    .toList());
        }
    }

    private boolean isToBeNamed(Node node, Instant spared) {
        return store.metadata()
                .read(records -> records.contents().find(node.namespace(), Digest.parse(node.key())))
                .filter(it -> it.labels().isEmpty() && it.createdAt().isAfter(spared))
                .isPresent();
    }

    /** Their records are gone, and that must outlive a power loss if the files do not. */
    private void removeFiles(List<Digest> unclaimed) {
        if (!unclaimed.isEmpty()) {
            store.metadata().flush();
            unclaimed.forEach(digest -> holds.removeUnclaimed(store, digest));
        }
    }

    /** Files without a record: of pulls that were broken off. No record is written for them, so a full disk is no hindrance. */
    private void sweepBlobs(Duration grace) {
        if (grace.isZero()) {
            flushWhatIsLeft();
        }
        Set<Digest> claimed =
                store.metadata().read(records -> records.contents().digests());
        Instant spared = clock.instant().minus(grace);
        removeFiles(store.blobs().list().stream()
                .filter(blob -> !blob.storedAt().isAfter(spared))
                .map(Blob::digest)
                .filter(digest -> !claimed.contains(digest))
                .toList());
    }

    /** What waits for a flush cannot go while one is under way; what cannot be flushed is gone by that. */
    private void flushWhatIsLeft() {
        try {
            store.blobs().flush();
        } catch (Fault e) {
            LOG.debug("blobs that could not be flushed are gone: {}", e.getMessage());
        }
    }

    private void sweepIngests(Instant began, Duration grace, Garbage garbage) {
        List<Blobs.Status> ingests = store.blobs().ingests();
        Set<String> held = garbage.heldIngests();
        Set<String> abandoned = garbage.abandonedIngests(ingests.stream()
                .filter(ingest -> ingest.announced().leased())
                .map(Blobs.Status::ref)
                .toList());
        Instant oldest = began.minus(OLD_INGEST);
        for (Blobs.Status ingest : ingests) {
            boolean old = ingest.updatedAt().isBefore(oldest) && !held.contains(ingest.ref());
            boolean over = ingest.ref().startsWith(ONCE); // of a daemon that was killed, unless it is written right now
            boolean inTheWay = grace.isZero() && LayerWork.isIngest(ingest.ref()); // unless it is written right now
            if (old || over || inTheWay || abandoned.contains(ingest.ref())) {
                try {
                    store.blobs().abandon(ingest.ref(), began);
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
