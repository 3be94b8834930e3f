package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.snapshots.LayerChain;
import dev.berth.snapshots.LayerDraft;
import dev.berth.snapshots.MountPoint;
import dev.berth.snapshots.Placement;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.Durability;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Usage;
import dev.berth.store.Store;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** Keeps records as a real snapshotter does, and of the files only how many bytes their archives had. */
final class FakeSnapshotter implements Snapshotter {
    final AtomicInteger unpacked = new AtomicInteger();
    final AtomicInteger openChains = new AtomicInteger();
    volatile boolean full;
    private final Store store;
    private final boolean sideBySide;

    FakeSnapshotter(Store store, boolean sideBySide) {
        this.store = store;
        this.sideBySide = sideBySide;
    }

    private record Draft(Usage usage) implements LayerDraft {}

    private record Appended(String name, Map<String, String> labels, Usage usage) {}

    @Override
    public String name() {
        return "fake";
    }

    @Override
    public Path directory() {
        throw new UnsupportedOperationException();
    }

    @Override
    public LayerChain layers(Namespace namespace, String base) {
        openChains.incrementAndGet();
        return new Chain(namespace, base);
    }

    private final class Chain implements LayerChain {
        private final Namespace namespace;
        private final String base;
        private final List<Appended> appended = new ArrayList<>();
        private boolean closed;

        Chain(Namespace namespace, String base) {
            this.namespace = namespace;
            this.base = base;
        }

        @Override
        public boolean sideBySide() {
            return sideBySide;
        }

        @Override
        public LayerDraft unpack(InputStream tar) {
            byte[] buffer = new byte[10_000];
            long count = 0;
            try {
                for (int got = tar.read(buffer); got >= 0; got = tar.read(buffer)) {
                    count += got;
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            if (count % 512 != 0) {
                throw Fault.invalid("layer", "it is no tar archive", "");
            }
            if (full) {
                throw Fault.exhausted("layer", "the disk is full", "");
            }
            unpacked.incrementAndGet();
            return new Draft(new Usage(count, 1));
        }

        @Override
        public Placement append(String name, Map<String, String> labels, LayerDraft draft) {
            if (appended.size() == 2) {
                return new Placement.NeedsParent("every third one does");
            }
            appended.add(new Appended(name, labels, draft.usage()));
            return new Placement.Placed(draft.usage());
        }

        @Override
        public Placement.Placed appendInTurn(String name, Map<String, String> labels, InputStream tar) {
            LayerDraft draft = unpack(tar);
            appended.add(new Appended(name, labels, draft.usage()));
            return new Placement.Placed(draft.usage());
        }

        @Override
        public void commit() {
            store.metadata().apply(Durability.POWER, records -> {
                String parent = base;
                for (Appended each : appended) {
                    if (records.snapshots().find(namespace, "fake", each.name).isEmpty()) {
                        records.snapshots()
                                .create(SnapshotRecord.of(namespace, "fake", each.name, SnapshotRecord.Kind.COMMITTED)
                                        .on(parent)
                                        .withLabels(each.labels)
                                        .withUsage(each.usage));
                    }
                    parent = each.name;
                }
            });
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                openChains.decrementAndGet();
            }
        }
    }

    @Override
    public List<MountPoint> prepare(Namespace namespace, String key, String parent, Map<String, String> labels) {
        store.metadata()
                .write(
                        Durability.PROCESS,
                        records -> records.snapshots()
                                .create(SnapshotRecord.of(namespace, "fake", key, SnapshotRecord.Kind.ACTIVE)
                                        .on(parent)
                                        .withLabels(labels)));
        return List.of();
    }

    @Override
    public void remove(Namespace namespace, String key) {
        store.metadata()
                .write(Durability.PROCESS, records -> records.snapshots().delete(namespace, "fake", key));
    }

    @Override
    public boolean exists(Namespace namespace, String key) {
        return store.metadata()
                .read(records ->
                        records.snapshots().find(namespace, "fake", key).isPresent());
    }

    @Override
    public List<SnapshotRecord> list(Namespace namespace) {
        return store.metadata().read(records -> records.snapshots().list(namespace, "fake"));
    }

    @Override
    public SnapshotRecord stat(Namespace namespace, String key) {
        throw new UnsupportedOperationException();
    }

    @Override
    public SnapshotRecord label(Namespace namespace, String key, Map<String, String> labels) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void tidy() {}

    List<String> keys(Namespace namespace) {
        return list(namespace).stream().map(SnapshotRecord::key).toList();
    }

    @Override
    public List<MountPoint> view(Namespace namespace, String key, String parent, Map<String, String> labels) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<MountPoint> mounts(Namespace namespace, String key) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<MountPoint> contents(Namespace namespace, String key) {
        throw new UnsupportedOperationException();
    }

    @Override
    public SnapshotRecord commit(Namespace namespace, String name, String key, Map<String, String> labels) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Usage usage(Namespace namespace, String key) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Path writablePath(Namespace namespace, String key) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void recover() {}
}
