package dev.berth.store;

import static dev.berth.store.GarbageRecords.OVERLAY;
import static dev.berth.store.GarbageRecords.content;
import static dev.berth.store.GarbageRecords.id;
import static dev.berth.store.GarbageRecords.image;
import static dev.berth.store.GarbageRecords.snapshot;
import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.digest;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.store.Garbage.Node;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A collection among thousands of records is many small steps, between which others write. */
final class GarbageHoldTest {
    private static final int IMAGES = 5_000;
    private static final int AT_ONCE = 250;
    /** As the sweep has it. */
    private static final int STEP = 32;

    @TempDir
    Path root;

    /** Every other image has lost its name; all of them stand on one of a hundred layers. */
    private static void fill(Metadata metadata) {
        metadata.apply(Durability.PROCESS, r -> {
            for (int i = 0; i < 100; i++) {
                content(r, "layer" + i);
                snapshot(r, "snapshot" + i, "");
            }
        });
        for (int from = 0; from < IMAGES; from += AT_ONCE) {
            int begin = from;
            metadata.apply(Durability.PROCESS, r -> {
                for (int i = begin; i < begin + AT_ONCE; i++) {
                    one(r, i);
                }
            });
        }
    }

    private static void one(Records records, int i) {
        String layer = "layer" + i % 100;
        content(records, "config" + i, "containerd.io/gc.ref.snapshot.overlayfs", "top" + i);
        content(
                records,
                "manifest" + i,
                "containerd.io/gc.ref.content.config",
                id("config" + i),
                "containerd.io/gc.ref.content.l.0",
                id(layer));
        snapshot(records, "top" + i, "snapshot" + i % 100);
        if (i % 2 == 0) {
            image(records, "image" + i, "manifest" + i);
        }
    }

    @Test
    void othersWriteMeanwhile() throws Exception {
        try (Store store = StoreRoot.open(root)) {
            Metadata metadata = store.metadata();
            fill(metadata);
            try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
                    Garbage garbage = metadata.collect()) {
                List<Node> unneeded = garbage.unneeded();
                assertThat(unneeded.size()).isGreaterThan(3 * IMAGES / 2);
                writeMuch(metadata);
                for (int at = 0; at < unneeded.size(); at += STEP) {
                    Future<?> write =
                            threads.submit(() -> metadata.apply(Durability.PROCESS, r -> content(r, "written")));
                    remove(garbage, unneeded, at);
                    write.get(2, TimeUnit.MINUTES); // it needs no later step
                }
            }
            isAsItShouldBe(metadata);
        }
    }

    @Test
    void muchThatWasWrittenIsLookedAtInSmallSteps() {
        try (Store store = StoreRoot.open(root)) {
            Metadata metadata = store.metadata();
            fill(metadata);
            try (Garbage garbage = metadata.collect()) {
                List<Node> unneeded = garbage.unneeded();
                for (int at = 0; at < unneeded.size(); at += STEP) {
                    if (at % (100 * STEP) == 0) {
                        writeMuch(metadata);
                    }
                    remove(garbage, unneeded, at);
                }
                assertThat(garbage.longestLook())
                        .as("records that one transaction looked at")
                        .isEqualTo(64);
            }
            isAsItShouldBe(metadata);
        }
    }

    @Test
    void aRemovalKnowsWhatWasWrittenSinceTheLastLook() {
        try (Store store = StoreRoot.open(root)) {
            Metadata metadata = store.metadata();
            fill(metadata);
            try (Garbage garbage = metadata.collect()) {
                List<Node> unneeded = garbage.unneeded();
                garbage.lookAgain();
                writeMuch(metadata);
                garbage.remove(unneeded, _ -> false);
            }
            isAsItShouldBe(metadata);
        }
    }

    /** In one go, more than one step looks at. */
    private static void writeMuch(Metadata metadata) {
        metadata.apply(Durability.PROCESS, r -> {
            for (int i = 0; i < 1_000; i++) {
                content(r, "fresh" + i);
            }
            image(r, "again", "manifest1");
        });
    }

    private static void remove(Garbage garbage, List<Node> unneeded, int at) {
        garbage.lookAgain();
        garbage.remove(unneeded.subList(at, Math.min(unneeded.size(), at + STEP)), _ -> false);
    }

    private static void isAsItShouldBe(Metadata metadata) {
        metadata.apply(Durability.PROCESS, r -> {
            Set<String> there = r.contents().list(K8S).stream()
                    .map(content -> content.digest().toString())
                    .collect(Collectors.toSet());
            for (int i = 0; i < IMAGES; i++) {
                boolean stays = i % 2 == 0 || i == 1;
                assertThat(there.contains(id("manifest" + i)))
                        .as("manifest" + i)
                        .isEqualTo(stays);
                assertThat(there.contains(id("config" + i))).as("config" + i).isEqualTo(stays);
                assertThat(r.snapshots().find(K8S, OVERLAY, "top" + i).isPresent())
                        .as("snapshot" + i)
                        .isEqualTo(stays);
            }
            for (int i = 0; i < 1_000; i++) {
                assertThat(there).contains(digest("fresh" + i).toString());
            }
        });
    }
}
