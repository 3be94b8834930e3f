package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Faults;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Manifest;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import dev.berth.store.Blob;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Packed layers that are thrown away once they are unpacked. */
class DiscardTest extends ImagesFixture {
    private static final Namespace K8S = Namespace.KUBERNETES;

    private final Faults faults = new Faults();
    private final ServedRegistry registry = ServedRegistry.start(faults);

    DiscardTest(@TempDir Path root) throws IOException {
        super(root, new LinuxDisk(), shortPauses(3), ImageSettings.DEFAULT.discarding());
    }

    @AfterEach
    void close() {
        registry.close();
    }

    private PullRequest request(String repository) {
        return PullRequest.of(K8S, reference(repository));
    }

    private Reference reference(String repository) {
        return Reference.parse(registry.authority() + "/" + repository);
    }

    private static Set<Digest> documents(ImageBuilder.Built... built) {
        return List.of(built).stream()
                .flatMap(each ->
                        Stream.of(each.target().digest(), each.manifest().digest(), each.id()))
                .collect(Collectors.toSet());
    }

    private Set<Digest> blobs() {
        return store.blobs().list().stream().map(Blob::digest).collect(Collectors.toSet());
    }

    private void awaitGone(Digest digest) {
        long start = Ticker.system().nanos();
        while (store.blobs().find(digest).isPresent()) {
            assertThat(Ticker.system().since(start)).isLessThan(LIMIT);
            Thread.onSpinWait();
        }
    }

    private void awaitBlobs(Set<Digest> wanted) {
        long start = Ticker.system().nanos();
        while (!blobs().equals(wanted)) {
            assertThat(Ticker.system().since(start)).isLessThan(LIMIT);
            Thread.onSpinWait();
        }
    }

    @Test
    void packedLayersGoAndAreNotFetchedAgain() throws InterruptedException {
        var built = image(1, 2);
        registry.add("app", "v1", built).add("app", "v2", image(1, 2, 3));
        Image image = images.pull(request("app:v1"));
        awaitBlobs(documents(built));
        assertThat(faults.count("/blobs/")).isEqualTo(3);
        assertThat(images.pull(request("app:v1"))).isEqualTo(image);
        assertThat(faults.count("/blobs/")).isEqualTo(3);
        images.sweepEverything();
        assertThat(images.list(K8S)).containsExactly(image);
        assertThat(snapshotter.keys(K8S)).hasSize(2).contains(image.snapshot());
        assertThat(store.check(true)).isEmpty();

        images.pull(request("app:v2"));
        assertThat(faults.count("/blobs/"))
                .as("one config and the one layer that is not unpacked yet")
                .isEqualTo(5);
        awaitBlobs(documents(built, image(1, 2, 3)));
        images.remove(K8S, reference("app:v1").toString());
        images.remove(K8S, reference("app:v2").toString());
        images.sweepEverything();
        assertThat(blobs()).isEmpty();
        assertThat(snapshotter.keys(K8S)).isEmpty();
    }

    @Test
    void whatAnotherClientPullsStaysWhole() throws InterruptedException {
        var built = image(1, 2);
        registry.add("app", "v1", built).add("other", "v1", image(1, 2, 3));
        var naming = new PullRequest.Naming(List.of("mine"), Map.of());
        images.fetch(request("app:v1").with(naming));
        images.pull(request("app:v1"));
        images.pull(request("other:v1"));
        Digest last = store.blobs().put(new byte[] {1}).digest();
        store.blobs().flush();
        images.contentDeleted(last);
        awaitGone(last); // and by then those layers were looked at, or are with it
        images.sweepEverything();
        assertThat(blobs())
                .as("layers that somebody has stay")
                .containsAll(built.blobs().keySet());
    }

    @Test
    void whatIsMissingIsFetchedForWhoWantsItAll() throws InterruptedException {
        var built = image(1, 2);
        registry.add("app", "v1", built);
        images.pull(request("app:v1"));
        awaitBlobs(documents(built));
        images.fetch(request("app:v1").with(new PullRequest.Naming(List.of("mine"), Map.of())));
        images.sweepEverything();
        assertThat(blobs()).isEqualTo(built.blobs().keySet());
        assertThat(snapshotter.unpacked).as("the snapshots were there").hasValue(2);
    }

    @Test
    void whatIsExportedStaysUntilItIsWritten() throws InterruptedException {
        registry.add("app", "v1", image(1, 2, 3, 4, 5, 6)); // more than is written at once
        images.fetch(request("app:v1"));
        String name = reference("app:v1").toString();
        var export = new Archives.Export(K8S, List.of(name), List.of(Platform.host()), false, true, false);
        var whole = new ByteArrayOutputStream();
        images.archives().write(export, whole);
        var cut = new ByteArrayOutputStream() {
            @Override
            public synchronized void write(byte[] bytes, int from, int length) {
                if (size() == 0) {
                    images.remove(K8S, name); // and waits for the sweep
                    assertThat(images.list(K8S)).isEmpty();
                }
                super.write(bytes, from, length);
            }
        };
        images.archives().write(export, cut);
        assertThat(cut.toByteArray()).isEqualTo(whole.toByteArray());
        images.sweepEverything();
        assertThat(blobs()).isEmpty();
    }

    @Test
    void pushAndExportSayWhatIsMissing() {
        var built = image(1);
        registry.add("app", "v1", built);
        images.pull(request("app:v1"));
        awaitBlobs(documents(built));
        String name = reference("app:v1").toString();
        var manifest = (Manifest) ImageTree.parse(
                built.manifest().mediaType(),
                store.blobs().read(built.manifest().digest(), 100_000));
        String missing = "layer " + manifest.layers().getFirst().digest();
        var export = new Archives.Export(K8S, List.of(name), List.of(Platform.host()), false, true, false);
        assertThatThrownBy(() -> images.archives().write(export, OutputStream.nullOutputStream()))
                .hasMessageContainingAll(missing, "discard_unpacked_layers", "ctr images pull")
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND));
        assertThatThrownBy(() -> images.push(PushRequest.of(K8S, reference("app:v1"))))
                .hasMessageContainingAll(missing, "discard_unpacked_layers", "ctr images pull")
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND));
    }
}
