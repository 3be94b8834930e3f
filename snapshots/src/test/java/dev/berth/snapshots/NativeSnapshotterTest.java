package dev.berth.snapshots;

import dev.berth.kernel.Disk;
import dev.berth.store.Metadata;
import java.nio.file.Path;

class NativeSnapshotterTest extends SnapshotterContract {
    @Override
    Snapshotter open(Path directory, Metadata metadata, Disk disk) {
        return new NativeSnapshotter(directory, metadata, disk);
    }
}
