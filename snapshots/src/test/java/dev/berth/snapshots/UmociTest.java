package dev.berth.snapshots;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.Mounts;
import java.io.ByteArrayInputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;

/** Well-formed images of several layers look as umoci unpacks them, whichever way we do it. */
class UmociTest extends BesideUmoci {
    @RepeatedTest(12)
    void theSameTreeIsSeen(RepetitionInfo repetition) throws Exception {
        Random random = new Random(repetition.getCurrentRepetition());
        List<byte[]> layers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            layers.add(layer(random));
        }
        Map<String, String> expected = Umoci.tree(temp, layers);
        assertThat(ours(new OverlaySnapshotter(temp.resolve("root/overlay"), store.metadata(), disk), layers))
                .as("overlay, seed " + repetition.getCurrentRepetition())
                .isEqualTo(expected);
        assertThat(ours(new NativeSnapshotter(temp.resolve("root/native"), store.metadata(), disk), layers))
                .as("native, seed " + repetition.getCurrentRepetition())
                .isEqualTo(expected);
    }

    /** Each directory has an entry before what is in it; a name is deleted or made, not both. */
    private static byte[] layer(Random random) {
        TarBytes tar = new TarBytes();
        dir(tar, ".", random);
        var used = new TreeMap<String, Character>();
        for (int i = 0; i < 14; i++) {
            String path = name(random)
                    + (random.nextBoolean() ? "/" + name(random) : "")
                    + (random.nextBoolean() ? "/" + name(random) : "");
            char type = "ffffddsww".charAt(random.nextInt(9));
            boolean clash = used.entrySet().stream()
                    .anyMatch(other -> other.getKey().equals(path)
                            || other.getKey().startsWith(path + "/")
                            || (path.startsWith(other.getKey() + "/") && other.getValue() != 'd'));
            if (!clash) {
                parents(tar, path, used, random);
                put(tar, type, path, random);
                used.put(path, type);
            }
        }
        return tar.bytes();
    }

    private static void parents(TarBytes tar, String path, Map<String, Character> used, Random random) {
        for (int slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
            if (used.putIfAbsent(path.substring(0, slash), 'd') == null) {
                dir(tar, path.substring(0, slash), random);
                if (random.nextInt(8) == 0) {
                    tar.opaque(path.substring(0, slash));
                }
            }
        }
    }

    private static void put(TarBytes tar, char type, String path, Random random) {
        switch (type) {
            case 'f' -> file(tar, path, random);
            case 'd' -> dir(tar, path, random);
            case 's' -> tar.symlink(path, name(random));
            default -> tar.whiteout(path);
        }
    }

    private static void dir(TarBytes tar, String path, Random random) {
        tar.mtime(random.nextInt(1_000_000_000))
                .owner(random.nextInt(3), 0)
                .mode(random.nextInt(8) << 9)
                .dir(path);
    }

    private static void file(TarBytes tar, String path, Random random) {
        tar.mtime(random.nextInt(1_000_000_000)).owner(random.nextInt(3), random.nextInt(3));
        tar.mode(random.nextInt(010000)).file(path, "x".repeat(random.nextInt(2000)));
        if (random.nextInt(4) == 0) {
            tar.link(path + "-link", path);
        }
    }

    private static String name(Random random) {
        return String.valueOf((char) ('a' + random.nextInt(4)));
    }

    private Map<String, String> ours(Snapshotter snapshots, List<byte[]> layers) throws Exception {
        try (LayerChain chain = snapshots.layers(K8S, "")) {
            for (int i = 0; i < layers.size(); i++) {
                if (chain.sideBySide()) {
                    LayerDraft draft = chain.unpack(new ByteArrayInputStream(layers.get(i)));
                    assertThat(chain.append("l" + i, Map.of(), draft)).isInstanceOf(Placement.Placed.class);
                } else {
                    chain.appendInTurn("l" + i, Map.of(), new ByteArrayInputStream(layers.get(i)));
                }
            }
            chain.commit();
        }
        MountPoint mount =
                snapshots.view(K8S, "view", "l" + (layers.size() - 1), Map.of()).getFirst();
        try (DetachedMount detached = Mounts.fromOptions(mount.type(), mount.source(), mount.options());
                Dir root = Dir.open(detached.fd())) {
            return Tree.of(root);
        }
    }
}
