package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.Mounts;
import dev.berth.store.Store;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;

/**
 * However layers are unpacked, the same tree is seen: each by itself and stacked for an overlay, in turn through a mounted
 * overlay, in turn onto whole copies.
 */
class LayerWaysTest {
    private static final Namespace K8S = Namespace.KUBERNETES;

    private static final Path TEMP =
            Path.of("/tmp", "bt-ways-" + ProcessHandle.current().pid());
    private static final Disk DISK = new UnflushedDisk();
    private static final Store STORE = Store.open(TEMP.resolve("s"), DISK, InstantSource.fixed(Instant.EPOCH));
    private static final Snapshotter OVERLAY =
            new OverlaySnapshotter(TEMP.resolve("s/overlay"), STORE.metadata(), DISK);
    private static final Snapshotter COPIES = new NativeSnapshotter(TEMP.resolve("s/native"), STORE.metadata(), DISK);

    @AfterContainer
    static void removeAll() throws IOException {
        STORE.close();
        try (Dir top = Dir.open(Path.of("/tmp"))) {
            top.removeTree(b(String.valueOf(TEMP.getFileName())));
        }
    }

    enum What {
        FILE,
        DIR,
        SYMLINK,
        LINK,
        WHITEOUT,
        OPAQUE,
        FIFO
    }

    record Op(What what, String path, String target, int mark) {
        void add(TarBytes tar) {
            tar.mode(0600 | mark).owner(mark, 0).mtime(1_000_000 + mark);
            switch (what) {
                case FILE -> tar.file(path, "content " + mark);
                case DIR -> {
                    if (mark % 2 == 1) {
                        tar.pax("SCHILY.xattr.user.mark", "m" + mark);
                    }
                    tar.dir(path);
                }
                case SYMLINK -> tar.symlink(path, target);
                case LINK -> tar.link(path, target);
                case WHITEOUT -> tar.whiteout(path);
                case OPAQUE -> tar.opaque(path);
                case FIFO -> tar.entry(b(path), '6', TarBytes.NO_DATA, TarBytes.NO_DATA);
            }
        }
    }

    @Provide
    Arbitrary<List<List<Op>>> layers() {
        Arbitrary<String> name = Arbitraries.of("a", "b", "c");
        Arbitrary<String> path = name.list().ofMinSize(1).ofMaxSize(3).map(parts -> String.join("/", parts));
        Arbitrary<String> target = Arbitraries.oneOf(path, path.map(p -> "/" + p), path.map(p -> "../" + p));
        Arbitrary<What> what = Arbitraries.frequencyOf(
                Tuple.of(5, Arbitraries.just(What.FILE)),
                Tuple.of(5, Arbitraries.just(What.DIR)),
                Tuple.of(2, Arbitraries.just(What.SYMLINK)),
                Tuple.of(2, Arbitraries.just(What.LINK)),
                Tuple.of(3, Arbitraries.just(What.WHITEOUT)),
                Tuple.of(1, Arbitraries.just(What.OPAQUE)),
                Tuple.of(1, Arbitraries.just(What.FIFO)));
        Arbitrary<Op> op = Combinators.combine(
                        what, path, target, Arbitraries.integers().between(0, 7))
                .as(Op::new);
        return op.list().ofMaxSize(7).list().ofMinSize(1).ofMaxSize(4);
    }

    @Property(tries = 150)
    void everyWayShowsTheSameTree(@ForAll("layers") List<List<Op>> layers) throws Exception {
        List<byte[]> archives = new ArrayList<>();
        for (List<Op> layer : layers) {
            TarBytes tar = new TarBytes();
            layer.forEach(op -> op.add(tar));
            archives.add(tar.bytes());
        }
        Optional<Map<String, String>> sideBySide = tree(OVERLAY, "side", archives, true);
        Optional<Map<String, String>> inTurn = tree(OVERLAY, "turn", archives, false);
        Optional<Map<String, String>> copied = tree(COPIES, "copy", archives, false);
        assertThat(inTurn).as("in turn on an overlay, compared with copies").isEqualTo(copied);
        assertThat(sideBySide).as("side by side, compared with copies").isEqualTo(copied);
    }

    /** A directory that an entry implies may be a link below, and a hard link to it is then one to that link. */
    @Example
    void aHardLinkToWhatIsALinkBelow() throws Exception {
        everyWayShowsTheSameTree(List.of(
                List.of(new Op(What.SYMLINK, "c", "a", 0)),
                List.of(),
                List.of(
                        new Op(What.FILE, "c/a", "a", 0),
                        new Op(What.FILE, "a", "a", 0),
                        new Op(What.LINK, "b/a", "/c", 3))));
    }

    /** What a layer changes is told by the trees before and after it. */
    @Property(tries = 100)
    void whatTwoTreesDifferInMakesOneTheOther(@ForAll("layers") List<List<Op>> layers) throws Exception {
        for (Snapshotter snapshots : List.of(OVERLAY, COPIES)) {
            List<byte[]> archives = new ArrayList<>();
            archives.add(new TarBytes().bytes());
            for (List<Op> layer : layers) {
                TarBytes tar = new TarBytes();
                layer.forEach(op -> op.add(tar));
                archives.add(tar.bytes());
            }
            try {
                stack(snapshots, "d", archives, snapshots.name().equals(OVERLAY.name()));
            } catch (Fault refused) {
                return;
            }
            String top = "d" + (archives.size() - 1);
            try {
                var layer = new ByteArrayOutputStream();
                List<MountPoint> before = snapshots.view(K8S, "before", "d" + (archives.size() - 2), Map.of());
                List<MountPoint> after = snapshots.view(K8S, "after", top, Map.of());
                MountedTree.difference(before, after, layer, null);
                List<MountPoint> made = snapshots.prepare(K8S, "made", "d" + (archives.size() - 2), Map.of());
                MountedTree.apply(made, new ByteArrayInputStream(layer.toByteArray()));
                assertThat(withoutTimes(seen(made))).as(snapshots.name()).isEqualTo(withoutTimes(seen(after)));
            } finally {
                removeAll(snapshots);
            }
        }
    }

    /** A directory in which nothing changed has no entry; the root never has. */
    private static Map<String, String> withoutTimes(Map<String, String> tree) {
        var lines = new TreeMap<>(tree);
        lines.remove("/");
        lines.replaceAll((path, line) -> line.startsWith("DIRECTORY") ? line.replaceAll(" \\S+Z", "") : line);
        return lines;
    }

    private static void stack(Snapshotter snapshots, String prefix, List<byte[]> layers, boolean sideBySide) {
        try (LayerChain chain = snapshots.layers(K8S, "")) {
            for (int i = 0; i < layers.size(); i++) {
                byte[] layer = layers.get(i);
                Placement placement = sideBySide
                        ? chain.append(prefix + i, Map.of(), chain.unpack(new ByteArrayInputStream(layer)))
                        : new Placement.NeedsParent("");
                if (placement instanceof Placement.NeedsParent) {
                    chain.appendInTurn(prefix + i, Map.of(), new ByteArrayInputStream(layer));
                }
            }
            chain.commit();
        }
    }

    private static void removeAll(Snapshotter snapshots) {
        snapshots.list(K8S).reversed().forEach(snapshot -> snapshots.remove(K8S, snapshot.key()));
    }

    /** Empty if a layer is refused. */
    private static Optional<Map<String, String>> tree(
            Snapshotter snapshots, String prefix, List<byte[]> layers, boolean sideBySide) throws Exception {
        try {
            stack(snapshots, prefix, layers, sideBySide);
        } catch (Fault refused) {
            assertThat(refused.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT);
            return Optional.empty();
        }
        try {
            return Optional.of(seen(snapshots.view(K8S, "view", prefix + (layers.size() - 1), Map.of())));
        } finally {
            removeAll(snapshots);
        }
    }

    private static Map<String, String> seen(List<MountPoint> mounts) throws Exception {
        MountPoint mount = mounts.getFirst();
        try (DetachedMount detached = Mounts.fromOptions(mount.type(), mount.source(), mount.options());
                Dir root = Dir.open(detached.fd())) {
            // An overlay does not keep files of lower layers linked when one of their names gets another link.
            var lines = new TreeMap<String, String>();
            Tree.of(root).forEach((path, line) -> lines.put(path, line.replaceAll(" same file as .*", "")));
            return lines;
        }
    }
}
