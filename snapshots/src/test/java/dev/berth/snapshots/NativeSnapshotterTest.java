package dev.berth.snapshots;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Disk;
import dev.berth.store.Metadata;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NativeSnapshotterTest extends SnapshotterContract {
    @Override
    Snapshotter open(Path directory, Metadata metadata, Disk disk) {
        return new NativeSnapshotter(directory, metadata, disk);
    }

    @Test
    void takesOverWhatWasKeptElsewhere() throws Exception {
        Path former = snapshots.directory();
        snapshots.prepare(K8S, "draft", "", Map.of());
        Files.writeString(snapshots.writablePath(K8S, "draft").resolve("file"), "old");
        snapshots.commit(K8S, "layer", "draft", Map.of());
        snapshots.prepare(K8S, "writable", "layer", Map.of());
        Files.writeString(snapshots.writablePath(K8S, "writable").resolve("own"), "mine");
        var overlay = new OverlaySnapshotter(former, store.metadata(), new UnflushedDisk());
        overlay.prepare(K8S, "other", "", Map.of());
        Map<String, String> layer = tree("layer");

        for (int i = 0; i < 2; i++) { // an update, and a start after it
            snapshots = new NativeSnapshotter(temp.resolve("root/native"), store.metadata(), new UnflushedDisk())
                    .takeOver(former);
            snapshots.recover();
            snapshots.tidy();
            assertThat(tree("layer")).isEqualTo(layer).containsKey("/file");
            Path writable = snapshots.writablePath(K8S, "writable");
            assertThat(writable).startsWith(temp.resolve("root/native"));
            assertThat(writable.resolve("own")).hasContent("mine");
        }
        snapshots.prepare(K8S, "another", "layer", Map.of());
        assertThat(snapshots.writablePath(K8S, "another").resolve("file")).hasContent("old");
        overlay.tidy();
        assertThat(overlay.writablePath(K8S, "other")).isDirectory();
        try (var left = Files.list(former)) {
            assertThat(left).as("the other snapshotter's").hasSize(1);
        }
        overlay.remove(K8S, "other");
    }
}
