package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Faults;
import dev.berth.images.registry.Patience;
import dev.berth.images.registry.RegistryClient;
import dev.berth.images.registry.RegistrySettings;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Reference;
import dev.berth.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A mirror whose content is damaged: the registry itself has it right, or there is an error that says so. */
class BadMirrorTest {
    private static final Reference NAME = Reference.parse("reg.example/app:1");

    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("f", 0644, "x".repeat(100_000)).gzip();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();
    private final Faults atMirror = new Faults();
    private final Faults atOrigin = new Faults();
    private final ServedRegistry mirror = ServedRegistry.start(atMirror).add("app", "1", image);
    private final ServedRegistry origin = ServedRegistry.start(atOrigin).add("app", "1", image);
    private final Store store;
    private final RegistryClient client;
    private final Images images;

    BadMirrorTest(@TempDir Path root) throws IOException {
        Files.writeString(
                Files.createDirectories(root.resolve("certs.d/reg.example")).resolve("hosts.toml"),
                "server = \"http://" + origin.authority() + "\"\n[host.\"http://" + mirror.authority() + "\"]\n");
        var limit = Duration.ofMinutes(2);
        var patience = new Patience(limit, limit, limit, 2, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        client = new RegistryClient(
                RegistrySettings.DEFAULT.with(patience).withHosts(List.of(root.resolve("certs.d"))), Ticker.system());
        store = Store.open(root.resolve("store"), new LinuxDisk(), InstantSource.system());
        images = new Images(
                store, new FakeSnapshotter(store, true), client, ImageSettings.DEFAULT, InstantSource.system());
    }

    @AfterEach
    void close() {
        images.close();
        client.close();
        store.close();
        mirror.close();
        origin.close();
    }

    private Image pull() {
        return images.pull(PullRequest.of(Namespace.KUBERNETES, NAME));
    }

    private String layerPath() {
        return "/blobs/" + layer.descriptor().digest();
    }

    private static byte[] changed(byte[] right, int at) {
        byte[] wrong = right.clone();
        wrong[at] ^= 1;
        return wrong;
    }

    @Test
    void aLayerThatCannotBeUnpacked() {
        atMirror.always(
                layerPath(),
                Faults.reply(200, "x/y", new byte[(int) layer.descriptor().size()]));
        assertThat(pull().id()).isEqualTo(image.id());
        assertThat(atMirror.count(layerPath())).isEqualTo(1);
        assertThat(atOrigin.count(layerPath())).isEqualTo(1);
    }

    @Test
    void aLayerWithABitThatMattersOnlyToItsDigest() {
        atMirror.always(layerPath(), Faults.reply(200, "x/y", changed(layer.bytes(), 4))); // the time in gzip's head
        assertThat(pull().id()).isEqualTo(image.id());
        assertThat(atMirror.count(layerPath())).isEqualTo(1);
    }

    @Test
    void aConfig() {
        String path = "/blobs/" + image.id();
        byte[] right = image.blobs().getOrDefault(image.id(), new byte[0]);
        atMirror.always(path, Faults.reply(200, "x/y", changed(right, 1)));
        assertThat(pull().id()).isEqualTo(image.id());
        assertThat(atMirror.count(path)).isEqualTo(1);
        assertThat(atOrigin.count(path)).isEqualTo(1);
    }

    @Test
    void aLayerThatIsWrongEverywhere() throws InterruptedException {
        for (Faults faults : List.of(atMirror, atOrigin)) {
            faults.always(layerPath(), Faults.reply(200, "x/y", changed(layer.bytes(), 4)));
        }
        assertThatThrownBy(this::pull)
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining("what the registry sent is something else");
        assertThat(atMirror.count(layerPath())).isEqualTo(1);
        assertThat(atOrigin.count(layerPath())).isEqualTo(1);
        images.sweepEverything();
        assertThat(store.blobs().list()).isEmpty();
    }
}
