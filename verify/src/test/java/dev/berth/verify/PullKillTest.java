package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.RemoveImageRequest;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The daemon is killed at some moment of a pull or a removal: what is listed is whole, the next pull works, nothing is left. */
@ExtendWith(Leaks.class)
class PullKillTest {
    private static final int KILLS = 6;
    private static final int LONGEST_MILLIS = 500;
    private static final Ticker TICKER = Ticker.system();

    private Berth berth;
    private WholeImages images;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        berth = Berth.start();
        images = new WholeImages(berth.registry(), 4, 100_000);
    }

    @AfterEach
    void stop() throws IOException {
        if (berth != null) {
            berth.close();
        }
    }

    @Test
    void nothingIsHalfThere() throws Exception {
        long seed = Long.getLong("berth.seed", ProcessHandle.current().pid());
        System.out.println("[bt] seed " + seed);
        var random = new Random(seed);
        for (int kill = 0; kill < KILLS; kill++) {
            String name = images.names().get(random.nextInt(images.names().size()));
            boolean remove = kill % 3 == 2;
            if (remove) {
                try (GrpcPods pods = new GrpcPods(berth)) {
                    pods.pull(name);
                }
            }
            Thread work = Thread.ofPlatform().start(() -> begin(name, remove));
            TICKER.sleep(Duration.ofMillis(random.nextInt(LONGEST_MILLIS)));
            berth.kill();
            work.join();
            WholeImages.Left left = images.check(berth.root());
            berth.launch();
            try (GrpcPods pods = new GrpcPods(berth)) {
                assertThat(pods.images()
                                .listImages(dev.berth.wire.cri.ListImagesRequest.getDefaultInstance())
                                .getImagesList())
                        .as("what is in the records is listed, seed " + seed)
                        .flatExtracting(image -> image.getRepoTagsList())
                        .containsAll(left.names());
                assertThat(pods.pull(name)).as("the next pull works").isNotEmpty();
            }
        }
        removeAll();
        berth.kill();
        WholeImages.Left left = images.check(berth.root());
        assertThat(left.names()).isEmpty();
        assertThat(List.of(left.blobs(), left.snapshots(), left.directories()))
                .as("blobs, snapshots and their directories that are left, seed " + seed)
                .containsOnly(0);
        berth.launch();
    }

    private void begin(String name, boolean remove) {
        try (GrpcPods pods = new GrpcPods(berth)) {
            if (remove) {
                remove(pods, name);
            } else {
                pods.pull(name);
            }
        } catch (StatusRuntimeException killed) {
            assertThat(killed.getStatus().getCode()).isNotNull();
        }
    }

    private static void remove(GrpcPods pods, String name) {
        var _ = pods.images()
                .removeImage(RemoveImageRequest.newBuilder()
                        .setImage(ImageSpec.newBuilder().setImage(name))
                        .build());
    }

    /** All of them again, whole, and then none. */
    private void removeAll() {
        try (GrpcPods pods = new GrpcPods(berth)) {
            images.names().forEach(pods::pull);
            images.names().forEach(name -> remove(pods, name));
        }
    }
}
