package dev.berth.store;

import static dev.berth.store.GarbageRecords.OVERLAY;
import static dev.berth.store.GarbageRecords.active;
import static dev.berth.store.GarbageRecords.container;
import static dev.berth.store.GarbageRecords.content;
import static dev.berth.store.GarbageRecords.id;
import static dev.berth.store.GarbageRecords.image;
import static dev.berth.store.GarbageRecords.lease;
import static dev.berth.store.GarbageRecords.leased;
import static dev.berth.store.GarbageRecords.left;
import static dev.berth.store.GarbageRecords.map;
import static dev.berth.store.GarbageRecords.snapshot;
import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.NOW;
import static dev.berth.store.StoreRoot.OTHER;
import static dev.berth.store.StoreRoot.descriptor;
import static dev.berth.store.StoreRoot.digest;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.store.Garbage.Kind;
import dev.berth.store.Garbage.Node;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What is written while unneeded records are removed, and in which order they go. */
final class GarbageTest extends OpenStore {
    private static Node node(String content) {
        return GcLabel.contentNode(K8S, digest(content));
    }

    /** After each piece everything that is still there has all that it refers to. */
    @Test
    void referrersGoFirst() {
        metadata.apply(Durability.PROCESS, r -> {
            content(r, "c");
            content(r, "b", "containerd.io/gc.ref.content", id("c"));
            content(r, "a", "containerd.io/gc.ref.content", id("b"), "containerd.io/gc.ref.snapshot.overlayfs", "s1");
            snapshot(r, "s0", "");
            snapshot(r, "s1", "s0");
        });
        try (Garbage garbage = metadata.collect()) {
            List<Node> order = garbage.unneeded();
            assertThat(order).hasSize(5).first().isEqualTo(node("a"));
            assertThat(order.indexOf(node("b"))).isLessThan(order.indexOf(node("c")));
            assertThat(order)
                    .extracting(Node::name)
                    .filteredOn(name -> name.startsWith("s") && name.length() == 2)
                    .containsExactly("s1", "s0");
        }
    }

    /** Whatever is written after the look at the records, by whichever way, keeps what it leads to. */
    @Test
    void keepsWhatIsNeededMeanwhile() {
        List<Consumer<Records>> ways = List.of(
                r -> image(r, "i", "a"),
                r -> lease(r, "l", leased("content", id("a"))),
                r -> r.leases().add(K8S, "old", leased("content", id("a"))),
                r -> r.contents().update(K8S, digest("a"), map("x", "y")),
                r -> content(r, "a", "x", "z"),
                r -> content(r, "new", "containerd.io/gc.ref.content", id("a")),
                r -> container(r, "c", "", "containerd.io/gc.ref.content", id("a")),
                r -> active(r, "s", "", "containerd.io/gc.ref.content", id("a")),
                r -> r.sandboxes()
                        .create(SandboxRecord.of(K8S, "p")
                                .labels(map("containerd.io/gc.ref.content", id("a")))
                                .build()));
        metadata.apply(Durability.PROCESS, r -> r.leases().create(Leases.Lease.of(K8S, "old")));
        for (Consumer<Records> way : ways) {
            metadata.apply(Durability.PROCESS, r -> {
                content(r, "a", "containerd.io/gc.ref.content", id("b"));
                content(r, "b", "containerd.io/gc.ref.snapshot.overlayfs", "t");
                content(r, "c");
                snapshot(r, "t", "");
            });
            try (Garbage garbage = metadata.collect()) {
                List<Node> unneeded = garbage.unneeded();
                assertThat(unneeded).hasSize(4);
                metadata.apply(Durability.PROCESS, way::accept);
                assertThat(garbage.remove(unneeded, _ -> false)).containsExactly(node("c"));
            }
            everythingGoes();
        }
    }

    private void everythingGoes() {
        metadata.apply(Durability.PROCESS, r -> {
            r.images().remove(K8S, "i");
            r.leases().remove(K8S, "l");
            r.leases().drop(K8S, "old", leased("content", id("a")));
            r.containers().remove(K8S, "c");
            r.sandboxes().remove(K8S, "p");
        });
        try (Garbage garbage = metadata.collect()) {
            garbage.remove(garbage.unneeded(), _ -> false);
        }
        assertThat(left(metadata)).containsExactly("lease old");
    }

    @Test
    void aLeaseThatIsRenewedMeanwhileHolds() {
        metadata.apply(Durability.PROCESS, r -> {
            lease(
                    r,
                    "l",
                    leased("content", id("a")),
                    GcLabel.EXPIRE,
                    NOW.minusSeconds(1).toString());
            content(r, "a");
        });
        try (Garbage garbage = metadata.collect()) {
            List<Node> unneeded = garbage.unneeded();
            assertThat(unneeded).hasSize(2).first().extracting(Node::kind).isEqualTo(Kind.LEASE);
            metadata.apply(Durability.PROCESS, r -> {
                r.leases().remove(K8S, "l");
                lease(r, "l", leased("content", id("a")));
            });
            assertThat(garbage.remove(unneeded, _ -> false)).isEmpty();
        }
    }

    @Test
    void whatIsSparedStays() {
        metadata.apply(Durability.PROCESS, r -> {
            content(r, "a");
            content(r, "b");
        });
        try (Garbage garbage = metadata.collect()) {
            assertThat(garbage.remove(garbage.unneeded(), node -> node.name().equals(id("a"))))
                    .containsExactly(node("b"));
        }
    }

    @Test
    void knowsWhatBytesMustTell() {
        metadata.apply(Durability.PROCESS, r -> {
            image(r, "i", "a");
            content(r, "a");
            content(r, "b");
            content(r, "c", "containerd.io/gc.ref.content.config", id("b"));
        });
        try (Garbage garbage = metadata.collect()) {
            assertThat(garbage.images()).extracting(ImageRecord::name).containsExactly("i");
            assertThat(garbage.isUnlabelled(K8S, digest("a"))).isTrue();
            assertThat(garbage.isUnlabelled(K8S, digest("c"))).isFalse();
            assertThat(garbage.isUnlabelled(OTHER, digest("a"))).isFalse();
            garbage.refer(K8S, digest("a"), descriptor("c"));
            garbage.refer(K8S, digest("c"), OVERLAY, "none");
            assertThat(garbage.unneeded()).isEmpty();
        }
    }

    @Test
    void ingestsAreHeldByLeasesToo() {
        metadata.apply(Durability.PROCESS, r -> {
            lease(r, "l", leased("ingests", "one"));
            lease(
                    r,
                    "m",
                    leased("ingest", "two"),
                    GcLabel.EXPIRE,
                    NOW.minus(Duration.ofDays(1)).toString());
        });
        try (Garbage garbage = metadata.collect()) {
            assertThat(garbage.heldIngests()).containsExactly(Blobs.ref(K8S, "one"));
            assertThat(garbage.abandonedIngests(List.of())).containsExactly(Blobs.ref(K8S, "two"));
            assertThat(garbage.abandonedIngests(List.of(Blobs.ref(K8S, "one"), Blobs.ref(K8S, "three"))))
                    .as("what a lease held that is gone goes too")
                    .containsExactlyInAnyOrder(Blobs.ref(K8S, "two"), Blobs.ref(K8S, "three"));
        }
    }
}
