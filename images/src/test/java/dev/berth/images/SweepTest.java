package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.oci.ChainId;
import dev.berth.oci.Digest;
import dev.berth.oci.Reference;
import dev.berth.store.Blob;
import dev.berth.store.Blobs;
import dev.berth.store.ContainerRecord;
import dev.berth.store.Contents.Content;
import dev.berth.store.Durability;
import dev.berth.store.GcLabel;
import dev.berth.store.Ingest;
import dev.berth.store.Leases;
import dev.berth.store.SnapshotRecord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the sweep keeps and takes, and that it takes nothing from under anybody. */
class SweepTest extends ImagesFixture {
    private static final Namespace K8S = Namespace.KUBERNETES;
    private static final Namespace OTHER = new Namespace("other");

    private final ServedRegistry registry = ServedRegistry.start();
    private final NotedDisk disk;
    private final Path root;

    SweepTest(@TempDir Path root) throws IOException {
        var noted = new NotedDisk();
        super(root, noted, shortPauses(3), ImageSettings.DEFAULT);
        this.root = root;
        this.disk = noted;
    }

    @AfterEach
    void close() {
        registry.close();
    }

    private String name(String repository) {
        return registry.authority() + "/" + repository;
    }

    private Image pull(Namespace namespace, String repository) {
        return images.pull(PullRequest.of(namespace, Reference.parse(name(repository))));
    }

    private Content content(Namespace namespace, Digest digest) {
        return store.metadata().read(records -> records.contents().get(namespace, digest));
    }

    @Test
    void aPullWritesContainerdsLabels() {
        var built = image(1, 2);
        var manifest = built.manifest();
        registry.add("some/app", "v1", built);
        Image image = pull(K8S, "some/app:v1");
        var parts = image.config().rootfs().diffIds();
        String top = ChainId.of(parts).toString();
        String source = "containerd.io/distribution.source.127.0.0.1";
        assertThat(content(K8S, image.target().digest()).labels())
                .isEqualTo(Map.of(
                        source,
                        "some/app",
                        "containerd.io/gc.ref.content.m.0",
                        manifest.digest().toString()));
        Map<String, String> labels = content(K8S, manifest.digest()).labels();
        assertThat(labels)
                .hasSize(4)
                .containsEntry(source, "some/app")
                .containsEntry("containerd.io/gc.ref.content.config", image.id().toString())
                .containsKeys("containerd.io/gc.ref.content.l.0", "containerd.io/gc.ref.content.l.1");
        assertThat(content(K8S, image.id()).labels())
                .isEqualTo(Map.of(source, "some/app", "containerd.io/gc.ref.snapshot.fake", top));
        for (int i = 0; i < 2; i++) {
            Digest layer = Digest.parse(labels.getOrDefault("containerd.io/gc.ref.content.l." + i, ""));
            assertThat(content(K8S, layer).labels())
                    .isEqualTo(Map.of(
                            source,
                            "some/app",
                            "containerd.io/uncompressed",
                            parts.get(i).toString()));
        }
        assertThat(snapshotter.list(K8S).getLast().labels())
                .isEqualTo(Map.of(
                        "containerd.io/snapshot.ref",
                        top,
                        "containerd.io/snapshot/diff-id",
                        parts.getLast().toString(),
                        "containerd.io/snapshot/parent-chain-id",
                        parts.getFirst().toString()));

        registry.add("an/other", "x", built).add("some/app", "y", built);
        pull(K8S, "an/other:x");
        pull(K8S, "some/app:y");
        assertThat(content(K8S, image.id()).labels()).containsEntry(source, "an/other,some/app");
    }

    /** An image must not be able to keep itself, or to hold what is not its own. */
    @Test
    void labelsOfAnImagesAuthorEnterNoRecord() {
        registry.add(
                "evil",
                "v1",
                new ImageBuilder()
                        .layer(new LayerBuilder().file("f", 0644, new byte[9]).gzip())
                        .labels(Map.of(GcLabel.ROOT, "x", "containerd.io/gc.ref.content", "sha256:0", "plain", "y"))
                        .build());
        pull(K8S, "evil:v1");
        store.metadata().apply(Durability.PROCESS, records -> {
            records.contents()
                    .list(K8S)
                    .forEach(each -> assertThat(each.labels().toString()).doesNotContain("gc.root", "plain"));
            records.images()
                    .list(K8S)
                    .forEach(each -> assertThat(each.labels()).containsOnlyKeys("io.cri-containerd.image"));
        });
    }

    /** A store of an older Berth, or of a client that sets no labels. */
    @Test
    void understandsContentWithoutLabels() throws Exception {
        var built = image(1, 2);
        registry.add("app", "v1", built).add("app", "v2", image(2, 3));
        pull(K8S, "app:v1");
        Image second = pull(K8S, "app:v2");
        store.metadata()
                .apply(
                        Durability.PROCESS,
                        records -> records.contents()
                                .list(K8S)
                                .forEach(each -> records.contents().update(K8S, each.digest(), Map.of())));
        images.sweepEverything();
        assertThat(images.list(K8S)).hasSize(2);
        assertThat(store.blobs().list()).hasSize(3 + 2 * 3);
        assertThat(snapshotter.keys(K8S)).hasSize(4);
        images.remove(K8S, second.id().toString());
        assertThat(store.blobs().list())
                .extracting(Blob::digest)
                .containsExactlyInAnyOrderElementsOf(built.blobs().keySet());
        assertThat(snapshotter.keys(K8S)).hasSize(2);
        Path rotten = root.resolve("store/blobs/sha256")
                .resolve(built.manifest().digest().hex());
        Files.write(rotten, new byte[(int) Files.size(rotten)]);
        images.sweepEverything();
        assertThat(store.blobs().list()).hasSize(2); // what cannot be read stays and leads nowhere
    }

    @Test
    void namespacesShareBlobs() throws Exception {
        registry.add("app", "v1", image(1, 2));
        pull(K8S, "app:v1");
        Image there = pull(OTHER, "app:v1");
        assertThat(store.blobs().list()).hasSize(5);
        images.remove(K8S, name("app:v1"));
        assertThat(store.blobs().list()).hasSize(5);
        assertThat(snapshotter.keys(K8S)).isEmpty();
        assertThat(snapshotter.keys(OTHER)).hasSize(2);
        assertThat(images.list(OTHER)).containsExactly(there);
        images.remove(OTHER, name("app:v1"));
        assertThat(store.blobs().list()).isEmpty();
        assertThat(snapshotter.keys(OTHER)).isEmpty();
    }

    @Test
    void recordsAreGoneForGoodBeforeTheirFilesAre() {
        registry.add("app", "v1", image(1, 2));
        pull(K8S, "app:v1");
        disk.noted();
        images.remove(K8S, name("app:v1"));
        assertThat(disk.noted())
                .containsSubsequence("sync in meta", "remove in sha256")
                .first()
                .isEqualTo("sync in meta");
    }

    @Test
    void takesWhatNobodyNeeds() throws InterruptedException {
        byte[] bytes = "content of a client".getBytes(StandardCharsets.UTF_8);
        Digest digest = Digest.of(bytes);
        try (Keeping keeping = images.keep()) {
            keeping.blob(digest);
            store.blobs().put(bytes);
            store.blobs().flush();
            images.sweepEverything();
            assertThat(store.blobs().find(digest)).isPresent();
            store.metadata()
                    .apply(
                            Durability.PROCESS,
                            records -> records.contents().put(K8S, digest, bytes.length, GcLabel.KEEP));
        }
        images.sweepNow();
        assertThat(store.blobs().find(digest)).isPresent();
        store.metadata().apply(Durability.PROCESS, records -> {
            records.contents().update(K8S, digest, Map.of());
            records.snapshots().create(SnapshotRecord.of(K8S, "fake", "stray", SnapshotRecord.Kind.ACTIVE));
        });
        images.sweepNow();
        assertThat(store.blobs().find(digest)).isEmpty();
        assertThat(snapshotter.keys(K8S)).isEmpty();
    }

    @Test
    void bytesOfDeletedContentGoAtOnceUnlessSomebodyHasThem() {
        Digest gone = delete("gone");
        Digest again = delete("again");
        record(K8S, again);
        Digest elsewhere = record(OTHER, delete("elsewhere"));
        try (Keeping keeping = images.keep()) {
            keeping.blob(Digest.of(bytes("held")));
            Digest held = delete("held");
            for (Digest digest : List.of(gone, again, elsewhere, held)) {
                images.contentDeleted(digest);
            }
            Digest last = delete("last");
            images.contentDeleted(last);
            await(() -> store.blobs().find(gone).isEmpty()
                    && store.blobs().find(last).isEmpty());
            assertThat(store.blobs().find(held))
                    .as("somebody is about to name it")
                    .isPresent();
        }
        assertThat(store.blobs().find(again)).isPresent();
        assertThat(store.blobs().find(elsewhere)).isPresent();
        assertThat(disk.noted()).containsSubsequence("sync in meta", "remove in sha256");
    }

    private static void await(BooleanSupplier condition) {
        long start = Ticker.system().nanos();
        while (!condition.getAsBoolean()) {
            assertThat(Ticker.system().since(start)).isLessThan(LIMIT);
            Thread.onSpinWait();
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Content without a record any more. */
    private Digest delete(String text) {
        Digest digest = store.blobs().put(bytes(text)).digest();
        store.blobs().flush();
        record(K8S, digest);
        store.metadata().apply(Durability.PROCESS, records -> records.contents().delete(K8S, digest));
        return digest;
    }

    private Digest record(Namespace namespace, Digest digest) {
        store.metadata()
                .apply(
                        Durability.PROCESS,
                        records -> records.contents()
                                .put(
                                        namespace,
                                        digest,
                                        store.blobs().info(digest).size(),
                                        GcLabel.KEEP));
        return digest;
    }

    /** What an import leaves when the daemon is killed. */
    @Test
    void whatNobodyCanGoOnWithGoesAtOnce() throws InterruptedException {
        Ingest writing = begin(Sweeper.once("import"));
        begin(Sweeper.once("import")).close();
        begin("layer").close();
        images.sweepNow();
        assertThat(store.blobs().ingests())
                .extracting(Blobs.Status::ref)
                .as("a pull goes on with a layer, and one ingest is still written")
                .hasSize(2)
                .contains("layer");
        writing.close();
        images.sweepNow();
        assertThat(store.blobs().ingests()).extracting(Blobs.Status::ref).containsExactly("layer");
    }

    private Ingest begin(String ref) {
        if (store.blobs().begin(ref, Blobs.Wanted.ANYTHING) instanceof Blobs.Begin.Writing(var ingest)) {
            return ingest;
        }
        throw new AssertionError(ref + " cannot begin");
    }

    @Test
    void whatALeaseBeganGoesWithIt() throws InterruptedException {
        for (String ref : List.of("leased", "gone", "free")) {
            var announced = new Blobs.Announced(0, !ref.equals("free"));
            if (store.blobs().begin(Blobs.ref(K8S, ref), Blobs.Wanted.ANYTHING, announced)
                    instanceof Blobs.Begin.Writing(var ingest)) {
                ingest.close();
            }
        }
        store.metadata().apply(Durability.PROCESS, records -> {
            records.leases().create(Leases.Lease.of(K8S, "l"));
            records.leases().add(K8S, "l", new Leases.Resource("ingests", "leased"));
        });
        images.sweepNow();
        assertThat(store.blobs().ingests())
                .extracting(Blobs.Status::ref)
                .containsExactlyInAnyOrder(Blobs.ref(K8S, "leased"), Blobs.ref(K8S, "free"));
        store.metadata().apply(Durability.PROCESS, records -> records.leases().delete(K8S, "l"));
        images.sweepNow();
        assertThat(store.blobs().ingests()).extracting(Blobs.Status::ref).containsExactly(Blobs.ref(K8S, "free"));
    }

    @Test
    void prunesWhatNoContainerUses() throws InterruptedException {
        registry.add("app", "v1", image(1, 2)).add("used", "v1", image(2, 3)).add("moved", "v1", image(4));
        pull(K8S, "app:v1");
        Image used = pull(K8S, "used:v1");
        Image old = pull(K8S, "moved:v1");
        registry.add("moved", "v1", image(5));
        Image moved = pull(K8S, "moved:v1");
        snapshotter.prepare(K8S, "c", used.snapshot(), GcLabel.KEEP);
        store.metadata()
                .apply(
                        Durability.PROCESS,
                        records -> records.containers()
                                .create(ContainerRecord.of(K8S, "c")
                                        .snapshot("fake", "c")
                                        .build()));
        Pruned first = images.prune(K8S, false);
        assertThat(first.images()).extracting(Image::id).containsExactly(old.id());
        assertThat(first.freedBytes()).isPositive();
        assertThat(images.list(K8S))
                .extracting(Image::id)
                .contains(used.id(), moved.id())
                .hasSize(3);
        assertThat(images.prune(K8S, true).images()).hasSize(2);
        assertThat(images.list(K8S)).extracting(Image::id).containsExactly(used.id());
        assertThat(images.prune(K8S, true)).isEqualTo(new Pruned(List.of(), 0));
    }

    /** Images that share layers come and go, containers are made on them, and sweeps run all the time. */
    @Test
    void takesNothingFromUnderAnybody() throws Exception {
        long seed = Long.getLong("berth.seed", System.identityHashCode(this));
        System.out.println("[bt] seed " + seed);
        for (int i = 0; i < 6; i++) {
            registry.add("app" + i, "v1", image(i % 3, 10 + i % 2, 20 + i));
        }
        garbage();
        var busy = new AtomicBoolean(true);
        var longest = new AtomicLong();
        ReentrantLock[] turns = new ReentrantLock[6];
        java.util.Arrays.setAll(turns, _ -> new ReentrantLock());
        try (ExecutorService threads = Executors.newCachedThreadPool()) {
            Future<?> sweeps = threads.submit(() -> {
                while (busy.get()) {
                    images.sweepNow();
                }
                return null;
            });
            Future<?> writes = threads.submit(() -> {
                while (busy.get()) {
                    longest.accumulateAndGet(writeOne(), Math::max);
                }
                return null;
            });
            List<Future<?>> lives = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                var random = new Random(seed + i);
                String id = "container" + i;
                Callable<Void> life = () -> {
                    for (int round = 0; round < 40; round++) {
                        int which = random.nextInt(6);
                        turns[which].lock();
                        try {
                            live("app" + which + ":v1", id + round, random.nextBoolean());
                        } finally {
                            turns[which].unlock();
                        }
                    }
                    return null;
                };
                lives.add(threads.submit(life));
            }
            try {
                for (Future<?> each : lives) {
                    each.get();
                }
            } finally {
                busy.set(false);
            }
            sweeps.get();
            writes.get();
        }
        System.out.println("[bt] longest wait for a write during sweeps: " + longest.get() / 1_000 + " us");
        images.list(K8S).forEach(image -> images.remove(K8S, image.id().toString()));
        images.sweepEverything();
        assertThat(store.blobs().list()).isEmpty();
        assertThat(snapshotter.keys(K8S)).isEmpty();
    }

    /** So much that one transaction could not remove it unnoticed. */
    private void garbage() {
        store.metadata().apply(Durability.PROCESS, records -> {
            for (int i = 0; i < 5000; i++) {
                Digest digest = Digest.of(("garbage" + i).getBytes(StandardCharsets.UTF_8));
                Digest next = Digest.of(("garbage" + (i + 1)).getBytes(StandardCharsets.UTF_8));
                records.contents().put(OTHER, digest, 1, Map.of(GcLabel.content("l.0"), next.toString()));
            }
        });
    }

    private long writeOne() {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        store.metadata().apply(Durability.PROCESS, records -> records.contents().isClaimed(Digest.of(new byte[0])));
        return ticker.since(start).toNanos();
    }

    private void live(String repository, String container, boolean remove) {
        Image image = pull(K8S, repository);
        isWhole(image);
        snapshotter.prepare(K8S, container, image.snapshot(), GcLabel.KEEP);
        store.metadata()
                .apply(
                        Durability.PROCESS,
                        records -> records.containers()
                                .create(ContainerRecord.of(K8S, container)
                                        .snapshot("fake", container)
                                        .build()));
        if (remove) {
            images.remove(K8S, name(repository));
            assertThat(snapshotter.keys(K8S)).contains(image.snapshot(), container);
        } else {
            isWhole(image);
        }
        store.metadata()
                .apply(Durability.PROCESS, records -> records.containers().remove(K8S, container));
        snapshotter.remove(K8S, container);
    }

    private void isWhole(Image image) {
        List<Digest> needed = new ArrayList<>(List.of(image.target().digest()));
        for (int i = 0; i < needed.size(); i++) {
            content(K8S, needed.get(i)).labels().forEach((key, value) -> {
                if (key.startsWith("containerd.io/gc.ref.content")) {
                    needed.add(Digest.parse(value));
                }
            });
        }
        assertThat(needed)
                .hasSize(3 + 3)
                .contains(image.id())
                .allSatisfy(digest -> assertThat(store.blobs().find(digest))
                        .as("file of " + digest)
                        .isPresent());
        List<SnapshotRecord> chain =
                store.metadata().read(records -> records.snapshots().chain(K8S, "fake", image.snapshot()));
        assertThat(chain).hasSize(3);
    }
}
