package dev.berth.snapshots;

import dev.berth.kernel.Namespace;
import dev.berth.kernel.Rollback;
import dev.berth.linux.Dir;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Usage;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;

/** Layers for whole copies: each on a copy of what is below, one after the other. */
final class NativeLayers extends LayerStack {
    private final SnapshotFiles files;

    NativeLayers(NativeSnapshotter snapshotter, Namespace namespace, String base) {
        super(snapshotter, namespace, base);
        this.files = snapshotter.files;
    }

    @Override
    public boolean sideBySide() {
        return false;
    }

    @Override
    public LayerDraft unpack(InputStream tar) {
        throw new UnsupportedOperationException("copies are made one after the other: see sideBySide");
    }

    @Override
    public Placement append(String name, Map<String, String> labels, LayerDraft draft) {
        throw new IllegalArgumentException("this draft belongs to another snapshotter");
    }

    @Override
    public Placement.Placed appendInTurn(String name, Map<String, String> labels, InputStream tar) {
        try (Rollback undo = new Rollback()) {
            SnapshotRecord snapshot = newDraft(false);
            undo.add("draft " + snapshot.number(), () -> drop(snapshot));
            if (!below().isEmpty()) {
                TreeCopy.run(files, below().getFirst(), snapshot.number());
            }
            try (Dir fs = files.open(snapshot.number())) {
                if (below().isEmpty()) {
                    FileMeta.PLAIN.apply(fs);
                }
                LayerUnpack.inPlace(fs, tar);
            }
            Usage usage = files.usage(snapshot.number());
            undo.commit();
            return stack(name, labels, snapshot, usage);
        } catch (IOException e) {
            throw SnapshotFault.of("unpack layer " + name, e);
        }
    }
}
