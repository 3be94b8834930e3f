package dev.berth.images;

import dev.berth.images.registry.Patience;
import dev.berth.images.registry.RegistryClient;
import dev.berth.images.registry.RegistrySettings;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.kernel.Disk;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.store.Store;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;

/** A node that has images and nothing else: a store in a folder of the test, and snapshots that are only records. */
abstract class ImagesFixture {
    static final Duration LIMIT = Duration.ofMinutes(2);

    final Store store;
    final FakeSnapshotter snapshotter;
    final RegistryClient client;
    final Images images;

    ImagesFixture(Path root, Disk disk, RegistrySettings registries, ImageSettings settings) {
        store = Store.open(root.resolve("store"), disk, InstantSource.system());
        snapshotter = new FakeSnapshotter(store, true);
        client = new RegistryClient(registries, Ticker.system());
        images = new Images(store, snapshotter, client, settings, InstantSource.system());
    }

    /** Registries are on this machine: what they may still be waited for is not worth a pause. */
    static RegistrySettings shortPauses(int attempts) {
        return RegistrySettings.DEFAULT.with(
                new Patience(LIMIT, LIMIT, LIMIT, attempts, new Pauses(Duration.ofMillis(1), Duration.ofMillis(20))));
    }

    @AfterEach
    void closeImages() {
        images.close();
        client.close();
        store.close();
    }

    /** An image with a layer of noise for each seed. */
    static ImageBuilder.Built image(int... seeds) {
        var builder = new ImageBuilder().cmd("sh");
        for (int seed : seeds) {
            builder.layer(new LayerBuilder()
                    .file("file" + seed, 0644, noise(seed, 20_000))
                    .gzip());
        }
        return builder.build();
    }

    /** Bytes that cannot be packed, the same for the same seed. */
    static byte[] noise(int seed, int size) {
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }
}
