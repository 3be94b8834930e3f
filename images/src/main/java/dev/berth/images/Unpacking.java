package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.Durability;
import dev.berth.store.Store;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** Brings images that are there to a snapshotter that does not have them yet. Thread-safe. */
final class Unpacking {
    private final Store store;
    private final Catalogue catalogue;
    private final Holds holds;
    private final Supplier<Crew> crews;
    private final ReentrantLock oneAtATime = new ReentrantLock(); // several callers mostly want the same image

    Unpacking(Store store, Catalogue catalogue, Holds holds, Supplier<Crew> crews) {
        this.store = store;
        this.catalogue = catalogue;
        this.holds = holds;
        this.crews = crews;
    }

    /** Whether a snapshotter has an image, or can get it without a registry. */
    boolean isThere(Namespace namespace, Image image, Snapshotter snapshotter) {
        return has(namespace, image, snapshotter) || isWhole(namespace, layers(image));
    }

    private static boolean has(Namespace namespace, Image image, Snapshotter snapshotter) {
        return image.snapshot().isEmpty() || snapshotter.exists(namespace, image.snapshot());
    }

    /** @throws Fault NOT_FOUND if layers that it takes are not there; FAILED_PRECONDITION, RESOURCE_EXHAUSTED as in a pull */
    void unpack(Namespace namespace, Image image, Snapshotter snapshotter) throws InterruptedException {
        if (has(namespace, image, snapshotter)) {
            return;
        }
        oneAtATime.lockInterruptibly();
        try (Holds.Hold hold = holds.begin()) {
            if (has(namespace, image, snapshotter)) {
                return; // who was here before wanted the same
            }
            ImageParts parts = catalogue.parts(image.target()).orElseThrow(() -> gone(image, snapshotter));
            parts.layers().forEach(layer -> {
                hold.blob(layer.descriptor().digest());
                hold.snapshot(layer.chain().toString());
            });
            if (!isWhole(namespace, parts.layers())) {
                throw gone(image, snapshotter);
            }
            try (Crew crew = crews.get()) {
                new LayerSet(namespace, store.blobs(), snapshotter, LayerSource.NOWHERE, Progress.NONE, crew)
                        .bring(parts.layers(), LayerSet.Aim.BOTH);
            }
            var labels = new ContentLabels();
            labels.add(parts, Optional.of(snapshotter.name()));
            store.metadata()
                    .apply(
                            Durability.POWER,
                            records -> labels.all()
                                    .forEach((_, entry) ->
                                            records.contents().put(namespace, entry.blob(), entry.labels())));
        } finally {
            oneAtATime.unlock();
        }
    }

    private List<ImageParts.Layer> layers(Image image) {
        return catalogue.parts(image.target()).map(ImageParts::layers).orElse(List.of());
    }

    /** Bytes without a record are on their way out. */
    private boolean isWhole(Namespace namespace, List<ImageParts.Layer> layers) {
        return store.metadata()
                        .<Boolean>read(records -> layers.stream()
                                .allMatch(layer -> records.contents()
                                        .find(namespace, layer.descriptor().digest())
                                        .isPresent()))
                && layers.stream()
                        .allMatch(layer ->
                                store.blobs().find(layer.descriptor().digest()).isPresent());
    }

    private static Fault gone(Image image, Snapshotter snapshotter) {
        return Fault.notFound(
                "unpack image " + image.id() + " to " + snapshotter.name(),
                "not all of its packed layers are on this node",
                "Pull it again with the runtime handler that needs it so");
    }
}
