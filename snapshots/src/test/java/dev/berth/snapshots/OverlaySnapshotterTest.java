package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.store.Metadata;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OverlaySnapshotterTest extends SnapshotterContract {
    private static final Map<String, String> VOLATILE = Map.of(OverlaySnapshotter.VOLATILE, "true");

    @Override
    Snapshotter open(Path directory, Metadata metadata, Disk disk) {
        return new OverlaySnapshotter(directory, metadata, disk);
    }

    @Test
    void theMountsHaveContainerdsForm() {
        stack(
                "",
                "l",
                List.of(
                        new TarBytes().file("a", "").bytes(),
                        new TarBytes().file("b", "").bytes()));
        Path files = temp.resolve("root/snapshots");
        String lower =
                "lowerdir=" + files.resolve(numberOf("l1") + "/fs") + ":" + files.resolve(numberOf("l0") + "/fs");
        List<MountPoint> active = snapshots.prepare(K8S, "c", "l1", Map.of());
        String own = files.resolve(Long.toString(numberOf("c"))).toString();
        assertThat(active)
                .containsExactly(new MountPoint(
                        "overlay",
                        "overlay",
                        "",
                        List.of("workdir=" + own + "/work", "upperdir=" + own + "/fs", lower, "index=off")));
        assertThat(snapshots.view(K8S, "v", "l1", Map.of()))
                .containsExactly(new MountPoint("overlay", "overlay", "", List.of(lower, "index=off")));
        assertThat(snapshots.view(K8S, "single", "l0", Map.of()))
                .containsExactly(new MountPoint(
                        "bind", files.resolve(numberOf("l0") + "/fs").toString(), "", List.of("ro", "rbind")));
    }

    private long numberOf(String key) {
        return snapshots.stat(K8S, key).number();
    }

    @Test
    void aVolatileSnapshotIsMountedAgainButNotAfterACrashOfTheMachine() throws Exception {
        stack("", "l", List.of(new TarBytes().file("a", "").bytes()));
        List<MountPoint> mounts = snapshots.prepare(K8S, "c", "l0", VOLATILE);
        assertThat(mounts.getFirst().options()).contains("volatile");
        look(mounts, root -> Files.writeString(root.resolve("b"), "kept"));
        look(snapshots.mounts(K8S, "c"), root -> assertThat(root.resolve("b")).hasContent("kept"));
        try (Dir work = Dir.open(temp.resolve("root/snapshots/" + numberOf("c") + "/work"))) {
            work.setXattr(b("trusted.berth.boot"), b("another boot"));
        }
        assertThatThrownBy(() -> snapshots.mounts(K8S, "c")).satisfies(has(Fault.Code.DATA_LOSS));
        snapshots.remove(K8S, "c");
    }

    @Test
    void aLayerThatWritesThroughALinkOfALowerOneWaitsForItsTurn() throws Exception {
        byte[] base = new TarBytes()
                .dir("usr/lib")
                .symlink("lib", "usr/lib")
                .file("f", "f")
                .bytes();
        byte[] top = new TarBytes().file("lib/x", "x").bytes();
        byte[] linked = new TarBytes().link("g", "f").bytes();
        try (LayerChain chain = snapshots.layers(K8S, "")) {
            chain.append("l0", Map.of(), chain.unpack(stream(base)));
            assertThat(chain.append("l1", Map.of(), chain.unpack(stream(top))))
                    .isInstanceOfSatisfying(
                            Placement.NeedsParent.class,
                            needs -> assertThat(needs.why()).contains("lib"));
            chain.appendInTurn("l1", Map.of(), stream(top));
            assertThat(chain.append("l2", Map.of(), chain.unpack(stream(linked))))
                    .isInstanceOf(Placement.NeedsParent.class);
            chain.appendInTurn("l2", Map.of(), stream(linked));
            chain.commit();
        }
        assertThat(tree("l2")).containsKeys("/usr/lib/x", "/f", "/g");
        assertThat(tree("l2").get("/lib")).startsWith("SYMLINK");
        assertThat(tree("l2").get("/g")).endsWith("same file as /f");
        nothingButTheDirectoriesOf(3);
    }

    private static java.io.InputStream stream(byte[] archive) {
        return new java.io.ByteArrayInputStream(archive);
    }

    @Test
    void aDirectoryWithoutAnEntryIsAsInTheLayersBelow() throws Exception {
        stack(
                "",
                "l",
                List.of(
                        new TarBytes()
                                .mode(01700)
                                .owner(3, 4)
                                .mtime(99)
                                .pax("SCHILY.xattr.user.x", "y")
                                .dir("d")
                                .bytes(),
                        new TarBytes().file("other", "").bytes(),
                        new TarBytes().file("d/new", "").bytes()));
        assertThat(tree("l2").get("/d"))
                .isEqualTo(tree("l0").get("/d"))
                .startsWith("DIRECTORY 1755 3:4 1970-01-01T00:01:39Z")
                .contains("user.x");
    }
}
