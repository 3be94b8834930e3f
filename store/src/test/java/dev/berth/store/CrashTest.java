package dev.berth.store;

import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.bytes;
import static dev.berth.store.StoreRoot.descriptor;
import static dev.berth.store.StoreRoot.digest;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.CrashingDisk;
import dev.berth.oci.Digest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The plug is pulled at every change: what a record names is whole afterwards, and what was confirmed is there. */
final class CrashTest {
    private static final List<String> LAYERS = List.of("layer one", "layer two", "layer three");

    @TempDir
    Path directory;

    private final AtomicInteger places = new AtomicInteger();
    private final List<String> confirmed = new ArrayList<>();

    @Test
    void everyChangeOfAPull() throws Exception {
        int changes = CrashingDisk.atEveryChange(
                n -> {
                    confirmed.clear();
                    return place();
                },
                this::pullTwice,
                disk -> {
                    check(disk.copyAfterKill(place()));
                    check(disk.copyAfterPowerLoss(place(), false, CrashTest::isSyncedBySqlite));
                    check(disk.copyAfterPowerLoss(place(), true, CrashTest::isSyncedBySqlite));
                });
        assertThat(changes).as("changes that could fail").isGreaterThan(15);
        assertThat(confirmed).containsExactly("image", "other");
    }

    private void pullTwice(CrashingDisk disk) {
        try (Store store = StoreRoot.open(disk.root(), disk)) {
            pull(store, "image", LAYERS);
            pull(store, "other", List.of("layer two", "layer four"));
            store.blobs().delete(digest("nothing"));
        }
    }

    private void pull(Store store, String name, List<String> layers) {
        for (String layer : layers) {
            store.blobs().put(bytes(layer));
        }
        store.flush();
        store.metadata().apply(Durability.POWER, records -> {
            layers.forEach(layer -> records.contents().put(K8S, digest(layer), layer.length(), Map.of()));
            records.images().create(ImageRecord.of(K8S, name, descriptor(layers.getFirst()), Map.of()));
        });
        confirmed.add(name);
    }

    private void check(Path left) throws IOException {
        try (Store store = StoreRoot.open(left)) {
            Set<Digest> named =
                    store.metadata().read(records -> records.contents().digests());
            for (Digest digest : named) {
                store.blobs().read(digest, 100); // throws if it is gone or torn
            }
            for (Blob blob : store.blobs().list()) {
                store.blobs().read(blob.digest(), 100);
            }
            List<String> images =
                    store
                            .metadata()
                            .<List<ImageRecord>>read(records -> records.images().list(K8S))
                            .stream()
                            .map(ImageRecord::name)
                            .toList();
            assertThat(images).as("confirmed images").containsAll(confirmed);
            pullAgain(store);
            try (Stream<Path> ingests = Files.list(left.resolve("ingest"))) {
                assertThat(ingests).hasSameSizeAs(store.blobs().ingests());
            }
        }
    }

    /** Whatever is left must not be in the way of the next pull. */
    private static void pullAgain(Store store) {
        for (String layer : LAYERS) {
            for (int attempt = 0; store.blobs().find(digest(layer)).isEmpty(); attempt++) {
                assertThat(attempt).as("attempts to pull " + layer).isLessThan(2);
                ingest(store, layer);
            }
        }
        store.flush();
        assertThat(store.blobs().ingests()).extracting(Blobs.Status::ref).isSubsetOf("put " + digest("layer four"));
    }

    private static void ingest(Store store, String layer) {
        Blobs.Wanted wanted = Blobs.Wanted.of(digest(layer), layer.length());
        switch (store.blobs().begin("put " + digest(layer), wanted)) {
            case Blobs.Begin.Writing(var ingest) -> {
                int from = (int) ingest.offset();
                ingest.write(bytes(layer), from, layer.length() - from);
                ingest.commit();
            }
            case Blobs.Begin.AlreadyThere(var blob) -> assertThat(blob.size()).isEqualTo(layer.length());
            case Blobs.Begin.Busy busy -> throw new AssertionError("nobody else is here: " + busy);
        }
    }

    /** SQLite syncs its own file; its log is ours to sync, and loses what we did not. */
    private static boolean isSyncedBySqlite(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(".db") || name.endsWith("-shm");
    }

    private Path place() {
        return directory.resolve("place-" + places.incrementAndGet());
    }
}
