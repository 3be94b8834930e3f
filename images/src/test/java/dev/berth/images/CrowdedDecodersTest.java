package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import dev.berth.images.registry.RegistryClient;
import dev.berth.images.registry.RegistrySettings;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import dev.berth.store.Store;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A layer that finds no decoder must not hold the connection that the owner of one may be waiting for. */
class CrowdedDecodersTest {
    @Test
    @Timeout(120)
    void theBytesComeNevertheless(@TempDir Path root) throws Exception {
        byte[] noise = new byte[6 << 20]; // more than a pipe holds
        new Random(5).nextBytes(noise);
        var tar = new LayerBuilder().file("noise", 0644, noise);
        var layer = tar.packed(MediaTypes.OCI_LAYER_ZSTD, Zstd.compress(tar.plainBytes()));
        var image = new ImageBuilder().layer(layer).build();
        int most = LayerStream.ZSTD_AT_ONCE.availablePermits();
        try (var registry = ServedRegistry.start().add("app", "1", image);
                var store = Store.open(root.resolve("store"), new LinuxDisk(), InstantSource.system());
                var client = new RegistryClient(RegistrySettings.DEFAULT, Ticker.system());
                var images = new Images(
                        store,
                        new FakeSnapshotter(store, true),
                        client,
                        ImageSettings.DEFAULT,
                        InstantSource.system());
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            LayerStream.ZSTD_AT_ONCE.acquire(most);
            boolean crowded = true;
            try {
                Future<Image> pull = threads.submit(() -> images.pull(
                        PullRequest.of(Namespace.KUBERNETES, Reference.parse(registry.authority() + "/app:1"))));
                while (store.blobs().find(layer.descriptor().digest()).isEmpty()) {
                    assertThat(pull).isNotDone();
                    Thread.onSpinWait();
                }
                LayerStream.ZSTD_AT_ONCE.release(most);
                crowded = false;
                assertThat(pull.get().snapshot()).isNotEmpty();
            } finally {
                if (crowded) {
                    LayerStream.ZSTD_AT_ONCE.release(most);
                }
            }
        }
        assertThat(LayerStream.ZSTD_AT_ONCE.availablePermits()).isEqualTo(most);
    }
}
