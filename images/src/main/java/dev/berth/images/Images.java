package dev.berth.images;

import dev.berth.images.registry.RegistryClient;
import dev.berth.images.registry.Repository;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.snapshots.Snapshotter;
import dev.berth.snapshots.Snapshotters;
import dev.berth.store.Blobs;
import dev.berth.store.ContainerRecord;
import dev.berth.store.Durability;
import dev.berth.store.ImageRecord;
import dev.berth.store.Records;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Usage;
import dev.berth.store.Store;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;

/** The images of this node. Thread-safe. */
public final class Images implements AutoCloseable {
    private final Store store;
    private final Snapshotters snapshotters;
    private final RegistryClient registries;
    private volatile ImageSettings settings;
    private final InstantSource clock;
    private final Turns layers;
    private final Turns pushedBlobs; // a registry that is slow to take must not stop those that give
    private final LongAdder fetched = new LongAdder();
    private final Holds holds = new Holds();
    private final Catalogue catalogue;
    private final Sweeper sweeper;
    private final Unpacking unpacking;
    /** By what makes two requests one pull: all but who is told of it. */
    private final Map<PullRequest, Flight> flights = new HashMap<>();
    /** Those that nobody waits for any more, on their way to the end; guarded by the flights. */
    private final Set<Flight> ending = new HashSet<>();

    private boolean closing;

    /** With one snapshotter only. */
    public Images(
            Store store,
            Snapshotter snapshotter,
            RegistryClient registries,
            ImageSettings settings,
            InstantSource clock) {
        this(store, Snapshotters.of(snapshotter), registries, settings, clock);
    }

    /** Starts with a sweep in the background: a crash may have left content that no image has. */
    public Images(
            Store store,
            Snapshotters snapshotters,
            RegistryClient registries,
            ImageSettings settings,
            InstantSource clock) {
        this.store = store;
        this.snapshotters = snapshotters;
        this.registries = registries;
        this.settings = settings;
        this.clock = clock;
        this.layers = new Turns(settings.layersInAll());
        this.pushedBlobs = new Turns(settings.layersInAll());
        this.catalogue = new Catalogue(store, settings);
        this.sweeper = new Sweeper(store, snapshotters, catalogue, holds, clock);
        this.unpacking = new Unpacking(store, catalogue, holds, () -> crew("", new Spent()));
        sweeper.soon();
        Inflation.tell();
    }

    /**
     * Pulls an image, or joins the pull of it that is under way. A caller that is interrupted stops waiting; the pull goes on, and its
     * retry joins it.
     *
     * @return the image, listed and on disk
     * @throws Fault NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE as the registry has it; INVALID_ARGUMENT or
     *     UNIMPLEMENTED if what it serves is no image; FAILED_PRECONDITION if its content is damaged or hosts.toml is wrong;
     *     RESOURCE_EXHAUSTED if the disk is full; CANCELLED if the caller is interrupted
     */
    public Image pull(PullRequest request) {
        fetch(request);
        return catalogue
                .find(request.namespace(), request.reference().toString())
                .orElseThrow(() -> Fault.of(
                        Fault.Code.ABORTED,
                        "pull " + request.reference(),
                        "it was removed meanwhile",
                        "Pull it again"));
    }

    /**
     * As {@link #pull}, also of what this machine cannot run.
     *
     * @return what its names point to
     */
    public Descriptor fetch(PullRequest request) {
        PullRequest key = request.with(Progress.NONE);
        Flight flight;
        synchronized (flights) {
            if (closing) {
                throw Fault.unavailable("pull " + request.reference(), "the daemon is stopping", "Try again later");
            }
            flight = flights.get(key);
            if (flight == null) {
                flight = new Flight(request.reference().toString(), progress -> pulling(key, request.with(progress)));
                flights.put(key, flight);
                flight.tell(request.progress());
                flight.start();
            } else {
                flight.tell(request.progress());
            }
            flight.join();
        }
        boolean ended = false;
        try {
            Descriptor pulled = flight.await("pull " + request.reference());
            ended = true;
            return pulled;
        } finally {
            if (!ended) {
                leave(key, flight);
            }
        }
    }

    /** A kubelet whose time is up asks again. Who breaks off a pull by hand does not want it: it ends with the last who waits. */
    private void leave(PullRequest key, Flight flight) {
        synchronized (flights) {
            if (flight.leave() && !key.naming().equals(PullRequest.Naming.CRI) && flights.remove(key, flight)) {
                ending.add(flight);
                flight.interrupt();
            }
        }
    }

    private Callable<Descriptor> pulling(PullRequest key, PullRequest request) {
        return () -> {
            try {
                return pullNow(request);
            } finally {
                synchronized (flights) {
                    if (request.progress() instanceof Flight flight) {
                        flights.remove(key, flight);
                        ending.remove(flight);
                    }
                }
            }
        };
    }

    private Descriptor pullNow(PullRequest request) throws InterruptedException {
        try {
            Repository repository = registries.repository(request.reference(), request.access());
            boolean discard = settings.discard() && request.naming().equals(PullRequest.Naming.CRI);
            var wish = new Pull.Wish(request, settings.verification(), discard);
            Set<Digest> discarded;
            Descriptor pulled;
            try (Holds.Hold hold = holds.begin()) {
                String registry = request.reference().domain();
                Snapshotter snapshotter = snapshotter(request.extent());
                var pull = new Pull(wish, repository, store, snapshotter, spent -> crew(registry, spent), hold);
                pulled = pull.run();
                discarded = pull.discarded();
            }
            discarded.forEach(sweeper::deleted); // unless somebody else has them
            return pulled;
        } catch (Fault e) {
            if (e.code() == Fault.Code.RESOURCE_EXHAUSTED) {
                giveRoomBack(e);
            }
            throw e.within("pull " + request.reference());
        }
    }

    /**
     * Brings an image to a registry. What is there already is not sent; what another repository of that registry has is taken from
     * there. Two pushes of one image are two.
     *
     * @return what its name points to there
     * @throws Fault NOT_FOUND if the image, or a part of it, is not on this node; UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE,
     *     FAILED_PRECONDITION as the registry has it; CANCELLED if the caller is interrupted
     */
    public Descriptor push(PushRequest request) {
        String what = "push " + request.destination();
        try (Holds.Hold hold = holds.begin()) {
            var destination = registries.destination(request.destination(), request.access());
            String registry = request.destination().domain();
            return new Push(request, destination, store, () -> pushers(registry), hold).run();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, what, "it was interrupted", "").causedBy(e);
        } catch (Fault e) {
            throw e.within(what);
        }
    }

    private Snapshotter snapshotter(PullRequest.Extent extent) {
        return snapshotter(extent.snapshotter());
    }

    /** @throws Fault INVALID_ARGUMENT if there is none of that name */
    private Snapshotter snapshotter(String name) {
        return name.isEmpty()
                ? snapshotters.main()
                : snapshotters
                        .find(name)
                        .orElseThrow(() -> Fault.invalid(
                                "unpack to " + name,
                                "there is no such snapshotter",
                                "Use one of " + snapshotters.names()));
    }

    private Crew crew(String registry, Spent spent) {
        return new Crew(layers.of(registry), fetched, spent, settings.layersPerPull());
    }

    private Crew pushers(String registry) {
        return new Crew(pushedBlobs.of(registry), fetched, new Spent(), settings.layersPerPull());
    }

    /** Layers and the trees that they make. */
    public Diffs diffs() {
        return new Diffs(store, holds);
    }

    /** Images from archives and into them. */
    public Archives archives() {
        return new Archives(store, this::snapshotter, holds, () -> crew("", new Spent()), this::sweepSoon);
    }

    private void giveRoomBack(Fault reason) throws InterruptedException {
        try {
            sweeper.everything();
        } catch (Fault e) {
            reason.addSuppressed(e);
        }
    }

    /**
     * Sees to it that a snapshotter has an image that is on this node, as a pull for it would.
     *
     * @param snapshotter its name; empty for the main one
     * @throws Fault NOT_FOUND if packed layers that it takes are not there any more; INVALID_ARGUMENT if there is no such snapshotter
     */
    public void unpack(Namespace namespace, Image image, String snapshotter) throws InterruptedException {
        unpacking.unpack(namespace, image, snapshotter(snapshotter));
    }

    /** Whether {@link #unpack} needs no registry for it. */
    public boolean isThere(Namespace namespace, Image image, String snapshotter) {
        return unpacking.isThere(namespace, image, snapshotter(snapshotter));
    }

    /** All images of a namespace. */
    public List<Image> list(Namespace namespace) {
        return catalogue.list(namespace);
    }

    /**
     * Finds an image by its id (with or without {@code sha256:}, or the first 6 or more digits of it), by a name with a digest, or by a
     * name with a tag, in full or short form.
     *
     * @throws Fault INVALID_ARGUMENT if several ids begin so
     */
    public Optional<Image> find(Namespace namespace, String text) {
        return catalogue.find(namespace, text);
    }

    /**
     * Removes an image with all its names, whichever of them is given, and its content, except what other images share and the layers
     * on which containers stand. Does nothing if there is no such image. A caller that is interrupted no longer waits for the room;
     * the image is gone all the same.
     *
     * @return whether there was one
     */
    public boolean remove(Namespace namespace, String text) {
        Optional<Image> image = catalogue.find(namespace, text);
        if (image.isEmpty()) {
            return false;
        }
        List<ImageRecord> names = catalogue.names(namespace, image.get().id());
        store.metadata().apply(Durability.PROCESS, records -> names.forEach(name -> removeName(records, name)));
        try {
            sweeper.soon().await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return true;
    }

    /**
     * Removes the images that no container uses, except pinned ones, and waits for the room.
     *
     * @param tagged whether those go too that have a tag; else only those of which the tag has moved on
     */
    public Pruned prune(Namespace namespace, boolean tagged) throws InterruptedException {
        long before = usage(Path.of("/")).usedBytes();
        Map<Image, List<ImageRecord>> candidates = new LinkedHashMap<>();
        catalogue.list(namespace).stream()
                .filter(image -> !image.pinned() && (tagged || image.tags().isEmpty()))
                .forEach(image -> candidates.put(image, catalogue.names(namespace, image.id())));
        List<Image> unused = store.metadata().write(Durability.PROCESS, records -> {
            Set<String> used = used(records, namespace);
            List<Image> gone = candidates.keySet().stream()
                    .filter(image -> !isUsed(image, used))
                    .toList();
            gone.stream()
                    .flatMap(image -> candidates.getOrDefault(image, List.of()).stream())
                    .forEach(name -> removeName(records, name));
            return gone;
        });
        sweepNow();
        return new Pruned(unused, Math.max(0, before - usage(Path.of("/")).usedBytes()));
    }

    private static boolean isUsed(Image image, Set<String> used) {
        return (!image.snapshot().isEmpty() && used.contains(image.snapshot()))
                || used.contains(image.id().toString())
                || Stream.concat(image.tags().stream(), image.digests().stream())
                        .anyMatch(used::contains);
    }

    /** Unless it has come to be another image's since it was read. */
    private static void removeName(Records records, ImageRecord name) {
        boolean same = records.images()
                .find(name.namespace(), name.name())
                .filter(now -> now.target().digest().equals(name.target().digest()))
                .isPresent();
        if (same) {
            records.images().remove(name.namespace(), name.name());
        }
    }

    /** What containers name as their image, and the snapshots on which they stand. */
    private static Set<String> used(Records records, Namespace namespace) {
        Set<String> used = new HashSet<>();
        for (ContainerRecord container : records.containers().list(namespace)) {
            used.add(container.image());
            records.snapshots()
                    .find(namespace, container.snapshotter(), container.snapshotKey())
                    .map(SnapshotRecord::parent)
                    .ifPresent(used::add);
        }
        used.remove("");
        return used;
    }

    /** Removes in a moment what nothing needs; to be called when something has gone that may have needed others. */
    public void sweepSoon() {
        sweeper.afterChanges();
    }

    /** Removes the bytes of a blob in a moment if no namespace has it; to be called when somebody has deleted its record. */
    public void contentDeleted(Digest digest) {
        sweeper.deleted(digest);
    }

    /** What is wrong with the proxies that pulls and pushes should go through; none if nothing. */
    public List<String> unusableProxies() {
        return registries.unusableProxies();
    }

    /** Bytes of layers that came from registries since the start. */
    public long fetchedBytes() {
        return fetched.sum();
    }

    /** Has pulls that begin from now on judged by these, and their packed layers thrown away or not. */
    public void handle(Verification verification, boolean discard) {
        settings = settings.with(verification).discarding(discard);
    }

    /** Begins to keep content and snapshots that no record leads to yet. */
    public Keeping keep() {
        return holds.begin();
    }

    /** Removes what nothing needs, as garbage collection has it, and waits for it. */
    public void sweepNow() throws InterruptedException {
        sweeper.soon().await();
    }

    /** As {@link #sweepNow}, and also what an interrupted pull could go on with. */
    void sweepEverything() throws InterruptedException {
        sweeper.everything();
    }

    /**
     * What all images take.
     *
     * @param mountpoint a directory on their file system
     */
    public ImageFs usage(Path mountpoint) {
        Blobs.Usage blobs = store.blobs().usage();
        Usage layers = store.metadata().read(records -> records.snapshots().usage());
        return new ImageFs(
                mountpoint, blobs.bytes() + layers.bytes(), blobs.blobs() + layers.inodes(), clock.instant());
    }

    /** What the layers of one snapshotter take; that of all the packed ones is in {@link #usage(Path)} alone. */
    public ImageFs usage(Path mountpoint, String snapshotter) {
        Usage layers = store.metadata().read(records -> records.snapshots().usage(snapshotter));
        return new ImageFs(mountpoint, layers.bytes(), layers.inodes(), clock.instant());
    }

    /** Interrupts the pulls under way; the next ones go on with what they have. */
    @Override
    public void close() {
        List<Flight> open;
        synchronized (flights) {
            closing = true;
            open = Stream.concat(flights.values().stream(), ending.stream()).toList();
        }
        open.forEach(Flight::interrupt);
        open.forEach(Flight::awaitEnd);
        sweeper.close();
    }
}
