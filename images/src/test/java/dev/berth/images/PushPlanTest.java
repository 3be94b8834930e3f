package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.store.Store;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is planned for images that nobody would make who means well. */
class PushPlanTest {
    private static final class Counting implements Keeping {
        private int looks;

        @Override
        public void blob(Digest digest) {
            if (++looks > 1000) {
                throw new AssertionError("it walks for ever");
            }
        }

        @Override
        public void snapshot(String key) {}

        @Override
        public void close() {}
    }

    @Test
    void anIndexThatNamesOneThingManyTimes(@TempDir Path root) {
        var image = new ImageBuilder()
                .layer(new LayerBuilder().file("f", 0644, "x").gzip())
                .build();
        try (var store = Store.open(root, new LinuxDisk(), InstantSource.system())) {
            image.blobs().values().forEach(store.blobs()::put);
            Descriptor top = image.manifest();
            for (int depth = 0; depth < 3; depth++) {
                byte[] index = Index.of(MediaTypes.OCI_INDEX, Collections.nCopies(300, top))
                        .toJson();
                store.blobs().put(index);
                top = Descriptor.of(MediaTypes.OCI_INDEX, Digest.of(index), index.length);
            }
            PushPlan plan = PushPlan.of(top, store.blobs(), List.of(), new Counting());
            assertThat(plan.documents())
                    .hasSize(4)
                    .last()
                    .satisfies(it -> assertThat(it.tree()).isInstanceOf(Index.class));
            assertThat(plan.blobs()).hasSize(2);
        }
    }
}
