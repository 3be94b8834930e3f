package dev.berth.store;

import static dev.berth.store.BlobsTest.has;
import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.NOW;
import static dev.berth.store.StoreRoot.OTHER;
import static dev.berth.store.StoreRoot.bytes;
import static dev.berth.store.StoreRoot.descriptor;
import static dev.berth.store.StoreRoot.digest;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.store.SnapshotRecord.Kind;
import dev.berth.store.SnapshotRecord.Usage;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

final class MetadataTest extends OpenStore {
    @Test
    void imagesComeBackAfterARestart() {
        ImageRecord image = ImageRecord.of(K8S, "docker.io/library/busybox:latest", descriptor("m"), Map.of("a", "b"));
        ImageRecord stored = metadata.write(Durability.POWER, r -> r.images().create(image));
        assertThat(stored.createdAt()).isEqualTo(NOW);
        store.close();
        open();
        assertThat(metadata.<ImageRecord>read(r -> r.images().get(K8S, image.name())))
                .isEqualTo(stored);
        assertThat(metadata.<List<ImageRecord>>read(r -> r.images().listByTarget(K8S, digest("m"))))
                .containsExactly(stored);
        assertThat(metadata.<List<ImageRecord>>read(r -> r.images().list(OTHER)))
                .isEmpty();
    }

    @Test
    void whatIsThereAndWhatIsNot() {
        ImageRecord image = ImageRecord.of(K8S, "a", descriptor("m"), Map.of());
        metadata.write(Durability.PROCESS, r -> r.images().create(image));
        assertThatThrownBy(
                        () -> metadata.write(Durability.PROCESS, r -> r.images().create(image)))
                .satisfies(has(Fault.Code.ALREADY_EXISTS));
        assertThatThrownBy(() -> metadata.read(r -> r.images().get(K8S, "b"))).satisfies(has(Fault.Code.NOT_FOUND));
        assertThatThrownBy(() -> metadata.apply(
                        Durability.PROCESS,
                        r -> r.images().update(ImageRecord.of(K8S, "b", descriptor("m"), Map.of()))))
                .satisfies(has(Fault.Code.NOT_FOUND));
        metadata.write(Durability.PROCESS, r -> r.images().put(image.withTarget(descriptor("n"))));
        assertThat(metadata.<Descriptor>read(r -> r.images().get(K8S, "a").target()))
                .isEqualTo(descriptor("n"));
        metadata.apply(Durability.PROCESS, r -> r.images().delete(K8S, "a"));
        assertThatThrownBy(
                        () -> metadata.apply(Durability.PROCESS, r -> r.images().delete(K8S, "a")))
                .satisfies(has(Fault.Code.NOT_FOUND));
    }

    @Test
    void aTransactionIsAllOrNothing() {
        assertThatThrownBy(() -> metadata.apply(Durability.POWER, r -> {
                    r.leases().create(Leases.Lease.of(K8S, "l"));
                    throw new IllegalArgumentException("stop");
                }))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(metadata.<Optional<Leases.Lease>>read(r -> r.leases().find(K8S, "l")))
                .isEmpty();
        assertThat(metadata.<List<Namespace>>read(r -> r.namespaces().list())).isEmpty();
    }

    @Test
    void aReadCannotWriteAndTransactionsDoNotNest() {
        assertThatThrownBy(() -> metadata.read(r -> r.leases().create(Leases.Lease.of(K8S, "l"))))
                .isInstanceOf(Fault.class);
        assertThatThrownBy(
                        () -> metadata.read(r -> metadata.read(q -> q.images().list(K8S))))
                .satisfies(has(Fault.Code.INTERNAL));
        assertThat(metadata.<List<Leases.Lease>>read(r -> r.leases().list(K8S))).isEmpty();
    }

    @Test
    void containersKeepEverything() {
        ContainerRecord container = ContainerRecord.of(K8S, "c1")
                .labels(Map.of("io.kubernetes.pod.name", "p"))
                .image("docker.io/library/busybox:latest")
                .runtime("crun", new Payload("options", bytes("o")))
                .snapshot("overlay", "c1")
                .spec(new Payload("spec", bytes("{}")))
                .sandbox("s1")
                .extension("cri", Payload.of(bytes("state 1")))
                .build();
        ContainerRecord stored =
                metadata.write(Durability.PROCESS, r -> r.containers().create(container));
        assertThat(metadata.<ContainerRecord>read(r -> r.containers().get(K8S, "c1")))
                .isEqualTo(stored);
        assertThat(metadata.<List<ContainerRecord>>read(r -> r.containers().list(K8S)))
                .containsExactly(stored);

        metadata.apply(
                Durability.PROCESS, r -> r.containers().putExtension(K8S, "c1", "cri", Payload.of(bytes("state 2"))));
        assertThat(metadata.<Optional<Payload>>read(r -> r.containers().findExtension(K8S, "c1", "cri")))
                .contains(Payload.of(bytes("state 2")));
        ContainerRecord updated = metadata.write(
                Durability.PROCESS,
                r -> r.containers()
                        .update(stored.but()
                                .labels(Map.of())
                                .extensions(Map.of())
                                .build()));
        assertThat(updated.labels()).isEmpty();
        assertThat(updated.extensions()).isEmpty();
        assertThat(metadata.<Boolean>write(
                        Durability.PROCESS, r -> r.containers().remove(K8S, "c1")))
                .isTrue();
        assertThat(metadata.<Boolean>write(
                        Durability.PROCESS, r -> r.containers().remove(K8S, "c1")))
                .isFalse();
        assertThatThrownBy(() -> metadata.apply(
                        Durability.PROCESS, r -> r.containers().putExtension(K8S, "c1", "cri", Payload.NONE)))
                .satisfies(has(Fault.Code.NOT_FOUND));
    }

    @Test
    void sandboxesKeepEverything() {
        SandboxRecord sandbox = SandboxRecord.of(K8S, "s1")
                .labels(Map.of("a", "b"))
                .runtime("crun", Payload.NONE)
                .sandboxer("berth")
                .spec(new Payload("spec", bytes("{}")))
                .extension("cri", Payload.of(bytes("x")))
                .build();
        SandboxRecord stored =
                metadata.write(Durability.POWER, r -> r.sandboxes().create(sandbox));
        assertThat(metadata.<SandboxRecord>read(r -> r.sandboxes().get(K8S, "s1")))
                .isEqualTo(stored);
        assertThat(metadata.<List<SandboxRecord>>read(r -> r.sandboxes().list(K8S)))
                .containsExactly(stored);
        assertThatThrownBy(() ->
                        metadata.write(Durability.PROCESS, r -> r.sandboxes().create(sandbox)))
                .satisfies(has(Fault.Code.ALREADY_EXISTS));
        metadata.apply(Durability.PROCESS, r -> r.sandboxes().delete(K8S, "s1"));
        assertThat(metadata.<List<SandboxRecord>>read(r -> r.sandboxes().list(K8S)))
                .isEmpty();
    }

    @Test
    void snapshotsStandOnEachOther() {
        SnapshotRecord top = metadata.write(Durability.POWER, r -> {
            Snapshots snapshots = r.snapshots();
            SnapshotRecord base = snapshots.create(SnapshotRecord.of(K8S, "overlay", "prepare-1", Kind.ACTIVE));
            snapshots.commit(base, "layer-1", Map.of("a", "b"), new Usage(10, 2));
            return snapshots.create(
                    SnapshotRecord.of(K8S, "overlay", "c1", Kind.ACTIVE).on("layer-1"));
        });
        assertThat(top.parent()).isEqualTo("layer-1");
        assertThat(metadata.<List<SnapshotRecord>>read(r -> r.snapshots().chain(K8S, "overlay", "c1")))
                .extracting(SnapshotRecord::key)
                .containsExactly("c1", "layer-1");
        assertThat(metadata.<Usage>read(r -> r.snapshots().usage())).isEqualTo(new Usage(10, 2));
        assertThatThrownBy(() ->
                        metadata.write(Durability.PROCESS, r -> r.snapshots().delete(K8S, "overlay", "layer-1")))
                .satisfies(has(Fault.Code.FAILED_PRECONDITION));
        assertThatThrownBy(() -> metadata.write(
                        Durability.PROCESS,
                        r -> r.snapshots()
                                .create(SnapshotRecord.of(K8S, "overlay", "c2", Kind.ACTIVE)
                                        .on("c1"))))
                .satisfies(has(Fault.Code.INVALID_ARGUMENT));
        assertThatThrownBy(() -> metadata.write(
                        Durability.PROCESS, r -> r.snapshots().commit(top, "layer-1", Map.of(), Usage.ZERO)))
                .satisfies(has(Fault.Code.ALREADY_EXISTS));
        SnapshotRecord removed =
                metadata.write(Durability.PROCESS, r -> r.snapshots().delete(K8S, "overlay", "c1"));
        SnapshotRecord next = metadata.write(
                Durability.PROCESS, r -> r.snapshots().create(SnapshotRecord.of(K8S, "overlay", "c3", Kind.VIEW)));
        assertThat(next.number()).as("never given twice").isGreaterThan(removed.number());
    }

    @Test
    void aSnapshotIsGraftedOntoAParentThatCameLater() {
        SnapshotRecord committed = metadata.write(Durability.PROCESS, r -> {
            Snapshots snapshots = r.snapshots();
            SnapshotRecord upper = snapshots.create(SnapshotRecord.of(K8S, "overlay", "draft-2", Kind.ACTIVE));
            SnapshotRecord lower = snapshots.create(SnapshotRecord.of(K8S, "overlay", "draft-1", Kind.ACTIVE));
            snapshots.commit(lower, "layer-1", Map.of(), Usage.ZERO);
            return snapshots.commit(snapshots.graft(upper, "layer-1"), "layer-2", Map.of(), Usage.ZERO);
        });
        assertThat(committed.parent()).isEqualTo("layer-1");
        assertThatThrownBy(() ->
                        metadata.write(Durability.PROCESS, r -> r.snapshots().graft(committed, "layer-1")))
                .satisfies(has(Fault.Code.FAILED_PRECONDITION));
    }

    @Test
    void leasesHoldThingsUntilTheyExpire() {
        Leases.Resource blob = new Leases.Resource("content", digest("x").toString());
        metadata.apply(Durability.PROCESS, r -> {
            r.leases().create(Leases.Lease.of(K8S, "old").until(NOW.minus(Duration.ofHours(1))));
            r.leases().create(Leases.Lease.of(K8S, "new").until(NOW.plus(Duration.ofHours(1))));
            r.leases().create(Leases.Lease.of(K8S, "for good"));
            r.leases().add(K8S, "new", blob);
            r.leases().add(K8S, "new", blob);
        });
        assertThat(metadata.<List<Leases.Resource>>read(r -> r.leases().resources(K8S, "new")))
                .containsExactly(blob);
        assertThat(metadata.<List<Leases.Lease>>read(r -> r.leases().expired()))
                .extracting(Leases.Lease::id)
                .containsExactly("old");
        metadata.apply(Durability.PROCESS, r -> r.leases().delete(K8S, "new"));
        assertThatThrownBy(() -> metadata.read(r -> r.leases().resources(K8S, "new")))
                .satisfies(has(Fault.Code.NOT_FOUND));
    }

    @Test
    void aLeaseMayEndLaterThanTimesCanBeStored() {
        Instant never = Instant.parse("9999-12-31T23:59:59.999999999Z");
        metadata.apply(
                Durability.PROCESS,
                r -> r.leases().create(Leases.Lease.of(K8S, "l").until(never)));
        assertThat(metadata.<Leases.Lease>read(r -> r.leases().get(K8S, "l")).expiresAt())
                .hasValueSatisfying(end -> assertThat(end).isAfter("2262-01-01T00:00:00Z"));
    }

    @Test
    void leftoversWaitUntilTheyAreGone() {
        metadata.apply(Durability.POWER, r -> {
            r.leftovers().add("network", "pod-1", Payload.of(bytes("1")));
            r.leftovers().add("network", "pod-1", Payload.of(bytes("2")));
        });
        Leftovers.Leftover left =
                metadata.read(r -> r.leftovers().list("network")).getFirst();
        assertThat(left.payload()).isEqualTo(Payload.of(bytes("2")));
        metadata.apply(Durability.PROCESS, r -> r.leftovers().failed(left.number(), "busy"));
        assertThat(metadata.<List<Leftovers.Leftover>>read(r -> r.leftovers().list()))
                .singleElement()
                .satisfies(again -> {
                    assertThat(again.attempts()).isEqualTo(1);
                    assertThat(again.lastError()).isEqualTo("busy");
                });
        metadata.apply(Durability.PROCESS, r -> r.leftovers().done(left.number()));
        assertThat(metadata.<Long>read(r -> r.leftovers().count())).isZero();
    }

    @Test
    void namespacesShareBlobsAndNothingElse() {
        metadata.apply(Durability.PROCESS, r -> {
            r.contents().put(K8S, digest("x"), 1, Map.of("a", "1"));
            r.contents().put(OTHER, digest("x"), 1, Map.of());
            r.contents().put(K8S, digest("x"), 1, Map.of("b", "2"));
        });
        assertThat(metadata.<Contents.Content>read(r -> r.contents().get(K8S, digest("x")))
                        .labels())
                .isEqualTo(Map.of("a", "1", "b", "2"));
        assertThat(metadata.<Contents.Content>read(r -> r.contents().get(OTHER, digest("x")))
                        .labels())
                .isEmpty();
        assertThat(metadata.<Set<Digest>>read(r -> r.contents().digests())).containsExactly(digest("x"));
        assertThatThrownBy(() ->
                        metadata.apply(Durability.PROCESS, r -> r.namespaces().delete(OTHER)))
                .satisfies(has(Fault.Code.FAILED_PRECONDITION));
        metadata.apply(Durability.PROCESS, r -> {
            r.contents().delete(OTHER, digest("x"));
            r.leases().create(Leases.Lease.of(OTHER, "l"));
            r.namespaces().delete(OTHER);
        });
        assertThat(metadata.<List<Leases.Lease>>read(r -> r.leases().list(OTHER)))
                .isEmpty();
        assertThat(metadata.<List<Namespace>>read(r -> r.namespaces().list())).containsExactly(K8S);
    }

    @Test
    void limitsOfLabelsAndNames() {
        Map<String, String> fits = Map.of("key", "v".repeat(4093));
        metadata.apply(Durability.PROCESS, r -> r.namespaces().create(OTHER, fits));
        assertThat(metadata.<Map<String, String>>read(r -> r.namespaces().labels(OTHER)))
                .isEqualTo(fits);
        assertThatThrownBy(() -> ImageRecord.of(K8S, "a", descriptor("m"), Map.of("key", "v".repeat(4094))))
                .satisfies(has(Fault.Code.INVALID_ARGUMENT));
        assertThatThrownBy(() -> ImageRecord.of(K8S, "", descriptor("m"), Map.of()))
                .satisfies(has(Fault.Code.INVALID_ARGUMENT));
        assertThatThrownBy(() -> ContainerRecord.of(K8S, "../c").build()).satisfies(has(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void manyVirtualThreadsWriteAndRead() throws Exception {
        List<Future<?>> calls = new ArrayList<>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 200; i++) {
                String id = "c" + i;
                Durability durability = i % 10 == 0 ? Durability.POWER : Durability.PROCESS;
                calls.add(threads.submit(() -> {
                    metadata.write(
                            durability,
                            r -> r.containers()
                                    .create(ContainerRecord.of(K8S, id).build()));
                    return metadata.read(r -> r.containers().get(K8S, id));
                }));
            }
        }
        for (Future<?> call : calls) {
            call.get();
        }
        assertThat(metadata.<List<ContainerRecord>>read(r -> r.containers().list(K8S)))
                .hasSize(200);
    }
}
