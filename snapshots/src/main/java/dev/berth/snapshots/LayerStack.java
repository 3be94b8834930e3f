package dev.berth.snapshots;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Namespace;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Usage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The part of a chain of layers that both ways share: drafts come, some are stacked, all others go. */
abstract sealed class LayerStack implements LayerChain permits OverlayLayers, NativeLayers {
    private static final long LARGE_BYTES = 32 << 20;

    private final DirectorySnapshotter snapshotter;
    private final Namespace namespace;
    private final String base;
    private final Set<SnapshotRecord> drafts = ConcurrentHashMap.newKeySet();
    private final List<DirectorySnapshotter.StackedLayer> stacked = new ArrayList<>();
    /** The directories of the layers so far, topmost first. */
    private final List<Long> numbers = new ArrayList<>();

    private final Disk.Volume volume;

    LayerStack(DirectorySnapshotter snapshotter, Namespace namespace, String base) {
        this.snapshotter = snapshotter;
        this.namespace = namespace;
        this.base = base;
        if (!base.isEmpty()) {
            snapshotter.chain(namespace, base).forEach(layer -> numbers.add(layer.number()));
        }
        try {
            volume = snapshotter.volume();
        } catch (IOException e) {
            throw SnapshotFault.of("unpack layers", e);
        }
    }

    /** Has the disk write a large layer while others are unpacked, so that the end finds less to wait for. */
    void flushIfLarge(@Nullable Usage usage) throws IOException {
        if (usage != null && usage.bytes() >= LARGE_BYTES) {
            volume.sync();
        }
    }

    /** What is stacked so far, topmost first. */
    List<Long> below() {
        return numbers;
    }

    SnapshotRecord newDraft(boolean withWork) throws IOException {
        SnapshotRecord draft = snapshotter.newDraft(namespace, withWork);
        drafts.add(draft);
        return draft;
    }

    void drop(SnapshotRecord draft) {
        if (drafts.remove(draft)) {
            snapshotter.removeDraft(draft);
        }
    }

    Placement.Placed stack(String name, Map<String, String> labels, SnapshotRecord draft, Usage usage) {
        stacked.add(new DirectorySnapshotter.StackedLayer(name, Map.copyOf(labels), draft, usage));
        numbers.addFirst(draft.number());
        return new Placement.Placed(usage);
    }

    @Override
    public void commit() {
        try {
            volume.sync();
        } catch (IOException e) {
            throw SnapshotFault.of("flush layers", e);
        }
        List<DirectorySnapshotter.StackedLayer> superfluous = snapshotter.commit(base, stacked);
        stacked.stream().filter(layer -> !superfluous.contains(layer)).forEach(layer -> drafts.remove(layer.draft()));
        stacked.clear();
    }

    @Override
    public void close() {
        for (SnapshotRecord draft : List.copyOf(drafts)) {
            drop(draft);
        }
        volume.close();
    }
}
