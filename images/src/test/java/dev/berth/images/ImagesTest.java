package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.github.luben.zstd.Zstd;
import dev.berth.images.registry.Faults;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import dev.berth.store.Blob;
import dev.berth.store.Blobs;
import dev.berth.store.GcLabel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pull, list, find and remove, with a registry that can misbehave and a snapshotter that only counts. */
class ImagesTest extends ImagesFixture {
    private static final Namespace K8S = Namespace.KUBERNETES;

    private final Faults faults = new Faults();
    private final ServedRegistry registry = ServedRegistry.start(faults);
    private final Path root;

    ImagesTest(@TempDir Path root) throws IOException {
        super(root, new LinuxDisk(), shortPauses(3), ImageSettings.DEFAULT);
        this.root = root;
    }

    @AfterEach
    void close() {
        registry.close();
    }

    private static LayerBuilder.Layer layer(int seed, int size) {
        return new LayerBuilder().file("file" + seed, 0644, noise(seed, size)).gzip();
    }

    private static ImageBuilder.Built large(int... seeds) {
        var builder = new ImageBuilder().cmd("sh").user("1000:1000");
        for (int seed : seeds) {
            builder.layer(layer(seed, 200_000));
        }
        return builder.build();
    }

    private String name(String repository) {
        return registry.authority() + "/" + repository;
    }

    private Image pull(String repository) {
        return images.pull(PullRequest.of(K8S, Reference.parse(name(repository))));
    }

    private static void refused(Fault.Code code, String why, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.code()).as(fault.getMessage()).isEqualTo(code))
                .hasMessageContaining(why);
    }

    private void nothingIsLeft() throws InterruptedException {
        images.sweepEverything();
        assertThat(store.blobs().list()).isEmpty();
        assertThat(snapshotter.keys(K8S)).isEmpty();
        assertThat(snapshotter.openChains).hasValue(0);
        assertThat(images.list(K8S)).isEmpty();
    }

    @Test
    void pullsListsAndRemoves() throws InterruptedException {
        var built = large(1, 2, 3);
        registry.add("app", "v1", built);
        Image image = pull("app:v1");
        assertThat(image.id()).isEqualTo(built.id());
        assertThat(image.tags()).containsExactly(name("app:v1"));
        assertThat(image.digests()).containsExactly(name("app@" + built.target().digest()));
        assertThat(image.uid()).hasValue(1000);
        assertThat(image.config().config().cmd()).containsExactly("sh");
        assertThat(snapshotter.keys(K8S)).hasSize(3).last().isEqualTo(image.snapshot());
        assertThat(store.blobs().list())
                .extracting(Blob::digest)
                .containsExactlyInAnyOrderElementsOf(built.blobs().keySet());
        assertThat(images.list(K8S)).containsExactly(image);
        assertThat(images.usage(Path.of("/")).usedBytes()).isGreaterThan(1_200_000);

        for (String known : List.of(
                image.id().toString(),
                image.id().hex(),
                image.id().hex().substring(0, 13),
                name("app:v1"),
                name("app@") + built.target().digest())) {
            assertThat(images.find(K8S, known)).as(known).contains(image);
        }
        for (String unknown : List.of(
                name("app:v2"), name("app"), "abc", "", "UP", image.id().hex().substring(0, 5))) {
            assertThat(images.find(K8S, unknown)).as(unknown).isEmpty();
        }
        assertThat(images.find(new Namespace("other"), name("app:v1"))).isEmpty();

        assertThat(images.remove(K8S, name("app:v1"))).isTrue();
        assertThat(images.remove(K8S, name("app:v1"))).isFalse();
        nothingIsLeft();
        assertThat(images.usage(Path.of("/")).usedBytes()).isZero();
    }

    @Test
    void fetchesNothingTwice() {
        registry.add("app", "v1", large(1, 2)).add("app", "v2", large(1, 2, 3)).add("other", "x", large(1, 2));
        pull("app:v1");
        long asked = faults.seen().size();
        pull("app:v1");
        assertThat(faults.seen().subList((int) asked, faults.seen().size()))
                .singleElement()
                .satisfies(it -> assertThat(it).startsWith("HEAD"));
        pull("app:v2");
        assertThat(snapshotter.unpacked).hasValue(3 + 0);
        assertThat(faults.count("/blobs/")).isEqualTo(2 + 1 + 2); // layers, and two configs
        Image image = pull("other:x");
        assertThat(image.tags()).containsExactly(name("app:v1"), name("other:x"));
        assertThat(faults.count("/blobs/")).isEqualTo(5);
        images.remove(K8S, name("app:v1"));
        assertThat(images.list(K8S))
                .singleElement()
                .satisfies(it -> assertThat(it.tags()).containsExactly(name("app:v2")));
    }

    @Test
    void movesATag() throws InterruptedException {
        var old = large(1);
        registry.add("app", "latest", old);
        pull("app");
        registry.add("app", "latest", large(2));
        Image newer = pull("app");
        assertThat(newer.tags()).containsExactly(name("app:latest"));
        assertThat(images.find(K8S, old.id().toString()).orElseThrow().tags()).isEmpty();
        images.sweepEverything();
        assertThat(images.list(K8S)).hasSize(2);
    }

    @Test
    void pullsByDigest() {
        var built = large(1);
        registry.add("app", "v1", built);
        Image image = pull("app@" + built.target().digest());
        assertThat(image.tags()).isEmpty();
        assertThat(image.digests()).containsExactly(name("app@" + built.target().digest()));
        assertThat(pull("app@" + built.manifest().digest()).digests()).hasSize(2);
    }

    @Test
    void aDigestIsNotBelievedOfWhoeverNamesAnother() {
        var built = large(1);
        var other = large(2);
        String digest = built.target().digest().toString();
        registry.add("app", "v1", built);
        Image image = pull("app@" + digest);
        registry.add("app", digest, other); // whoever asks for one gets the other
        refused(Fault.Code.FAILED_PRECONDITION, other.target().digest().toString(), () -> pull("app@" + digest));
        assertThat(images.find(K8S, name("app@" + digest))).contains(image);
    }

    @Test
    void keepsWhatContainersStandOn() throws InterruptedException {
        registry.add("app", "v1", large(1, 2));
        Image image = pull("app:v1");
        snapshotter.prepare(K8S, "container", image.snapshot(), GcLabel.KEEP);
        images.remove(K8S, name("app:v1"));
        assertThat(snapshotter.keys(K8S)).hasSize(3).contains(image.snapshot());
        assertThat(store.blobs().list()).isEmpty(); // when the removal returns
        snapshotter.remove(K8S, "container");
        nothingIsLeft();
    }

    @Test
    void sweepsOnIfAnImageLies() throws InterruptedException {
        var built = large(1, 2);
        List<Digest> own = List.copyOf(built.blobs().keySet()); // layers, config, manifest
        List<Descriptor> entries = new ArrayList<>();
        for (Digest lie : List.of(own.get(0), own.get(2))) {
            for (String type : List.of(MediaTypes.OCI_MANIFEST, MediaTypes.OCI_INDEX, MediaTypes.OCI_CONFIG)) {
                entries.add(new Descriptor(type, lie, 300, List.of(), Map.of(), "", Platform.parse("linux/s390x"), ""));
            }
        }
        entries.add(built.manifest());
        registry.add("lie", "true", built)
                .add(
                        "lie",
                        "latest",
                        MediaTypes.OCI_INDEX,
                        Index.of(MediaTypes.OCI_INDEX, entries).toJson());
        Image liar = pull("lie");
        registry.add("app", "v1", large(3));
        pull("app:v1");
        images.remove(K8S, name("app:v1"));
        images.sweepEverything();
        assertThat(store.blobs().list()).extracting(Blob::digest).contains(own.get(0), own.get(1), own.get(2));
        assertThat(store.blobs().list()).hasSize(5); // all of the liar, nothing of the other
        assertThat(snapshotter.keys(K8S)).hasSize(2).last().isEqualTo(liar.snapshot());
        images.remove(K8S, name("lie"));
        nothingIsLeft();
    }

    @Test
    void sweepsOnIfTheDiskLostSomething() throws Exception {
        var built = large(1);
        registry.add("app", "v1", built).add("app", "v2", large(2));
        pull("app:v1");
        pull("app:v2");
        Path rotten = blob(built.manifest().digest());
        Files.write(rotten, new byte[(int) Files.size(rotten)]);
        images.remove(K8S, name("app:v2"));
        images.sweepEverything();
        assertThat(store.blobs().list())
                .extracting(Blob::digest)
                .containsExactlyInAnyOrderElementsOf(built.blobs().keySet()); // the records know what the bytes said
        images.remove(K8S, name("app:v1"));
        nothingIsLeft();
    }

    private Path blob(Digest digest) {
        return root.resolve("store/blobs/sha256").resolve(digest.hex());
    }

    @Test
    void joinsPullsOfOneImage() throws Exception {
        registry.add("app", "v1", large(1, 2)).add("app", "v2", large(2, 3));
        var arrived = new CountDownLatch(1);
        var goOn = new CountDownLatch(1);
        faults.always(_ -> !held(arrived, goOn), Faults.html());
        try (ExecutorService callers = Executors.newCachedThreadPool()) {
            List<Future<Image>> results = new ArrayList<>();
            var gone = new Thread(() -> assertThatThrownBy(() -> pull("app:v1")).isInstanceOf(Fault.class));
            gone.start();
            arrived.await();
            Callable<Image> v1 = () -> pull("app:v1");
            for (int i = 0; i < 5; i++) {
                results.add(callers.submit(v1));
            }
            results.add(callers.submit(() -> pull("app:v2")));
            gone.interrupt(); // its leaving ends nothing
            gone.join();
            goOn.countDown();
            for (Future<Image> each : results) {
                assertThat(each.get()).isNotNull();
            }
        }
        assertThat(faults.seen().stream()
                        .filter(it -> it.contains("/blobs/"))
                        .distinct()
                        .count())
                .isEqualTo(faults.count("/blobs/"))
                .isEqualTo(2 + 3);
        assertThat(faults.count("/manifests/v1")).isEqualTo(1);
    }

    @Test
    void aPullThatIsBrokenOffByHandEnds() throws Exception {
        registry.add("app", "v1", large(1, 2));
        var arrived = new CountDownLatch(1);
        var stuck = new CountDownLatch(1);
        faults.always(_ -> !held(arrived, stuck), Faults.html());
        var byHand = PullRequest.of(K8S, Reference.parse(name("app:v1")))
                .with(new PullRequest.Naming(List.of("x"), Map.of()));
        var gone =
                new Thread(() -> assertThatThrownBy(() -> images.fetch(byHand)).isInstanceOf(Fault.class));
        gone.start();
        arrived.await();
        gone.interrupt();
        gone.join();
        for (Thread pull : Thread.getAllStackTraces().keySet()) {
            boolean ours = pull.getName().equals("pull " + name("app:v1"));
            assertThat(!ours || pull.join(Duration.ofMinutes(2))).isTrue();
        }
        stuck.countDown();
        assertThat(images.fetch(byHand)).as("the next one begins anew").isNotNull();
    }

    private static boolean held(CountDownLatch arrived, CountDownLatch goOn) {
        arrived.countDown();
        try {
            return goOn.await(1, TimeUnit.HOURS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void tellsProgress() {
        Map<Digest, Progress.Stage> stages = new ConcurrentHashMap<>();
        List<Descriptor> layers = new ArrayList<>();
        registry.add("app", "v1", large(1, 2));
        images.pull(PullRequest.of(K8S, Reference.parse(name("app:v1"))).with(new Progress() {
            @Override
            public void resolved(Descriptor manifest, List<Descriptor> all) {
                layers.addAll(all);
            }

            @Override
            public void layer(Digest layer, Stage stage, long bytes) {
                stages.put(layer, stage);
            }
        }));
        assertThat(layers)
                .hasSize(2)
                .allSatisfy(it -> assertThat(stages).containsEntry(it.digest(), Progress.Stage.DONE));
    }

    @Test
    void goesOnAfterABrokenPull() throws InterruptedException {
        var built = large(1, 2);
        byte[] first = layer(1, 200_000).bytes();
        String path = "/blobs/" + Digest.of(first);
        registry.add("app", "v1", built);
        faults.next(1, path, Faults.truncated(first, 150_000));
        faults.next(3, path, Faults.status(503));
        refused(Fault.Code.UNAVAILABLE, "503", () -> pull("app:v1"));
        assertThat(images.list(K8S)).isEmpty();
        assertThat(snapshotter.openChains).hasValue(0);
        assertThat(store.blobs().ingests()).extracting(Blobs.Status::offset).contains(150_000L);
        pull("app:v1");
        assertThat(faults.count(path + " Range=bytes=150000-")).isPositive();
        assertThat(faults.seen()).filteredOn(it -> it.endsWith(path)).hasSize(1);
        images.remove(K8S, name("app:v1"));
        nothingIsLeft();
        assertThat(store.blobs().ingests()).isEmpty();
    }

    @Test
    void beginsAnewIfWhatWasThereIsWrong() {
        byte[] bytes = layer(1, 200_000).bytes();
        registry.add("app", "v1", large(1));
        faults.next(1, "/blobs/" + Digest.of(bytes), Faults.truncated(new byte[bytes.length], 1000));
        faults.next(1, "/blobs/" + Digest.of(bytes), Faults.status(404));
        refused(Fault.Code.NOT_FOUND, "no such blob", () -> pull("app:v1"));
        assertThat(store.blobs().ingests()).hasSize(1);
        assertThat(pull("app:v1").tags()).hasSize(1);
    }

    @Test
    void refusesDamagedContent() throws InterruptedException {
        var good = layer(1, 200_000);
        String path = "/blobs/" + good.descriptor().digest();
        registry.add("app", "v1", large(1));

        byte[] flipped = good.bytes().clone();
        flipped[flipped.length - 1] ^= 1; // gzip's length: found by the unpacker or by the hash
        faults.next(1, path, Faults.reply(200, "x/y", flipped));
        assertThatThrownBy(() -> pull("app:v1")).isInstanceOf(Fault.class);
        nothingIsLeft();

        byte[] other = new LayerBuilder().file("other", 0644, "x").plainBytes();
        faults.next(1, path, Faults.reply(200, "x/y", other));
        refused(Fault.Code.FAILED_PRECONDITION, "bytes at the registry", () -> pull("app:v1"));
        nothingIsLeft();

        pull("app:v1");
    }

    @Test
    void refusesLayersThatAreNotWhatTheConfigSays() throws InterruptedException {
        var one = layer(1, 1000);
        var two = layer(2, 1000);
        var other = new LayerBuilder.Layer(one.descriptor(), two.diffId(), one.bytes());
        registry.add("app", "v1", new ImageBuilder().layer(other).build());
        refused(Fault.Code.FAILED_PRECONDITION, "config says", () -> pull("app:v1"));
        nothingIsLeft();
    }

    @Test
    void refusesLayersThatAreBroken() throws InterruptedException {
        byte[] tar = new LayerBuilder().file("a", 0644, new byte[100_000]).plainBytes();
        byte[] gzip = layer(7, 100_000).bytes();
        byte[] cut = Arrays.copyOf(gzip, gzip.length - 20);
        byte[] trailing = Arrays.copyOf(gzip, gzip.length + 20);
        byte[] noTar = "hello".getBytes(StandardCharsets.UTF_8);
        for (byte[] bytes : List.of(cut, trailing, noTar, new byte[0])) {
            var layer = new LayerBuilder.Layer(
                    Descriptor.of(MediaTypes.OCI_LAYER_GZIP, Digest.of(bytes), bytes.length), Digest.of(tar), bytes);
            registry.add("app", "v1", new ImageBuilder().layer(layer).build());
            Fault fault = catchThrowableOfType(Fault.class, () -> pull("app:v1"));
            assertThat(fault.code()).isIn(Fault.Code.INVALID_ARGUMENT, Fault.Code.FAILED_PRECONDITION);
            assertThat(fault)
                    .hasMessageStartingWith(
                            "pull %s: layer %s: ",
                            name("app:v1"), layer.descriptor().digest());
            nothingIsLeft();
        }
    }

    @Test
    void givesRoomBackWhenTheDiskIsFull() {
        registry.add("app", "v1", large(1, 2, 3));
        snapshotter.full = true;
        refused(Fault.Code.RESOURCE_EXHAUSTED, "full", () -> pull("app:v1"));
        assertThat(store.blobs().list()).isEmpty(); // at once, without being asked
        assertThat(store.blobs().ingests()).isEmpty();
        assertThat(snapshotter.openChains).hasValue(0);
        snapshotter.full = false;
        pull("app:v1");
    }

    @Test
    void refusesWhatIsNoImageForUs() throws InterruptedException {
        registry.add(
                "app",
                "arm",
                new ImageBuilder()
                        .platform(Platform.parse("linux/s390x"))
                        .layer(layer(1, 10))
                        .build());
        refused(Fault.Code.NOT_FOUND, "only those for linux/s390x", () -> pull("app:arm"));
        registry.add("app", "v1", MediaTypes.OCI_MANIFEST, "{\"schemaVersion\":2}".getBytes(StandardCharsets.UTF_8));
        refused(Fault.Code.INVALID_ARGUMENT, "config", () -> pull("app:v1"));
        registry.add(
                "app",
                "old",
                "application/vnd.docker.distribution.manifest.v1+json",
                "{\"schemaVersion\":1}".getBytes(StandardCharsets.UTF_8));
        refused(Fault.Code.UNIMPLEMENTED, "schema 1", () -> pull("app:old"));
        nothingIsLeft();
    }

    @Test
    void unpacksEveryPackingAndEmptyImages() {
        var tar = new LayerBuilder().file("f", 0644, new byte[70_000]);
        byte[] plain = tar.plainBytes();
        byte[] zstd = Zstd.compress(plain);
        var twice = new ByteArrayOutputStream();
        for (byte[] part : List.of(Arrays.copyOf(plain, 5000), Arrays.copyOfRange(plain, 5000, plain.length))) {
            try (var gzip = new GZIPOutputStream(twice)) {
                gzip.write(part);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        registry.add(
                "zstd",
                "latest",
                new ImageBuilder()
                        .layer(tar.packed(MediaTypes.OCI_LAYER_ZSTD, zstd))
                        .build());
        registry.add("plain", "latest", new ImageBuilder().layer(tar.plain()).build());
        registry.add(
                "members",
                "latest",
                new ImageBuilder()
                        .layer(tar.packed(MediaTypes.DOCKER_LAYER_GZIP, twice.toByteArray()))
                        .build());
        registry.add("scratch", "latest", new ImageBuilder().build());
        registry.add(
                "same",
                "latest",
                new ImageBuilder()
                        .layer(tar.gzip())
                        .layer(tar.gzip())
                        .layer(tar.gzip())
                        .layer(tar.gzip())
                        .build());
        assertThat(pull("zstd").snapshot())
                .isEqualTo(pull("plain").snapshot())
                .isEqualTo(pull("members").snapshot());
        assertThat(pull("scratch").snapshot()).isEmpty();
        assertThat(snapshotter.keys(K8S)).hasSize(1);
        pull("same");
        assertThat(snapshotter.keys(K8S)).hasSize(4);
    }
}
