package dev.berth.store;

import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.OTHER;
import static dev.berth.store.StoreRoot.descriptor;
import static dev.berth.store.StoreRoot.digest;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.store.SnapshotRecord.Kind;
import dev.berth.store.SnapshotRecord.Usage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EventTest {
    private static final String OVERLAY = "overlayfs";

    @TempDir
    Path root;

    private Store store;
    private final List<Event> told = new ArrayList<>();
    private final Consumer<List<Event>> listener = told::addAll;

    @BeforeEach
    void open() {
        store = StoreRoot.open(root);
        store.metadata().listen(listener);
    }

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void everyChangeIsToldOnceInOrder() {
        store.metadata().apply(Durability.POWER, r -> {
            r.namespaces().create(OTHER, Map.of("a", "b"));
            r.namespaces().update(OTHER, Map.of());
            r.namespaces().delete(OTHER);
            r.images().create(ImageRecord.of(K8S, "i", descriptor("m"), Map.of()));
            r.images().update(ImageRecord.of(K8S, "i", descriptor("m"), Map.of("c", "d")));
            r.images().remove(K8S, "i");
            r.images().remove(K8S, "i");
            r.contents().put(K8S, digest("x"), 7, Map.of());
            r.contents().put(K8S, digest("x"), 7, Map.of("again", "yes"));
            r.contents().remove(K8S, digest("x"));
        });
        store.metadata().apply(Durability.PROCESS, r -> {
            SnapshotRecord active = r.snapshots().create(SnapshotRecord.of(K8S, OVERLAY, "one", Kind.ACTIVE));
            r.snapshots().commit(active, "layer", Map.of(), Usage.ZERO);
            r.snapshots()
                    .create(SnapshotRecord.of(K8S, OVERLAY, "two", Kind.VIEW).on("layer"));
            r.snapshots().delete(K8S, OVERLAY, "two");
        });
        ContainerRecord container = ContainerRecord.of(K8S, "c").image("i").build();
        store.metadata().apply(Durability.PROCESS, r -> {
            r.containers().create(container);
            r.containers().update(container);
            r.containers().delete(K8S, "c");
        });
        assertThat(told)
                .containsExactly(
                        new Event.NamespaceCreated(OTHER, Map.of("a", "b")),
                        new Event.NamespaceUpdated(OTHER, Map.of()),
                        new Event.NamespaceDeleted(OTHER),
                        new Event.ImageCreated(K8S, "i", Map.of()),
                        new Event.ImageUpdated(K8S, "i", Map.of("c", "d")),
                        new Event.ImageDeleted(K8S, "i"),
                        new Event.ContentCreated(K8S, digest("x"), 7, ""),
                        new Event.ContentDeleted(K8S, digest("x")),
                        new Event.SnapshotPrepared(K8S, OVERLAY, "one", ""),
                        new Event.SnapshotCommitted(K8S, OVERLAY, "one", "layer"),
                        new Event.SnapshotRemoved(K8S, OVERLAY, "two"),
                        new Event.ContainerCreated(K8S, container),
                        new Event.ContainerUpdated(K8S, container),
                        new Event.ContainerDeleted(K8S, "c"));
    }

    @Test
    void whatWasTakenBackIsNotTold() {
        assertThatThrownBy(() -> store.metadata().apply(Durability.PROCESS, r -> {
                    r.contents().put(K8S, digest("x"), 7, Map.of());
                    r.images().get(K8S, "none");
                }))
                .isInstanceOf(Fault.class);
        store.metadata().apply(Durability.PROCESS, r -> r.contents().put(K8S, digest("y"), 7, Map.of()));
        assertThat(told).containsExactly(new Event.ContentCreated(K8S, digest("y"), 7, ""));
        store.metadata().ignore(listener);
        store.metadata().apply(Durability.PROCESS, r -> r.contents().remove(K8S, digest("y")));
        assertThat(told).hasSize(1);
    }
}
