package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountsTest {
    @TempDir
    Path temp;

    @AfterEach
    void nothingIsLeft() throws IOException {
        List<MountEntry> left = mountsBelow(temp);
        for (MountEntry entry : left.reversed()) {
            Mounts.unmountAll(Path.of(entry.target()));
        }
        assertThat(left).isEmpty();
    }

    static List<MountEntry> mountsBelow(Path directory) throws IOException {
        return Mounts.list().stream()
                .filter(entry -> Path.of(entry.target()).startsWith(directory))
                .toList();
    }

    private Path dir(String name) throws IOException {
        return Files.createDirectories(temp.resolve(name));
    }

    private Path file(String name, String content) throws IOException {
        dir(name.substring(0, name.lastIndexOf('/')));
        return Files.writeString(temp.resolve(name), content);
    }

    @Test
    void aTmpfsIsMadeDetachedAndMovedToItsPlace() throws Exception {
        Path target = dir("place with spaces\n");
        try (DetachedMount mount =
                Mounts.tmpfs(Map.of("size", "65536", "mode", "1755"), Set.of(MountFlag.NO_SUID, MountFlag.NO_EXEC))) {
            Files.writeString(mount.fd().procPath().resolve("early"), "written before it has a place");
            assertThat(mountsBelow(temp)).isEmpty();
            mount.moveTo(target);
        }
        MountEntry entry = mountsBelow(temp).getFirst();
        assertThat(entry.target()).isEqualTo(target.toString());
        assertThat(entry.type()).isEqualTo("tmpfs");
        assertThat(entry.options()).contains("nosuid", "noexec");
        assertThat(entry.superOptions()).contains("size=64k", "mode=1755");
        assertThat(target.resolve("early")).hasContent("written before it has a place");
        Mounts.unmount(target);
        assertThat(target.resolve("early")).doesNotExist();
    }

    @Test
    void aDetachedMountThatIsClosedLeavesNothing() throws Exception {
        Mounts.tmpfs(Map.of(), Set.of()).close();
    }

    @Test
    void anOverlayShowsItsLayersAndKeepsChangesInTheUpperOne() throws Exception {
        file("low/a", "low");
        file("low/b", "low");
        file("mid/b", "mid");
        OverlayMount overlay = new OverlayMount(
                List.of(dir("mid"), dir("low")),
                new OverlayMount.Upper(dir("upper"), dir("work")),
                List.of("volatile", "index=off"));
        Path target = dir("merged");
        try (DetachedMount mount = Mounts.overlay(overlay)) {
            mount.moveTo(target);
        }
        assertThat(target.resolve("a")).hasContent("low");
        assertThat(target.resolve("b")).hasContent("mid");
        Files.writeString(target.resolve("a"), "new");
        assertThat(temp.resolve("upper/a")).hasContent("new");
        assertThat(temp.resolve("low/a")).hasContent("low");
        assertThat(mountsBelow(temp).getFirst().superOptions()).contains("volatile");
        Mounts.unmount(target);
    }

    @Test
    void anOverlayTakesFiveHundredLayersWithLongAndOddNames() throws Exception {
        List<Path> layers = new ArrayList<>();
        String odd = "with:colon, comma\\backslash-" + "x".repeat(120);
        for (int i = 0; i < OverlayMount.MAX_LOWER; i++) {
            layers.add(file(odd + "/" + odd + i + "/file" + i, "layer " + i).resolveSibling(""));
        }
        try (DetachedMount mount = Mounts.overlay(new OverlayMount(layers, null, List.of()))) {
            Path root = mount.fd().procPath();
            assertThat(root.resolve("file0")).hasContent("layer 0");
            assertThat(root.resolve("file499")).hasContent("layer 499");
        }
    }

    @Test
    void theFallbackThroughMount2MakesTheSameOverlay() throws Exception {
        List<Path> layers = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            layers.add(file("snapshots/" + i + "/f:s,\\/file" + i, "layer " + i).resolveSibling(""));
        }
        OverlayMount overlay = new OverlayMount(
                layers,
                new OverlayMount.Upper(dir("snapshots/300/fs"), dir("snapshots/300/work")),
                List.of("index=off"));
        Path target = dir("merged");
        try (DetachedMount mount = Overlays.byOptions(overlay)) {
            assertThat(mountsBelow(temp)).isEmpty();
            mount.moveTo(target);
        }
        assertThat(target.resolve("file0")).hasContent("layer 0");
        assertThat(target.resolve("file299")).hasContent("layer 299");
        Files.writeString(target.resolve("file7"), "new");
        assertThat(temp.resolve("snapshots/300/fs/file7")).hasContent("new");
        Mounts.unmount(target);
    }

    @Test
    void theFallbackSaysWhenTheNamesDoNotFit() throws Exception {
        List<Path> layers = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            layers.add(dir("a-name-that-is-long-on-purpose-to-fill-the-page-of-options" + i));
        }
        assertThatThrownBy(() -> Overlays.byOptions(new OverlayMount(layers, null, List.of())))
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.is(Errno.E2BIG)).isTrue())
                .hasMessageContaining("Linux 6.7");
    }

    @Test
    void theKernelsOwnWordsAreInTheError() throws Exception {
        OverlayMount overlay = new OverlayMount(List.of(dir("a"), dir("b")), null, List.of("no_such_option=1"));
        assertThatThrownBy(() -> Mounts.overlay(overlay))
                .isInstanceOfSatisfying(
                        LinuxException.class,
                        e -> assertThat(e.is(Errno.EINVAL)).isTrue())
                .hasMessageContaining("no_such_option");
    }

    @Test
    void aBindMountIsAClone() throws Exception {
        Path source = dir("source");
        file("source/sub/file", "below");
        try (DetachedMount inner = Mounts.tmpfs(Map.of(), Set.of())) {
            inner.moveTo(source.resolve("sub"));
        }
        Files.writeString(source.resolve("sub/mounted"), "on the inner mount");
        try (DetachedMount flat = Mounts.bind(source, false);
                DetachedMount deep = Mounts.bind(source, true)) {
            assertThat(flat.fd().procPath().resolve("sub/file")).hasContent("below");
            assertThat(deep.fd().procPath().resolve("sub/mounted")).exists();
        }
        Mounts.unmount(source.resolve("sub"));
    }

    @Test
    void attributesAreSetBeforeAnybodySeesTheMount() throws Exception {
        Path source = dir("source");
        Path target = dir("target");
        try (DetachedMount mount = Mounts.bind(source, true)) {
            mount.setattr(
                    MountAttributes.nothing()
                            .with(MountFlag.READ_ONLY, MountFlag.NO_ATIME)
                            .with(Propagation.PRIVATE),
                    true);
            mount.moveTo(target);
        }
        assertThat(mountsBelow(temp).getFirst().options()).contains("ro", "noatime");
        assertThatThrownBy(() -> Files.writeString(target.resolve("x"), "")).isInstanceOf(IOException.class);
        Mounts.setattr(target, MountAttributes.nothing().without(MountFlag.READ_ONLY), false);
        Files.writeString(target.resolve("x"), "");
        Mounts.setattr(target, MountAttributes.nothing().with(Propagation.SHARED), false);
        assertThat(mountsBelow(temp).getFirst().propagation()).anyMatch(p -> p.startsWith("shared:"));
        Mounts.unmount(target, Mounts.Unmount.DETACH);
    }

    @Test
    void aMountGoesBeneathADirectoryHandle() throws Exception {
        Path target = dir("target");
        try (Fd handle = Fd.open(target, Fd.O_PATH);
                DetachedMount mount = Mounts.tmpfs(Map.of(), Set.of())) {
            mount.moveTo(handle);
        }
        assertThat(mountsBelow(temp)).hasSize(1);
        Mounts.unmount(target);
    }

    @Test
    void containerdsFormOfAMountIsUnderstood() throws Exception {
        file("lo:w/a", "low");
        file("top/b", "top");
        List<String> options = List.of(
                "ro", "nosuid", "index=off", "lowerdir=" + temp.resolve("top") + ":" + temp.resolve("lo") + "\\:w");
        Path target = dir("merged");
        try (DetachedMount mount = Mounts.fromOptions("overlay", "overlay", options)) {
            mount.moveTo(target);
        }
        assertThat(target.resolve("a")).hasContent("low");
        assertThat(target.resolve("b")).hasContent("top");
        assertThat(mountsBelow(temp).getFirst().options()).contains("ro", "nosuid");
        Mounts.unmount(target);

        try (DetachedMount mount =
                Mounts.fromOptions("bind", temp.resolve("top").toString(), List.of("rbind", "ro", "rprivate"))) {
            mount.moveTo(target);
        }
        assertThat(target.resolve("b")).hasContent("top");
        assertThat(mountsBelow(temp).getFirst().options()).contains("ro");
        Mounts.unmount(target);

        try (DetachedMount mount = Mounts.fromOptions("tmpfs", "shm", List.of("noexec", "size=65536", "mode=1777"))) {
            mount.moveTo(target);
        }
        assertThat(mountsBelow(temp).getFirst().source()).isEqualTo("shm");
        Mounts.unmount(target);
        assertThatThrownBy(() -> Mounts.fromOptions("bind", temp.toString(), List.of("size=1")))
                .isInstanceOf(LinuxException.class);
    }

    @Test
    void unmountAllTakesEveryLayerAndIsHarmlessWithoutAny() throws Exception {
        Path target = dir("target");
        for (int i = 0; i < 3; i++) {
            try (DetachedMount mount = Mounts.tmpfs(Map.of(), Set.of())) {
                mount.moveTo(target);
            }
        }
        assertThat(Mounts.unmountAll(target)).isTrue();
        assertThat(Mounts.unmountAll(target)).isFalse();
        assertThat(Mounts.unmountAll(temp.resolve("no/such"))).isFalse();
    }

    @Test
    void theOldCallMountsToo() throws Exception {
        Path target = dir("target");
        Mounts.mount("none", target, "tmpfs", Set.of(MountFlag.NO_DEV), "size=4096");
        assertThat(mountsBelow(temp).getFirst().options()).contains("nodev");
        Mounts.unmount(target);
    }

    @Test
    void mountinfoLinesWithOptionalFieldsAndEscapesAreRead() {
        List<MountEntry> entries = MountEntry.parse("""
                36 35 98:0 /mnt1 /mnt\\0402\\134x rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue
                37 35 0:4 net:[4026531840] /run/netns/x rw - nsfs nsfs rw
                not a line
                """.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        assertThat(entries).hasSize(2);
        MountEntry first = entries.getFirst();
        assertThat(first.target()).isEqualTo("/mnt 2\\x");
        assertThat(first.propagation()).containsExactly("master:1", "shared:7");
        assertThat(first.source()).isEqualTo("/dev/root");
        assertThat(entries.get(1).root()).isEqualTo("net:[4026531840]");
        assertThat(entries.get(1).propagation()).isEmpty();
    }
}
