package dev.berth.snapshots;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.Mounts;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** The ways to unpack a chain of layers: as copies, in turn on an overlay, side by side. */
abstract class EveryWay extends BesideUmoci {
    /** Layers that can be unpacked. */
    record Odd(String name, boolean asUmoci, List<byte[]> layers, List<String> seen) {
        @Override
        public String toString() {
            return name;
        }
    }

    static byte[] layer(UnaryOperator<TarBytes> entries) {
        return entries.apply(new TarBytes().dir(".")).bytes();
    }

    static byte[] bare(UnaryOperator<TarBytes> entries) {
        return entries.apply(new TarBytes()).bytes();
    }

    /** As umoci sees it. */
    static Odd as(String name, List<byte[]> layers, String... seen) {
        return new Odd(name, true, layers, List.of(seen));
    }

    /** Otherwise than umoci sees it, or not to be seen by it. */
    static Odd our(String name, List<byte[]> layers, String... seen) {
        return new Odd(name, false, layers, List.of(seen));
    }

    /** Unpacks it in every way, and compares what is seen then. */
    final void everyWay(Odd odd) throws Exception {
        Map<String, String> copied = tree(copies(), odd.layers, false);
        assertThat(copied).containsKeys(odd.seen.toArray(String[]::new));
        assertThat(tree(overlay(), odd.layers, false))
                .as("in turn on an overlay")
                .isEqualTo(copied);
        assertThat(tree(overlay(), odd.layers, true)).as("side by side").isEqualTo(copied);
        if (odd.asUmoci) {
            assertThat(copied).as("compared with umoci").isEqualTo(unlinked(Umoci.tree(temp, odd.layers)));
        }
        assertThat(Path.of("/bt-outside")).doesNotExist();
    }

    final Snapshotter overlay() {
        return new OverlaySnapshotter(temp.resolve("root/overlayfs"), store.metadata(), disk);
    }

    final Snapshotter copies() {
        return new NativeSnapshotter(temp.resolve("root/native"), store.metadata(), disk);
    }

    static Map<String, String> tree(Snapshotter snapshots, List<byte[]> layers, boolean sideBySide) throws Exception {
        try (LayerChain chain = snapshots.layers(K8S, "")) {
            for (int i = 0; i < layers.size(); i++) {
                byte[] layer = layers.get(i);
                Placement placement = sideBySide && chain.sideBySide()
                        ? chain.append("l" + i, Map.of(), chain.unpack(new ByteArrayInputStream(layer)))
                        : new Placement.NeedsParent("");
                if (placement instanceof Placement.NeedsParent) {
                    chain.appendInTurn("l" + i, Map.of(), new ByteArrayInputStream(layer));
                }
            }
            chain.commit();
        }
        try {
            return seen(snapshots
                    .view(K8S, "view", "l" + (layers.size() - 1), Map.of())
                    .getFirst());
        } finally {
            snapshots.list(K8S).reversed().forEach(snapshot -> snapshots.remove(K8S, snapshot.key()));
        }
    }

    static Map<String, String> seen(MountPoint mount) throws Exception {
        try (DetachedMount detached = Mounts.fromOptions(mount.type(), mount.source(), mount.options());
                Dir root = Dir.open(detached.fd())) {
            return unlinked(Tree.of(root));
        }
    }

    /** An overlay does not keep files of lower layers linked when one of their names gets another link. */
    static Map<String, String> unlinked(Map<String, String> tree) throws IOException {
        var lines = new TreeMap<>(tree);
        lines.replaceAll((path, line) -> line.replaceAll(" same file as .*", ""));
        return lines;
    }
}
