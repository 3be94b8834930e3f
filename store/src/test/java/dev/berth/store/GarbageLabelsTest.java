package dev.berth.store;

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
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.store.Garbage.Node;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What stays and what goes, label by label, as containerd has it. */
final class GarbageLabelsTest extends OpenStore {
    /**
     * Some records and what is left of them.
     *
     * @param left kinds and names, as {@link #left} tells them
     */
    record Case(String name, Consumer<Records> records, List<String> left) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static Case of(String name, Consumer<Records> records, String... left) {
        return new Case(name, records, List.of(left));
    }

    static Stream<Case> cases() {
        return Stream.of(contentCases(), imageCases(), snapshotCases(), recordCases(), leaseCases(), flatCases())
                .flatMap(cases -> cases);
    }

    private static Stream<Case> contentCases() {
        return Stream.of(
                of("content that nobody has", r -> content(r, "a")),
                of("a root", r -> content(r, "a", GcLabel.ROOT, "2020"), "content a"),
                of("a root whose key has a name", r -> content(r, "a", GcLabel.ROOT + ".x", ""), "content a"),
                of(
                        "an image's target",
                        r -> {
                            content(r, "a");
                            image(r, "i", "a");
                        },
                        "content a",
                        "image i"),
                of(
                        "an image of another namespace",
                        r -> {
                            content(r, OTHER, "a");
                            image(r, "i", "a");
                        },
                        "image i"),
                of(
                        "children",
                        r -> {
                            image(r, "i", "a");
                            content(r, "a", "containerd.io/gc.ref.content.m.0", id("b"));
                            content(
                                    r,
                                    "b",
                                    "containerd.io/gc.ref.content.config",
                                    id("c"),
                                    "containerd.io/gc.ref.content/l",
                                    id("d"));
                            content(r, "c", "containerd.io/gc.ref.content", id("e"));
                            content(r, "d");
                            content(r, "e");
                            content(r, "f");
                        },
                        "content a",
                        "content b",
                        "content c",
                        "content d",
                        "content e",
                        "image i"),
                of(
                        "keys that only begin so",
                        r -> {
                            content(r, "a", GcLabel.ROOT, "x", "containerd.io/gc.ref.contents", id("b"));
                            content(r, "b");
                        },
                        "content a"),
                of("a circle", r -> {
                    content(r, "a", "containerd.io/gc.ref.content", id("b"));
                    content(r, "b", "containerd.io/gc.ref.content", id("a"));
                }));
    }

    private static Stream<Case> imageCases() {
        String past = NOW.minusSeconds(1).toString();
        String future = NOW.plusSeconds(1).toString();
        return Stream.of(
                of(
                        "an image's labels",
                        r -> {
                            image(
                                    r,
                                    "i",
                                    "a",
                                    "containerd.io/gc.ref.content.x",
                                    id("b"),
                                    "containerd.io/gc.ref.snapshot.overlayfs",
                                    "s");
                            content(r, "a");
                            content(r, "b");
                            snapshot(r, "s", "");
                        },
                        "content a",
                        "content b",
                        "image i",
                        "snapshot s"),
                of(
                        "an image whose time is over",
                        r -> {
                            image(r, "i", "a", GcLabel.EXPIRE, past);
                            image(r, "j", "b", GcLabel.EXPIRE, future);
                            image(r, "k", "c", GcLabel.EXPIRE, "some day");
                            content(r, "a");
                            content(r, "b");
                            content(r, "c");
                        },
                        "content b",
                        "content c",
                        "image j",
                        "image k"),
                of(
                        "an image that another refers to",
                        r -> {
                            image(r, "i", "a", GcLabel.EXPIRE, past);
                            image(r, "j", "b", "containerd.io/gc.ref.image.other", "i");
                            content(r, "a");
                            content(r, "b");
                        },
                        "content a",
                        "content b",
                        "image i",
                        "image j"));
    }

    private static Stream<Case> snapshotCases() {
        return Stream.of(
                of(
                        "snapshots",
                        r -> {
                            snapshot(r, "s1", "");
                            snapshot(r, "s2", "s1");
                            active(r, "a", "s2");
                            snapshot(r, "t1", "", GcLabel.ROOT, "x");
                            active(r, "b", "t1", GcLabel.ROOT, "x");
                            active(r, "c", "t1");
                        },
                        "snapshot b",
                        "snapshot t1"),
                of(
                        "a config's snapshots",
                        r -> {
                            image(r, "i", "a", "containerd.io/gc.ref.content", id("c"));
                            content(r, "a");
                            content(
                                    r,
                                    "c",
                                    "containerd.io/gc.ref.snapshot.overlayfs/x",
                                    "s2",
                                    "containerd.io/gc.ref.snapshot.native",
                                    "s3");
                            snapshot(r, "s1", "");
                            snapshot(r, "s2", "s1");
                            snapshot(r, "s3", "s2");
                        },
                        "content a",
                        "content c",
                        "image i",
                        "snapshot s1",
                        "snapshot s2"),
                of(
                        "a snapshot's content",
                        r -> {
                            active(r, "a", "", GcLabel.ROOT, "x", "containerd.io/gc.ref.content.x", id("c"));
                            content(r, "c");
                        },
                        "content c",
                        "snapshot a"));
    }

    private static Stream<Case> recordCases() {
        return Stream.of(
                of(
                        "a container",
                        r -> {
                            snapshot(r, "s", "");
                            active(r, "a", "s");
                            active(r, "b", "s");
                            container(r, "x", "a", "containerd.io/gc.ref.content.y", id("c"));
                            container(r, "y", "");
                            content(r, "c");
                        },
                        "content c",
                        "snapshot a",
                        "snapshot s"),
                of(
                        "a pod's labels",
                        r -> {
                            r.sandboxes()
                                    .create(SandboxRecord.of(K8S, "p")
                                            .labels(map("containerd.io/gc.ref.content", id("c")))
                                            .build());
                            content(r, "c");
                        },
                        "content c"));
    }

    private static Stream<Case> leaseCases() {
        String past = NOW.minusSeconds(1).toString();
        String future = NOW.plusSeconds(1).toString();
        return Stream.of(
                of(
                        "back references",
                        r -> {
                            content(r, "a", "containerd.io/gc.bref.image.x", "i");
                            content(r, "b", "containerd.io/gc.bref.container", "x");
                            content(r, "c", "containerd.io/gc.bref.content/y", id("a"));
                            snapshot(r, "s", "", "containerd.io/gc.bref.snapshot.overlayfs/z", "t");
                            snapshot(r, "t", "", GcLabel.ROOT, "x");
                            content(r, "d", "containerd.io/gc.bref.container", "nobody");
                            content(r, "e", "containerd.io/gc.bref.content", id("d"));
                            image(r, "i", "t");
                            container(r, "x", "");
                        },
                        "content a",
                        "content b",
                        "content c",
                        "image i",
                        "snapshot s",
                        "snapshot t"),
                of(
                        "leases",
                        r -> {
                            lease(r, "l1", leased("content", id("a")));
                            lease(r, "l2", leased("content", id("b")), GcLabel.EXPIRE, past);
                            lease(r, "l3", leased("content", id("c")), GcLabel.EXPIRE, future);
                            lease(r, "l4", leased("snapshots/overlayfs", "s"));
                            lease(r, "l5", leased("images", "i"));
                            for (String each : List.of("a", "b", "c", "d")) {
                                content(r, each);
                            }
                            content(r, "e", "containerd.io/gc.ref.content", id("f"));
                            content(r, "f");
                            image(r, "i", "e", GcLabel.EXPIRE, past);
                            snapshot(r, "s0", "");
                            snapshot(r, "s", "s0");
                        },
                        "content a",
                        "content c",
                        "content e",
                        "content f",
                        "image i",
                        "lease l1",
                        "lease l3",
                        "lease l4",
                        "lease l5",
                        "snapshot s",
                        "snapshot s0"),
                of("a lease with an end of its own", r -> {
                    r.leases().create(Leases.Lease.of(K8S, "l").until(NOW.minusSeconds(1)));
                    r.leases().add(K8S, "l", leased("content", id("a")));
                    content(r, "a");
                }));
    }

    private static Stream<Case> flatCases() {
        String past = NOW.minusSeconds(1).toString();
        return Stream.of(
                of(
                        "flat leases",
                        r -> {
                            lease(r, "l1", leased("content", id("a")), GcLabel.FLAT, "x");
                            lease(r, "l2", leased("images", "i"), GcLabel.FLAT, "x");
                            lease(r, "l3", leased("snapshots/overlayfs", "s"), GcLabel.FLAT, "x");
                            image(r, "i", "c", GcLabel.EXPIRE, past, "containerd.io/gc.ref.content", id("d"));
                            content(r, "a", "containerd.io/gc.ref.content", id("b"));
                            content(r, "b");
                            content(r, "c", "containerd.io/gc.ref.content", id("d"));
                            content(r, "d");
                            snapshot(r, "s0", "");
                            snapshot(r, "s", "s0", "containerd.io/gc.ref.content", id("d"));
                        },
                        "content a",
                        "content c",
                        "image i",
                        "lease l1",
                        "lease l2",
                        "lease l3",
                        "snapshot s",
                        "snapshot s0"),
                of(
                        "what is leased flat and needed elsewhere",
                        r -> {
                            lease(r, "l1", leased("content", id("a")), GcLabel.FLAT, "x");
                            content(r, "a", "containerd.io/gc.ref.content", id("b"), GcLabel.ROOT, "x");
                            content(r, "b");
                        },
                        "content a",
                        "content b",
                        "lease l1"));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void keepsWhatIsNeeded(Case each) {
        metadata.apply(Durability.PROCESS, each.records::accept);
        try (Garbage garbage = metadata.collect()) {
            List<Node> unneeded = garbage.unneeded();
            assertThat(garbage.remove(unneeded, _ -> false)).isEqualTo(unneeded);
        }
        assertThat(left(metadata)).containsExactlyInAnyOrderElementsOf(each.left);
    }
}
