package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.MountEntry;
import dev.berth.linux.Mounts;
import dev.berth.store.Metadata;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Kind;
import dev.berth.store.Store;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every snapshotter promises. */
abstract class SnapshotterContract {
    static final Namespace K8S = Namespace.KUBERNETES;

    @TempDir
    Path temp;

    Store store;
    Snapshotter snapshots;

    abstract Snapshotter open(Path directory, Metadata metadata, Disk disk);

    @BeforeEach
    void open() {
        store = Store.open(temp.resolve("root"), new UnflushedDisk(), InstantSource.fixed(Instant.EPOCH));
        snapshots = open(temp.resolve("root/snapshots"), store.metadata(), new UnflushedDisk());
        snapshots.recover();
    }

    @AfterEach
    void close() throws IOException {
        store.close();
        assertThat(Mounts.list().stream().map(MountEntry::target))
                .noneMatch(target -> Path.of(target).startsWith(temp));
        try (Dir top = Dir.open(temp)) {
            top.removeTree(b("root")); // JUnit can't remove names that are not UTF-8
        }
    }

    /** Looks at what is mounted, without mounting it anywhere. */
    void look(List<MountPoint> mounts, Look look) throws Exception {
        MountPoint mount = mounts.getFirst();
        try (DetachedMount detached = Mounts.fromOptions(mount.type(), mount.source(), mount.options())) {
            look.at(detached.fd().procPath());
        }
    }

    interface Look {
        void at(Path root) throws Exception;
    }

    Map<String, String> tree(String committed) throws Exception {
        List<MountPoint> mounts = snapshots.view(K8S, "view-of-" + committed, committed, Map.of());
        MountPoint mount = mounts.getFirst();
        try (DetachedMount detached = Mounts.fromOptions(mount.type(), mount.source(), mount.options());
                Dir root = Dir.open(detached.fd())) {
            return Tree.of(root);
        } finally {
            snapshots.remove(K8S, "view-of-" + committed);
        }
    }

    /** Stacks layers as a pull does, each unpacked by itself where that is possible. */
    void stack(String base, String prefix, List<byte[]> layers) {
        try (LayerChain chain = snapshots.layers(K8S, base)) {
            List<LayerDraft> drafts = new ArrayList<>();
            if (chain.sideBySide()) {
                for (byte[] layer : layers.reversed()) {
                    drafts.addFirst(chain.unpack(new ByteArrayInputStream(layer)));
                }
            }
            for (int i = 0; i < layers.size(); i++) {
                Placement placement = chain.sideBySide()
                        ? chain.append(prefix + i, Map.of(), drafts.get(i))
                        : new Placement.NeedsParent("copies stand on each other");
                if (placement instanceof Placement.NeedsParent) {
                    chain.appendInTurn(prefix + i, Map.of(), new ByteArrayInputStream(layers.get(i)));
                }
            }
            chain.commit();
        }
    }

    static Consumer<Throwable> has(Fault.Code code) {
        return e -> assertThat(e)
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(code));
    }

    void nothingButTheDirectoriesOf(int count) throws IOException {
        try (var entries = Files.list(temp.resolve("root/snapshots"))) {
            assertThat(entries).hasSize(count);
        }
    }

    @Test
    void aSnapshotForAUserNamespaceHasItsOwners() throws Exception {
        stack("", "mapped", List.of(new TarBytes().file("a", "").bytes()));
        Map<String, String> ids = Map.of(Snapshotter.USERS, "0:700000:65536", Snapshotter.GROUPS, "0:800000:65536");
        look(snapshots.prepare(K8S, "mapped", "mapped0", ids), root -> {
            assertThat(Files.getAttribute(root, "unix:uid")).isEqualTo(700_000);
            assertThat(Files.getAttribute(root.resolve("a"), "unix:uid")).isEqualTo(700_000);
            assertThat(Files.getAttribute(root.resolve("a"), "unix:gid")).isEqualTo(800_000);
        });
        snapshots.remove(K8S, "mapped");
    }

    @Test
    void anActiveSnapshotIsWrittenCommittedAndStoodOn() throws Exception {
        look(snapshots.prepare(K8S, "work", "", Map.of()), root -> Files.writeString(root.resolve("a"), "one"));
        SnapshotRecord committed = snapshots.commit(K8S, "base", "work", Map.of("x", "y"));
        assertThat(committed.kind()).isEqualTo(Kind.COMMITTED);
        assertThat(committed.labels()).containsEntry("x", "y");
        assertThat(committed.usage().inodes()).isEqualTo(2);
        assertThat(committed.usage().bytes()).isPositive();
        assertThat(snapshots.exists(K8S, "work")).isFalse();

        look(snapshots.prepare(K8S, "c1", "base", Map.of()), root -> {
            assertThat(root.resolve("a")).hasContent("one");
            Files.writeString(root.resolve("a"), "two");
            Files.writeString(root.resolve("b"), "new");
        });
        look(snapshots.mounts(K8S, "c1"), root -> assertThat(root.resolve("a")).hasContent("two"));
        look(snapshots.view(K8S, "v", "base", Map.of()), root -> {
            assertThat(root.resolve("a")).hasContent("one");
            assertThat(root.resolve("b")).doesNotExist();
            assertThatThrownBy(() -> Files.writeString(root.resolve("c"), "")).isInstanceOf(IOException.class);
        });
        assertThat(snapshots.list(K8S)).extracting(SnapshotRecord::key).containsExactly("base", "c1", "v");
        assertThat(snapshots.stat(K8S, "c1").parent()).isEqualTo("base");
        assertThat(snapshots.usage(K8S, "c1").inodes()).isGreaterThanOrEqualTo(3);
        assertThat(snapshots.writablePath(K8S, "c1").resolve("b")).hasContent("new");

        snapshots.remove(K8S, "v");
        snapshots.remove(K8S, "c1");
        snapshots.remove(K8S, "base");
        nothingButTheDirectoriesOf(0);
    }

    @Test
    void aDeletionInASnapshotHidesOnlyThere() throws Exception {
        look(snapshots.prepare(K8S, "work", "", Map.of()), root -> {
            Files.writeString(root.resolve("a"), "one");
            Files.createDirectories(root.resolve("d/e"));
        });
        snapshots.commit(K8S, "base", "work", Map.of());
        look(snapshots.prepare(K8S, "next", "base", Map.of()), root -> {
            Files.delete(root.resolve("a"));
            Files.delete(root.resolve("d/e"));
            Files.delete(root.resolve("d"));
            Files.createDirectory(root.resolve("d"));
        });
        snapshots.commit(K8S, "top", "next", Map.of());
        assertThat(tree("base")).containsKeys("/a", "/d/e");
        assertThat(tree("top")).containsKey("/d").doesNotContainKeys("/a", "/d/e");
    }

    @Test
    void emptyAndSingleSnapshotsAreSeen() throws Exception {
        look(
                snapshots.view(K8S, "nothing", "", Map.of()),
                root -> assertThat(root).isEmptyDirectory());
        snapshots.prepare(K8S, "empty", "", Map.of());
        snapshots.commit(K8S, "base", "empty", Map.of());
        assertThat(tree("base")).containsOnlyKeys("/");
        assertThat(tree("base").get("/")).startsWith("DIRECTORY 0755 0:0");
    }

    @Test
    void aCommittedSnapshotIsReadWithoutARecord() throws Exception {
        look(snapshots.prepare(K8S, "work", "", Map.of()), root -> Files.writeString(root.resolve("a"), "one"));
        snapshots.commit(K8S, "base", "work", Map.of());
        look(
                snapshots.contents(K8S, "base"),
                root -> assertThat(root.resolve("a")).hasContent("one"));

        look(snapshots.prepare(K8S, "more", "base", Map.of()), root -> {
            Files.delete(root.resolve("a"));
            Files.writeString(root.resolve("b"), "two");
        });
        snapshots.commit(K8S, "top", "more", Map.of());
        look(snapshots.contents(K8S, "top"), root -> {
            assertThat(root.resolve("a")).doesNotExist();
            assertThat(root.resolve("b")).hasContent("two");
        });
        assertThat(snapshots.list(K8S)).hasSize(2);
        snapshots.prepare(K8S, "open", "top", Map.of());
        assertThatThrownBy(() -> snapshots.contents(K8S, "open")).satisfies(has(Fault.Code.FAILED_PRECONDITION));
        assertThatThrownBy(() -> snapshots.contents(K8S, "none")).satisfies(has(Fault.Code.NOT_FOUND));
    }

    @Test
    void wrongMovesAreRefusedWithTheRightCode() throws Exception {
        snapshots.prepare(K8S, "a", "", Map.of());
        assertThatThrownBy(() -> snapshots.prepare(K8S, "a", "", Map.of())).satisfies(has(Fault.Code.ALREADY_EXISTS));
        assertThatThrownBy(() -> snapshots.prepare(K8S, "b", "none", Map.of())).satisfies(has(Fault.Code.NOT_FOUND));
        assertThatThrownBy(() -> snapshots.prepare(K8S, "b", "a", Map.of()))
                .satisfies(has(Fault.Code.INVALID_ARGUMENT));
        assertThat(snapshots.exists(K8S, "b")).isFalse();
        assertThatThrownBy(() -> snapshots.mounts(K8S, "none")).satisfies(has(Fault.Code.NOT_FOUND));
        assertThatThrownBy(() -> snapshots.remove(K8S, "none")).satisfies(has(Fault.Code.NOT_FOUND));
        assertThatThrownBy(() -> snapshots.commit(K8S, "x", "none", Map.of())).satisfies(has(Fault.Code.NOT_FOUND));
        snapshots.commit(K8S, "base", "a", Map.of());
        assertThatThrownBy(() -> snapshots.mounts(K8S, "base")).satisfies(has(Fault.Code.FAILED_PRECONDITION));
        assertThatThrownBy(() -> snapshots.writablePath(K8S, "base")).satisfies(has(Fault.Code.FAILED_PRECONDITION));
        assertThatThrownBy(() -> snapshots.commit(K8S, "x", "base", Map.of()))
                .satisfies(has(Fault.Code.FAILED_PRECONDITION));
        snapshots.prepare(K8S, "c", "base", Map.of());
        assertThatThrownBy(() -> snapshots.commit(K8S, "base", "c", Map.of()))
                .satisfies(has(Fault.Code.ALREADY_EXISTS));
        look(snapshots.mounts(K8S, "c"), root -> Files.writeString(root.resolve("still"), "writable"));
        assertThatThrownBy(() -> snapshots.commit(K8S, "base", "a", Map.of()))
                .satisfies(has(Fault.Code.ALREADY_EXISTS));
        assertThatThrownBy(() -> snapshots.remove(K8S, "base")).satisfies(has(Fault.Code.FAILED_PRECONDITION));
        snapshots.view(K8S, "v", "base", Map.of());
        assertThatThrownBy(() -> snapshots.commit(K8S, "y", "v", Map.of()))
                .satisfies(has(Fault.Code.FAILED_PRECONDITION));
    }

    @Test
    void namespacesDoNotSeeEachOther() throws Exception {
        Namespace other = new Namespace("other");
        snapshots.prepare(K8S, "a", "", Map.of());
        snapshots.prepare(other, "a", "", Map.of());
        snapshots.commit(other, "base", "a", Map.of());
        assertThat(snapshots.exists(K8S, "base")).isFalse();
        assertThat(snapshots.list(other)).hasSize(1);
        nothingButTheDirectoriesOf(2);
    }

    @Test
    void labelsAreReplaced() {
        snapshots.prepare(K8S, "a", "", Map.of("one", "1"));
        snapshots.label(K8S, "a", Map.of("two", "2"));
        assertThat(snapshots.stat(K8S, "a").labels()).isEqualTo(Map.of("two", "2"));
    }

    @Test
    void theRootKeepsWhatTheImageGaveIt() throws Exception {
        stack(
                "",
                "l",
                List.of(new TarBytes()
                        .mode(01700)
                        .owner(5, 6)
                        .dir(".")
                        .file("f", "")
                        .bytes()));
        assertThat(tree("l0").get("/")).startsWith("DIRECTORY 1755 5:6");
        look(snapshots.prepare(K8S, "c", "l0", Map.of()), root -> {
            try (Dir dir = Dir.open(root)) {
                assertThat(dir.stat().uid()).isEqualTo(5);
                assertThat(dir.stat().permissions()).isEqualTo(01755);
            }
        });
    }

    @Test
    void layersAreStackedDeletedAndReplaced() throws Exception {
        stack(
                "",
                "l",
                List.of(
                        new TarBytes()
                                .dir("etc")
                                .file("etc/a", "a0")
                                .file("etc/b", "b0")
                                .dir("old")
                                .file("old/x", "x")
                                .dir("was-dir")
                                .file("was-dir/y", "y")
                                .symlink("link", "etc")
                                .bytes(),
                        new TarBytes()
                                .file("etc/a", "a1")
                                .whiteout("etc/b")
                                .opaque("old")
                                .file("old/new", "new")
                                .file("was-dir", "now a file")
                                .bytes()));
        assertThat(tree("l1")).containsOnlyKeys("/", "/etc", "/etc/a", "/old", "/old/new", "/was-dir", "/link");
        assertThat(tree("l0")).containsKeys("/etc/b", "/old/x", "/was-dir/y");
        assertThat(snapshots.stat(K8S, "l1").parent()).isEqualTo("l0");
        assertThat(snapshots.list(K8S)).extracting(SnapshotRecord::kind).containsOnly(Kind.COMMITTED);
        nothingButTheDirectoriesOf(2);
    }

    @Test
    void aSecondPullOfTheSameLayersKeepsTheFirst() throws Exception {
        byte[] layer = new TarBytes().file("a", "a").bytes();
        byte[] second = new TarBytes().file("b", "b").bytes();
        stack("", "l", List.of(layer));
        stack("", "l", List.of(layer, second));
        assertThat(tree("l1")).containsOnlyKeys("/", "/a", "/b");
        stack("l1", "m", List.of(new TarBytes().file("c", "c").bytes()));
        assertThat(tree("m0")).containsOnlyKeys("/", "/a", "/b", "/c");
        nothingButTheDirectoriesOf(3);
    }

    @Test
    void aBrokenLayerLeavesNothing() throws Exception {
        byte[] good = new TarBytes().file("a", "a").bytes();
        byte[] bad = new TarBytes().file("b", "b").file("c", "x".repeat(1000)).unfinished();
        byte[] cut = java.util.Arrays.copyOf(bad, bad.length - 600);
        assertThatThrownBy(() -> stack("", "l", List.of(good, cut)))
                .satisfies(has(Fault.Code.INVALID_ARGUMENT))
                .hasMessageContaining("cut off");
        assertThat(snapshots.list(K8S)).isEmpty();
        nothingButTheDirectoriesOf(0);
    }

    @Test
    void aChainThatIsNotCommittedLeavesNothing() throws Exception {
        try (LayerChain chain = snapshots.layers(K8S, "")) {
            chain.appendInTurn("l0", Map.of(), new TarBytes().file("a", "a").stream());
            nothingButTheDirectoriesOf(1);
        }
        assertThat(snapshots.list(K8S)).isEmpty();
        nothingButTheDirectoriesOf(0);
    }

    @Test
    void whatACrashLeftGoesAtTheNextStart() throws Exception {
        LayerChain lost = snapshots.layers(K8S, "");
        lost.appendInTurn("l0", Map.of(), new TarBytes().file("a", "a").stream());
        snapshots.prepare(K8S, "kept", "", Map.of());
        Files.createDirectories(temp.resolve("root/snapshots/4711/fs"));
        Files.createDirectories(temp.resolve("root/snapshots/lost+found"));
        snapshots.recover();
        snapshots.tidy();
        assertThat(snapshots.list(K8S)).extracting(SnapshotRecord::key).containsExactly("kept");
        nothingButTheDirectoriesOf(2);
        look(snapshots.mounts(K8S, "kept"), root -> assertThat(root).isEmptyDirectory());
    }
}
