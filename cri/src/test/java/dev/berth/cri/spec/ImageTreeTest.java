package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.FileType;
import dev.berth.linux.Mounts;
import dev.berth.linux.OverlayMount;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Parts of images, as an overlay of all layers would show them. */
class ImageTreeTest {
    @TempDir
    Path folder;

    private Path top;
    private Path middle;
    private Path bottom;

    ImageTreeTest() {
        top = middle = bottom = Path.of("/");
    }

    @BeforeEach
    void layers() throws Exception {
        top = Files.createDirectories(folder.resolve("top"));
        middle = Files.createDirectories(folder.resolve("middle"));
        bottom = Files.createDirectories(folder.resolve("bottom"));
        for (Path layer : List.of(top, middle, bottom)) {
            Files.writeString(Files.createDirectories(layer.resolve("all/sub")).resolve("file"), layer.toString());
        }
        Files.createDirectories(bottom.resolve("low"));
        Files.createDirectories(bottom.resolve("gone/x"));
        Files.createDirectories(bottom.resolve("new/x"));
        Files.createDirectories(middle.resolve("new/x"));
        Files.createSymbolicLink(bottom.resolve("link"), Path.of("/../all/../all/sub"));
        Files.createSymbolicLink(bottom.resolve("loop"), Path.of("loop"));
        try (Dir dir = Dir.open(middle);
                Dir hiding = dir.openDir(bytes("new"), Dir.Resolve.IN_ROOT)) {
            dir.mknod(bytes("gone"), FileType.CHARACTER_DEVICE, 0, 0);
            hiding.setXattr(bytes("trusted.overlay.opaque"), bytes("y"));
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private List<Path> below(String path) throws Exception {
        List<Path> layers = List.of(top, middle, bottom);
        try (DetachedMount mount = Mounts.overlay(new OverlayMount(layers, null, List.of()));
                Dir root = Dir.open(mount.fd())) {
            return new ImageTree(layers).below(root, path).layers();
        }
    }

    private void refused(Fault.Code code, String path) {
        assertThatThrownBy(() -> below(path))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(code));
    }

    @Test
    void theWholeAndItsParts() throws Exception {
        assertThat(below("")).containsExactly(top, middle, bottom);
        assertThat(below("all/sub"))
                .containsExactly(top.resolve("all/sub"), middle.resolve("all/sub"), bottom.resolve("all/sub"));
        assertThat(below("low/")).containsExactly(bottom.resolve("low"));
        assertThat(below("all/./sub/file"))
                .as("a file is the topmost one")
                .containsExactly(top.resolve("all/sub/file"));
    }

    @Test
    void whatAnUpperLayerHidesIsNotThere() throws Exception {
        refused(Fault.Code.NOT_FOUND, "gone/x");
        assertThat(below("new/x")).containsExactly(middle.resolve("new/x"));
    }

    @Test
    void linksStayInTheImage() throws Exception {
        assertThat(below("link")).hasSize(3).first().isEqualTo(top.resolve("all/sub"));
        refused(Fault.Code.NOT_FOUND, "loop");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/all", "all/../low", "..", "a\0b"})
    void pathsThatAreNoneAreRefused(String path) {
        refused(Fault.Code.INVALID_ARGUMENT, path);
    }

    @Test
    void whatIsNotThere() {
        refused(Fault.Code.NOT_FOUND, "nothing");
        refused(Fault.Code.NOT_FOUND, "all/sub/file/more");
    }
}
