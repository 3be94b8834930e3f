package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.FileType;
import dev.berth.linux.Mounts;
import dev.berth.linux.RegularFile;
import dev.berth.store.Store;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The difference of two trees as a layer, of every kind of change; independent programs read it. */
@Timeout(240)
class MountedTreeTest {
    private static final Namespace K8S = Namespace.KUBERNETES;
    private static final Instant WHEN = Instant.ofEpochSecond(1_500_000_000L);
    private static final byte[] ODD = {'n', (byte) 0xff, '\n', (byte) 0xc3, 'x'};
    private static final String LONG = "l".repeat(120);

    @TempDir
    Path temp;

    private Store store;
    private final Disk disk = new UnflushedDisk();

    @BeforeEach
    void open() {
        store = Store.open(temp.resolve("root"), disk, InstantSource.fixed(Instant.EPOCH));
    }

    @AfterEach
    void close() {
        store.close();
    }

    private Snapshotter snapshotter(String name) {
        Path directory = temp.resolve("root").resolve(name);
        return name.equals("overlayfs")
                ? new OverlaySnapshotter(directory, store.metadata(), disk)
                : new NativeSnapshotter(directory, store.metadata(), disk);
    }

    /** Changes a tree by hand. */
    private interface Change {
        void on(Dir root) throws IOException;
    }

    private static void change(List<MountPoint> mounts, Change change) throws Exception {
        try (DetachedMount mount = mount(mounts);
                Dir root = Dir.open(mount.fd())) {
            change.on(root);
        }
    }

    private static DetachedMount mount(List<MountPoint> mounts) throws Exception {
        MountPoint mount = mounts.getFirst();
        return Mounts.fromOptions(mount.type(), mount.source(), mount.options());
    }

    private static Map<String, String> seen(List<MountPoint> mounts) throws Exception {
        try (DetachedMount mount = mount(mounts);
                Dir root = Dir.open(mount.fd())) {
            return withoutRootTime(Tree.of(root));
        }
    }

    private static Map<String, String> withoutRootTime(Map<String, String> tree) {
        var lines = new TreeMap<>(tree);
        lines.remove("/");
        return lines;
    }

    private static void file(Dir dir, byte[] name, String content, int mode) throws IOException {
        try (RegularFile file = dir.create(name, 0600)) {
            file.write(ByteBuffer.wrap(b(content)));
            file.chmod(mode);
            file.setTimes(WHEN, WHEN);
        }
    }

    private static void directory(Dir dir, String name, Change fill) throws IOException {
        dir.mkdir(b(name), 0755);
        try (Dir made = dir.openDir(b(name), Dir.Resolve.NO_LINKS)) {
            fill.on(made);
            made.setTimes(WHEN, WHEN);
        }
    }

    private static void base(Dir root) throws IOException {
        file(root, b("stays"), "as it was", 0644);
        file(root, b("goes"), "", 0644);
        file(root, b("changes"), "before", 0644);
        file(root, b("becomes-dir"), "a file", 0644);
        directory(root, "dir", dir -> {
            file(dir, b("in"), "in", 0600);
            file(dir, b("out"), "out", 0600);
            directory(dir, "deep", deep -> file(deep, b("leaf"), "leaf", 0640));
        });
        directory(root, "becomes-file", dir -> file(dir, b("below"), "", 0644));
        directory(root, "gone-whole", dir -> file(dir, b("below"), "", 0644));
        directory(root, "anew", dir -> file(dir, b("old"), "", 0644));
    }

    private static void changes(Dir root) throws IOException {
        root.unlink(b("goes"));
        root.unlink(b("changes"));
        file(root, b("changes"), "after!", 0644); // as long as before, at the same time
        root.unlink(b("becomes-dir"));
        directory(root, "becomes-dir", dir -> file(dir, b("new"), "", 04711));
        root.removeTree(b("becomes-file"));
        root.symlink(b("/anywhere"), b("becomes-file"));
        root.setTimes(b("becomes-file"), WHEN, WHEN);
        root.removeTree(b("gone-whole"));
        root.removeTree(b("anew"));
        directory(root, "anew", dir -> file(dir, b("fresh"), "", 0644));
        try (Dir dir = root.openDir(b("dir"), Dir.Resolve.NO_LINKS)) {
            dir.unlink(b("out"));
            dir.link(dir, b("in"), b("linked"));
            dir.setTimes(WHEN, WHEN);
        }
        file(root, ODD, "odd", 0644);
        directory(root, LONG, dir -> file(dir, b(LONG + "é"), "long", 01666));
        root.mknod(b("null"), FileType.CHARACTER_DEVICE, 0600, 1L << 32 | 3);
        root.mknod(b("disk"), FileType.BLOCK_DEVICE, 0600, 259L << 32 | 70000);
        root.mknod(b("fifo"), FileType.FIFO, 0600, 0);
        for (String name : List.of("null", "disk", "fifo")) {
            root.setTimes(b(name), WHEN, WHEN);
        }
        file(root, b("capable"), "", 0755);
        root.setXattr(b("capable"), b("security.capability"), capability());
        root.setXattr(b("capable"), b("user.any"), new byte[] {0, '=', '\n'});
        root.chown(b("capable"), 3_000_000, 70_000);
        root.setXattr(
                b("capable"), b("security.capability"), capability()); // the kernel takes it away at a change of owner
        try (RegularFile sparse = root.create(b("sparse"), 0644)) {
            sparse.seek(5 << 20);
            sparse.write(ByteBuffer.wrap(b("end")));
            sparse.setTimes(WHEN, WHEN);
        }
    }

    /** CAP_NET_BIND_SERVICE, effective. */
    private static byte[] capability() {
        byte[] value = new byte[20];
        value[0] = 1;
        value[3] = 2;
        value[5] = 4;
        return value;
    }

    private static byte[] difference(List<MountPoint> lower, List<MountPoint> upper) {
        var out = new ByteArrayOutputStream();
        MountedTree.difference(lower, upper, out, null);
        return out.toByteArray();
    }

    @ParameterizedTest
    @ValueSource(strings = {"overlayfs", "native"})
    void whatItSaysMakesTheOneTreeTheOther(String name) throws Exception {
        Snapshotter snapshots = snapshotter(name);
        change(snapshots.prepare(K8S, "b", "", Map.of()), MountedTreeTest::base);
        snapshots.commit(K8S, "base", "b", Map.of());
        List<MountPoint> upper = snapshots.prepare(K8S, "c", "base", Map.of());
        change(upper, MountedTreeTest::changes);
        List<MountPoint> lower = snapshots.view(K8S, "v", "base", Map.of());
        byte[] layer = difference(lower, upper);
        List<MountPoint> again = snapshots.prepare(K8S, "again", "base", Map.of());
        MountedTree.apply(again, new ByteArrayInputStream(layer));
        assertThat(seen(again)).isEqualTo(seen(upper));
        assertThat(difference(again, upper)).as("nothing is left to tell").hasSize(1024);
        // committed, it is a layer without a writable directory
        snapshots.commit(K8S, "done", "c", Map.of());
        assertThat(difference(lower, snapshots.view(K8S, "w", "done", Map.of())))
                .isEqualTo(layer);
    }

    @Test
    void bothWaysToKeepSnapshotsTellTheSame() throws Exception {
        List<byte[]> layers = new ArrayList<>();
        for (String name : List.of("overlayfs", "native")) {
            Snapshotter snapshots = snapshotter(name);
            change(snapshots.prepare(K8S, "b", "", Map.of()), MountedTreeTest::base);
            snapshots.commit(K8S, "base", "b", Map.of());
            List<MountPoint> upper = snapshots.prepare(K8S, "c", "base", Map.of());
            change(upper, root -> {
                changes(root);
                root.unlink(b("capable")); // what has no time of its own has that of now
            });
            layers.add(difference(snapshots.view(K8S, "v", "base", Map.of()), upper));
        }
        assertThat(layers.getFirst()).isEqualTo(layers.getLast());
    }

    @Test
    void otherProgramsReadIt() throws Exception {
        Program.needed("/usr/bin/tar");
        Snapshotter snapshots = snapshotter("native");
        List<MountPoint> tree = snapshots.prepare(K8S, "t", "", Map.of());
        change(tree, root -> {
            base(root);
            changes(root);
        });
        Path archive = temp.resolve("layer.tar");
        Files.write(archive, difference(List.of(), tree));
        Path there = Files.createDirectory(temp.resolve("there"));
        Program.run(
                "/usr/bin/tar", "-C", there.toString(), "--xattrs", "--xattrs-include=*", "-xpf", archive.toString());
        try (Dir root = Dir.open(there)) {
            assertThat(withoutRootTime(Tree.of(root))).isEqualTo(seen(tree));
        }
    }

    @Test
    void laterTimesAreSetToTheGivenOne() throws Exception {
        Snapshotter snapshots = snapshotter("overlayfs");
        List<MountPoint> tree = snapshots.prepare(K8S, "t", "", Map.of());
        change(tree, root -> {
            file(root, b("old"), "", 0644);
            directory(root, "new", dir -> {});
            root.setTimes(b("new"), null, WHEN.plusSeconds(100));
        });
        var out = new ByteArrayOutputStream();
        Instant epoch = WHEN.plusSeconds(50);
        MountedTree.difference(snapshots.view(K8S, "v", "", Map.of()), tree, out, epoch);
        var reader = new TarReader(new ByteArrayInputStream(out.toByteArray()));
        var times = new TreeMap<String, Instant>();
        for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
            times.put(new String(entry.name(), StandardCharsets.UTF_8), entry.modified());
        }
        assertThat(times).isEqualTo(Map.of("new/", epoch, "old", WHEN));
    }

    @Test
    void aNameThatWouldDeleteAnotherIsRefused() throws Exception {
        Snapshotter snapshots = snapshotter("overlayfs");
        List<MountPoint> tree = snapshots.prepare(K8S, "t", "", Map.of());
        change(tree, root -> file(root, b(".wh.etc"), "", 0644));
        assertThatThrownBy(() -> difference(List.of(), tree))
                .isInstanceOfSatisfying(
                        Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining(".wh.etc");
    }

    @Test
    void severalMountsMakeOneTree() throws Exception {
        Path one = Files.createDirectories(temp.resolve("one/below"));
        Path two = Files.createDirectory(temp.resolve("two"));
        List<MountPoint> tree = List.of(
                new MountPoint("bind", String.valueOf(one.getParent()), "", List.of("rw", "rbind")),
                new MountPoint("bind", two.toString(), "below", List.of("rw", "rbind")));
        MountedTree.apply(tree, new TarBytes().file("below/file", "content").stream());
        assertThat(two.resolve("file")).hasContent("content");
        var out = new ByteArrayOutputStream();
        MountedTree.difference(List.of(), tree, out, null);
        assertThat(out.toString(StandardCharsets.ISO_8859_1)).contains("below/file");
        assertThatThrownBy(() -> MountedTree.apply(
                        List.of(
                                tree.getFirst(),
                                new MountPoint("bind", two.toString(), "../..", List.of("rw", "rbind"))),
                        new TarBytes().stream()))
                .isInstanceOf(Fault.class);
    }
}
