package dev.berth.snapshots;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.store.Metadata;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Snapshots as whole copies, for where no overlay can be used. Where the file system can share blocks between files, a copy
 * shares them.
 */
public final class NativeSnapshotter extends DirectorySnapshotter {
    /** @param directory for these snapshots alone; made if there is none */
    public NativeSnapshotter(Path directory, Metadata metadata, Disk disk) {
        super("native", directory, metadata, disk);
    }

    /**
     * Takes over the files of its snapshots from where they were kept formerly. No two snapshots have the same number, so those of
     * others stay there. Does nothing the second time; what was broken off is done with the next call.
     *
     * @throws Fault INTERNAL if one cannot be moved
     */
    public NativeSnapshotter takeOver(Path former) {
        try {
            files.takeOver(former, numbers());
            return this;
        } catch (IOException e) {
            throw Fault.internal(
                            "move the snapshots of " + name() + " from " + former + " to " + directory(),
                            String.valueOf(e.getMessage()),
                            "Move those of its directories there that have a number")
                    .causedBy(e);
        }
    }

    @Override
    void fill(SnapshotRecord snapshot, List<SnapshotRecord> parents) throws IOException {
        if (snapshot.kind() == Kind.VIEW && !parents.isEmpty()) {
            return; // its parent is seen itself
        }
        files.make(snapshot.number(), false);
        if (!parents.isEmpty()) {
            TreeCopy.run(files, parents.getFirst().number(), snapshot.number());
        }
    }

    @Override
    List<MountPoint> mounts(SnapshotRecord snapshot, List<SnapshotRecord> parents) {
        boolean writable = snapshot.kind() == Kind.ACTIVE;
        long shown = writable || parents.isEmpty()
                ? snapshot.number()
                : parents.getFirst().number();
        List<String> options = IdMap.of(snapshot).with(List.of("rbind", writable ? "rw" : "ro"));
        return List.of(new MountPoint("bind", files.fs(shown).toString(), "", options));
    }

    @Override
    void settle(SnapshotRecord snapshot) {
        // A copy has nothing beside its files.
    }

    @Override
    public LayerChain layers(Namespace namespace, String base) {
        return new NativeLayers(this, namespace, base);
    }
}
