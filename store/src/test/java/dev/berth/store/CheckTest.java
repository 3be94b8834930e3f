package dev.berth.store;

import static dev.berth.store.BlobsTest.has;
import static dev.berth.store.StoreRoot.CLOCK;
import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.OTHER;
import static dev.berth.store.StoreRoot.bytes;
import static dev.berth.store.StoreRoot.descriptor;
import static dev.berth.store.StoreRoot.digest;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.NioDisk;
import dev.berth.store.SnapshotRecord.Kind;
import dev.berth.store.SnapshotRecord.Usage;
import dev.berth.store.Store.Finding;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What check finds, and what repair puts right. */
final class CheckTest {
    private static final int PAGE = 4096;
    private static final int RECORDS = 200;

    @TempDir
    Path root;

    @Test
    void aSoundStoreHasNoFindings() {
        fill();
        try (Store store = StoreRoot.open(root)) {
            assertThat(store.check(true)).isEmpty();
        }
    }

    @Test
    void recordsWithoutTheirBlobsGo() throws IOException {
        fill();
        Files.delete(blob("one"));
        try (Store store = StoreRoot.open(root)) {
            assertThat(store.check(false)).singleElement().satisfies(finding -> {
                assertThat(finding.kind()).isEqualTo("record");
                assertThat(finding.repaired()).isFalse();
            });
        }
        assertThat(repair(false))
                .extracting(Finding::what)
                .containsExactly("content " + digest("one") + " of k8s.io", "image one of k8s.io");
        assertThat(repair(true)).isEmpty();
        try (Store store = StoreRoot.open(root)) {
            assertThat(store.metadata().<List<ImageRecord>>read(r -> r.images().list(K8S)))
                    .extracting(ImageRecord::name)
                    .containsExactly("two");
        }
    }

    @Test
    void aBlobOfOtherBytesIsFoundByReading() throws IOException {
        fill();
        overwrite(blob("two"), 1, bytes("X"));
        assertThat(repair(false)).isEmpty();
        List<Finding> findings = repair(true);
        assertThat(findings.getFirst().what()).isEqualTo("blob " + digest("two"));
        assertThat(findings).hasSize(3).allMatch(Finding::repaired);
        assertThat(blob("two")).doesNotExist();
    }

    @Test
    void straysAreFoundAndUnclaimedBlobsNoted() throws IOException {
        fill();
        Files.createFile(root.resolve("blobs/sha256/stray"));
        try (Store store = StoreRoot.open(root)) {
            store.blobs().put(bytes("unclaimed"));
            store.flush();
            Files.createDirectory(root.resolve("ingest/torn"));
            assertThat(store.check(false)).extracting(Finding::kind).containsExactly("file", "file", "note");
        }
        assertThat(repair(false)).extracting(Finding::repaired).containsExactly(true, false);
    }

    @Test
    void aDatabaseThatIsNoneIsSetAsideAtTheStart() throws IOException {
        long before = fill();
        overwrite(root.resolve("meta/berth.db"), 0, new byte[PAGE]);
        try (Store store = StoreRoot.open(root)) {
            assertThat(store.metadata().<List<ImageRecord>>read(r -> r.images().list(K8S)))
                    .isEmpty();
            assertThat(store.check(false)).extracting(Finding::kind).containsOnly("note");
            SnapshotRecord next = store.metadata()
                    .write(
                            Durability.POWER,
                            r -> r.snapshots().create(SnapshotRecord.of(K8S, "overlay", "next", Kind.ACTIVE)));
            assertThat(next.number()).as("no directory of before is met").isGreaterThan(before);
        }
        Path aside = root.resolve("meta/set-aside-" + StoreRoot.NOW.toEpochMilli());
        assertThat(aside.resolve("berth.db")).exists();
    }

    @Test
    void aDamagedPageCostsLittleMoreThanItsOwnRecords() throws IOException {
        long before = fill();
        Path database = root.resolve("meta/berth.db");
        long pages = Files.size(database) / PAGE;
        byte[] noise = new byte[PAGE];
        java.util.Arrays.fill(noise, (byte) 0x5a);
        overwrite(database, pages / 2 * PAGE, noise);
        try (Store store = StoreRoot.open(root)) {
            assertThat(store.check(false)).extracting(Finding::kind).contains("database");
            assertThatThrownBy(() -> store.metadata()
                            .<List<ContainerRecord>>read(r -> r.containers().list(K8S)))
                    .satisfies(has(Fault.Code.DATA_LOSS));
        }
        List<Finding> findings = repair(false);
        assertThat(findings.getFirst().kind()).isEqualTo("database");
        assertThat(findings.getFirst().repaired()).isTrue();
        try (Store store = StoreRoot.open(root)) {
            assertThat(store.metadata()
                            .<List<ContainerRecord>>read(r -> r.containers().list(K8S)))
                    .hasSizeGreaterThan(RECORDS * 3 / 4);
            assertThat(store.check(true)).extracting(Finding::kind).containsOnly("note");
            assertThat(store.metadata()
                            .<List<SnapshotRecord>>read(r -> r.snapshots().list(K8S, "overlay")))
                    .hasSize(2);
            SnapshotRecord next = store.metadata()
                    .write(
                            Durability.POWER,
                            r -> r.snapshots().create(SnapshotRecord.of(K8S, "overlay", "next", Kind.ACTIVE)));
            assertThat(next.number()).isGreaterThan(before);
        }
    }

    @Test
    void repairNeedsTheRootForItself() {
        try (Store store = StoreRoot.open(root)) {
            assertThatThrownBy(() -> repair(false)).satisfies(has(Fault.Code.FAILED_PRECONDITION));
            assertThat(store.check(false)).isEmpty();
        }
    }

    /** Returns the highest number of a snapshot. */
    private long fill() {
        try (Store store = StoreRoot.open(root)) {
            for (String text : List.of("one", "two")) {
                store.blobs().put(bytes(text));
                store.flush();
                store.metadata().apply(Durability.POWER, r -> {
                    r.contents().put(K8S, digest(text), text.length(), Map.of());
                    r.contents().put(OTHER, digest("one"), 3, Map.of());
                    r.contents().remove(OTHER, digest("one"));
                    r.images().create(ImageRecord.of(K8S, text, descriptor(text), Map.of()));
                });
            }
            for (int i = 0; i < RECORDS; i++) {
                String id = "c" + i;
                store.metadata()
                        .apply(
                                Durability.PROCESS,
                                r -> r.containers()
                                        .create(ContainerRecord.of(K8S, id)
                                                .spec(Payload.of(new byte[1500]))
                                                .build()));
            }
            return store.metadata().write(Durability.POWER, r -> {
                SnapshotRecord base = r.snapshots().create(SnapshotRecord.of(K8S, "overlay", "a", Kind.ACTIVE));
                r.snapshots().commit(base, "base", Map.of(), Usage.ZERO);
                return r.snapshots()
                        .create(SnapshotRecord.of(K8S, "overlay", "top", Kind.ACTIVE)
                                .on("base"))
                        .number();
            });
        }
    }

    private List<Finding> repair(boolean thorough) {
        return Store.repair(root, new NioDisk(), CLOCK, thorough);
    }

    private Path blob(String text) {
        return root.resolve("blobs/sha256").resolve(digest(text).hex());
    }

    private static void overwrite(Path file, long at, byte[] bytes) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.seek(at);
            open.write(bytes);
        }
    }
}
