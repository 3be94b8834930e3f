package dev.berth.services;

import com.google.protobuf.Empty;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.snapshots.MountPoint;
import dev.berth.snapshots.Snapshotter;
import dev.berth.snapshots.Snapshotters;
import dev.berth.store.Durability;
import dev.berth.store.Leases;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.Store;
import dev.berth.wire.containerd.snapshots.CleanupRequest;
import dev.berth.wire.containerd.snapshots.CommitSnapshotRequest;
import dev.berth.wire.containerd.snapshots.Info;
import dev.berth.wire.containerd.snapshots.Kind;
import dev.berth.wire.containerd.snapshots.ListSnapshotsRequest;
import dev.berth.wire.containerd.snapshots.ListSnapshotsResponse;
import dev.berth.wire.containerd.snapshots.MountsRequest;
import dev.berth.wire.containerd.snapshots.MountsResponse;
import dev.berth.wire.containerd.snapshots.PrepareSnapshotRequest;
import dev.berth.wire.containerd.snapshots.PrepareSnapshotResponse;
import dev.berth.wire.containerd.snapshots.RemoveSnapshotRequest;
import dev.berth.wire.containerd.snapshots.SnapshotsGrpc;
import dev.berth.wire.containerd.snapshots.StatSnapshotRequest;
import dev.berth.wire.containerd.snapshots.StatSnapshotResponse;
import dev.berth.wire.containerd.snapshots.UpdateSnapshotRequest;
import dev.berth.wire.containerd.snapshots.UpdateSnapshotResponse;
import dev.berth.wire.containerd.snapshots.UsageRequest;
import dev.berth.wire.containerd.snapshots.UsageResponse;
import dev.berth.wire.containerd.snapshots.ViewSnapshotRequest;
import dev.berth.wire.containerd.snapshots.ViewSnapshotResponse;
import io.grpc.stub.StreamObserver;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The snapshots. Mounts are such that a client can make them on the host by mount(2): each layer is complete, with marks for what it
 * deletes.
 */
final class SnapshotsService extends SnapshotsGrpc.SnapshotsImplBase {
    /** Names the committed snapshot that a client is about to make; if it is there, there is nothing to prepare. */
    private static final String TARGET = "containerd.io/snapshot.ref";

    private static final int IN_ONE_MESSAGE = 100;

    private final Store store;
    private final Snapshotters snapshotters;

    SnapshotsService(Store store, Snapshotters snapshotters) {
        this.store = store;
        this.snapshotters = snapshotters;
    }

    private Snapshotter snapshotter(String name) {
        if (name.isEmpty()) {
            throw Fault.invalid("the call", "snapshotter argument missing", "");
        }
        return snapshotters
                .find(name)
                .orElseThrow(() -> Fault.invalid(
                        "the call", "snapshotter not loaded: " + name, "There are " + snapshotters.names()));
    }

    /** What a lease holds is said before it is there, so that no sweep comes in between. */
    private void hold(Namespace namespace, Snapshotter snapshotter, String key) {
        Headers.lease()
                .ifPresent(lease -> store.metadata()
                        .apply(
                                Durability.PROCESS,
                                records -> records.leases().add(namespace, lease, resource(snapshotter, key))));
    }

    private void letGo(Namespace namespace, Snapshotter snapshotter, String key) {
        Headers.lease()
                .ifPresent(lease -> store.metadata().apply(Durability.PROCESS, records -> {
                    if (records.leases().find(namespace, lease).isPresent()) {
                        records.leases().drop(namespace, lease, resource(snapshotter, key));
                    }
                }));
    }

    private static Leases.Resource resource(Snapshotter snapshotter, String key) {
        return new Leases.Resource("snapshots/" + snapshotter.name(), key);
    }

    private void checkTarget(Namespace namespace, Snapshotter snapshotter, Map<String, String> labels) {
        String target = labels.getOrDefault(TARGET, "");
        if (!target.isEmpty() && snapshotter.exists(namespace, target)) {
            hold(namespace, snapshotter, target);
            throw Fault.alreadyExists("target snapshot " + target, "there is one already", "");
        }
    }

    @Override
    public void prepare(PrepareSnapshotRequest request, StreamObserver<PrepareSnapshotResponse> caller) {
        Calls.answer(caller, () -> {
            Snapshotter snapshotter = snapshotter(request.getSnapshotter());
            Namespace namespace = Headers.namespace();
            checkTarget(namespace, snapshotter, request.getLabelsMap());
            hold(namespace, snapshotter, request.getKey());
            List<MountPoint> mounts = snapshotter.prepare(
                    namespace, request.getKey(), request.getParent(), given(request.getLabelsMap()));
            return PrepareSnapshotResponse.newBuilder()
                    .addAllMounts(Messages.mounts(mounts))
                    .build();
        });
    }

    @Override
    public void view(ViewSnapshotRequest request, StreamObserver<ViewSnapshotResponse> caller) {
        Calls.answer(caller, () -> {
            Snapshotter snapshotter = snapshotter(request.getSnapshotter());
            Namespace namespace = Headers.namespace();
            checkTarget(namespace, snapshotter, request.getLabelsMap());
            hold(namespace, snapshotter, request.getKey());
            List<MountPoint> mounts =
                    snapshotter.view(namespace, request.getKey(), request.getParent(), given(request.getLabelsMap()));
            return ViewSnapshotResponse.newBuilder()
                    .addAllMounts(Messages.mounts(mounts))
                    .build();
        });
    }

    private static Map<String, String> given(Map<String, String> labels) {
        return LabelChange.merge(LabelChange.EVERY, Map.of(), labels);
    }

    @Override
    public void mounts(MountsRequest request, StreamObserver<MountsResponse> caller) {
        Calls.answer(caller, () -> {
            List<MountPoint> mounts =
                    snapshotter(request.getSnapshotter()).mounts(Headers.namespace(), request.getKey());
            return MountsResponse.newBuilder()
                    .addAllMounts(Messages.mounts(mounts))
                    .build();
        });
    }

    @Override
    public void commit(CommitSnapshotRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Snapshotter snapshotter = snapshotter(request.getSnapshotter());
            Namespace namespace = Headers.namespace();
            if (!snapshotter.exists(namespace, request.getName())) { // else the commit itself says so, first of all
                checkParent(snapshotter.stat(namespace, request.getKey()), request.getParent());
            }
            hold(namespace, snapshotter, request.getName());
            snapshotter.commit(namespace, request.getName(), request.getKey(), given(request.getLabelsMap()));
            letGo(namespace, snapshotter, request.getKey());
            return Empty.getDefaultInstance();
        });
    }

    /** containerd's own overlay can be put onto a parent at its commit; a client learns from the plugin's capabilities that ours can't. */
    private static void checkParent(SnapshotRecord active, String parent) {
        if (!parent.isEmpty() && !parent.equals(active.parent())) {
            throw Fault.of(
                    Fault.Code.UNIMPLEMENTED,
                    "commit snapshot " + active.key(),
                    "it stands on \"" + active.parent() + "\" and cannot be put onto " + parent,
                    "Prepare it on that parent");
        }
    }

    @Override
    public void remove(RemoveSnapshotRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Snapshotter snapshotter = snapshotter(request.getSnapshotter());
            Namespace namespace = Headers.namespace();
            snapshotter.remove(namespace, request.getKey());
            letGo(namespace, snapshotter, request.getKey());
            return Empty.getDefaultInstance();
        });
    }

    @Override
    public void stat(StatSnapshotRequest request, StreamObserver<StatSnapshotResponse> caller) {
        Calls.answer(
                caller,
                () -> StatSnapshotResponse.newBuilder()
                        .setInfo(
                                info(snapshotter(request.getSnapshotter()).stat(Headers.namespace(), request.getKey())))
                        .build());
    }

    @Override
    public void update(UpdateSnapshotRequest request, StreamObserver<UpdateSnapshotResponse> caller) {
        Calls.answer(caller, () -> {
            Snapshotter snapshotter = snapshotter(request.getSnapshotter());
            Namespace namespace = Headers.namespace();
            String key = request.getInfo().getName();
            if (key.isEmpty()) {
                throw Fault.invalid("update of a snapshot", "it is not named", "");
            }
            SnapshotRecord updated = store.metadata().write(Durability.PROCESS, records -> {
                SnapshotRecord old = records.snapshots().get(namespace, snapshotter.name(), key);
                Map<String, String> labels = LabelChange.of(
                        "snapshot " + key,
                        request.getUpdateMask().getPathsList(),
                        old.labels(),
                        request.getInfo().getLabelsMap());
                return records.snapshots().update(old.withLabels(labels));
            });
            return UpdateSnapshotResponse.newBuilder().setInfo(info(updated)).build();
        });
    }

    @Override
    public void list(ListSnapshotsRequest request, StreamObserver<ListSnapshotsResponse> caller) {
        Calls.answer(
                caller,
                IN_ONE_MESSAGE,
                () -> {
                    Filters filters = Filters.parse(request.getFiltersList());
                    return snapshotter(request.getSnapshotter()).list(Headers.namespace()).stream()
                            .filter(record -> filters.show(path -> field(record, path)))
                            .sorted(Comparator.comparing(SnapshotRecord::key))
                            .map(SnapshotsService::info)
                            .toList();
                },
                infos -> ListSnapshotsResponse.newBuilder().addAllInfo(infos).build());
    }

    private static Optional<String> field(SnapshotRecord record, List<String> path) {
        return switch (path.getFirst()) {
            case "kind" ->
                Optional.of(
                        switch (record.kind()) {
                            case ACTIVE -> "active";
                            case VIEW -> "view";
                            case COMMITTED -> "committed";
                        });
            case "name" -> Optional.of(record.key());
            case "parent" -> Optional.of(record.parent());
            case "labels" -> Filters.in(record.labels(), path);
            default -> Optional.empty();
        };
    }

    @Override
    public void usage(UsageRequest request, StreamObserver<UsageResponse> caller) {
        Calls.answer(caller, () -> {
            SnapshotRecord.Usage usage =
                    snapshotter(request.getSnapshotter()).usage(Headers.namespace(), request.getKey());
            return UsageResponse.newBuilder()
                    .setSize(usage.bytes())
                    .setInodes(usage.inodes())
                    .build();
        });
    }

    @Override
    public void cleanup(CleanupRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            snapshotter(request.getSnapshotter()).tidy();
            return Empty.getDefaultInstance();
        });
    }

    private static Info info(SnapshotRecord record) {
        return Info.newBuilder()
                .setName(record.key())
                .setParent(record.parent())
                .setKind(
                        switch (record.kind()) {
                            case ACTIVE -> Kind.ACTIVE;
                            case VIEW -> Kind.VIEW;
                            case COMMITTED -> Kind.COMMITTED;
                        })
                .setCreatedAt(Messages.time(record.createdAt()))
                .setUpdatedAt(Messages.time(record.updatedAt()))
                .putAllLabels(record.labels())
                .build();
    }
}
