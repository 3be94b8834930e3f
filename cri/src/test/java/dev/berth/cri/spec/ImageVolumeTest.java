package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageVolumeTest {
    @TempDir
    Path directory;

    private final Requests with = new Requests();

    private List<ImageVolume> declared(String... paths) {
        with.image = "{\"Volumes\":{"
                + List.of(paths).stream().map(p -> "\"" + p + "\":{}").collect(Collectors.joining(",")) + "}}";
        with.volumes = directory.resolve("volumes");
        return MountPart.of(with.request(), false, null).volumes();
    }

    @Test
    void everyVolumeIsADirectoryOfOurNaming() {
        assertThat(declared("/data", "/var/lib/x", "data2"))
                .containsExactlyInAnyOrder(
                        new ImageVolume(Path.of("/data"), directory.resolve("volumes/v0")),
                        new ImageVolume(Path.of("/data2"), directory.resolve("volumes/v1")),
                        new ImageVolume(Path.of("/var/lib/x"), directory.resolve("volumes/v2")));
    }

    @Test
    void nothingLeadsOut() {
        assertThat(declared("/../../../etc/x", "/a/../../b"))
                .allSatisfy(v -> assertThat(v.directory().getParent()).isEqualTo(directory.resolve("volumes")))
                .extracting(v -> v.destination().toString())
                .containsExactlyInAnyOrder("/etc/x", "/b");
        assertThatThrownBy(() -> declared("/")).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> declared("/a/..")).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> declared("/a\\u0000b")).isInstanceOf(Fault.class);
        assertThatThrownBy(() ->
                        declared(IntStream.range(0, 200).mapToObj(i -> "/v" + i).toArray(String[]::new)))
                .isInstanceOf(Fault.class);
    }

    @Test
    void whatConfinesIsNotCoveredAndTheRequestGoesFirst() {
        assertThat(declared("/proc", "/sys/fs/cgroup", "/dev", "/dev/shm", "/etc/hosts", "/run/../proc/self"))
                .isEmpty();
        with.mounts.add(Requests.bind(directory.toString(), "/data"));
        assertThat(declared("/data")).isEmpty();
    }

    private Path image() throws IOException {
        Path root = Files.createDirectory(directory.resolve("root"));
        Path data = Files.createDirectories(root.resolve("srv/data"));
        Files.createSymbolicLink(root.resolve("data"), Path.of("/srv/data"));
        Files.writeString(data.resolve("file"), "content");
        Files.setPosixFilePermissions(data.resolve("file"), PosixFilePermissions.fromString("rwxr-x---"));
        Files.setAttribute(data.resolve("file"), "unix:uid", 1234);
        Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwx------"));
        Files.setAttribute(data, "unix:gid", 77);
        Files.createDirectory(data.resolve("inner"));
        Files.writeString(data.resolve("inner/x"), "y");
        Files.createSymbolicLink(data.resolve("escape"), Path.of("/etc/shadow"));
        return root;
    }

    @Test
    void itIsFilledFromTheImage() throws IOException {
        Path root = image();
        ImageVolume volume = declared("/data").getFirst();
        try (Dir dir = Dir.open(root)) {
            volume.fill(dir);
        }
        Path made = volume.directory();
        assertThat(made.resolve("file")).hasContent("content");
        assertThat(made.resolve("inner/x")).hasContent("y");
        assertThat(Files.getAttribute(made.resolve("file"), "unix:uid")).isEqualTo(1234);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made.resolve("file"))))
                .isEqualTo("rwxr-x---");
        assertThat(Files.getAttribute(made, "unix:gid")).isEqualTo(77);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
                .isEqualTo("rwx------");
        assertThat(Files.isSymbolicLink(made.resolve("escape")))
                .as("the link, not what it leads to")
                .isTrue();
    }

    @Test
    void aLinkOutOfTheImageLeadsNowhere() throws IOException {
        Path root = Files.createDirectory(directory.resolve("root"));
        Files.createDirectory(directory.resolve("secret"));
        Files.writeString(directory.resolve("secret/key"), "k");
        Files.createSymbolicLink(root.resolve("data"), directory.resolve("secret"));
        Files.createSymbolicLink(root.resolve("up"), Path.of("../secret"));
        for (ImageVolume volume : declared("/data", "/up")) {
            try (Dir dir = Dir.open(root)) {
                volume.fill(dir);
            }
            assertThat(volume.directory()).isEmptyDirectory();
        }
    }

    @Test
    void oddThingsAtTheDestination() throws IOException {
        Path root = Files.createDirectory(directory.resolve("root"));
        Files.writeString(root.resolve("file"), "");
        List<ImageVolume> volumes = declared("/file", "/missing");
        ImageVolume file = volumes.getFirst();
        ImageVolume missing = volumes.getLast();
        try (Dir dir = Dir.open(root)) {
            assertThatThrownBy(() -> file.fill(dir)).isInstanceOf(Fault.class).hasMessageContaining("a file there");
            missing.fill(dir);
        }
        assertThat(missing.directory()).isEmptyDirectory();
    }

    @Test
    void linksAreFollowedAsARuntimeWill() throws IOException {
        Path root = Files.createDirectory(directory.resolve("root"));
        Files.createDirectories(root.resolve("a/b"));
        Files.createSymbolicLink(root.resolve("a/b/up"), Path.of("../../../.."));
        Files.createSymbolicLink(root.resolve("abs"), Path.of("/a//./b/"));
        Files.createSymbolicLink(root.resolve("chain"), Path.of("abs/up/abs"));
        Files.createSymbolicLink(root.resolve("missing"), Path.of("none/../proc/x"));
        Files.createSymbolicLink(root.resolve("circle"), Path.of("circle"));
        Files.writeString(root.resolve("file"), "");
        try (Dir dir = Dir.open(root)) {
            assertThat(List.of(
                            "/", "/a/b/up/a", "/abs", "/chain/c", "/missing/y", "/none/../abs", "/file/x", "/\u00e4"))
                    .map(path -> place(dir, path))
                    .containsExactly("/", "/a", "/a/b", "/a/b/c", "/proc/x/y", "/a/b", "/file/x", "/\u00e4");
            assertThat(place(dir, "/circle/x")).isEqualTo("ELOOP");
            ImageVolume volume = declared("/missing").getFirst();
            assertThatThrownBy(() -> volume.fill(dir))
                    .isInstanceOf(Fault.class)
                    .hasMessageContaining("links of the image lead to /proc/x");
        }
    }

    private static String place(Dir root, String path) {
        try {
            return LinkedPlace.of(root, path);
        } catch (LinuxException e) {
            return e.is(Errno.ELOOP) ? "ELOOP" : e.toString();
        }
    }

    @Test
    void aBottomlessTreeIsRefused() throws IOException {
        Path root = Files.createDirectory(directory.resolve("root"));
        Path deep = Files.createDirectory(root.resolve("d"));
        for (int i = 0; i < 300; i++) {
            deep = Files.createDirectory(deep.resolve("d"));
        }
        ImageVolume volume = declared("/d").getFirst();
        try (Dir dir = Dir.open(root)) {
            assertThatThrownBy(() -> volume.fill(dir)).isInstanceOf(Fault.class).hasMessageContaining("deeper");
        }
        try (Dir dir = Dir.open(directory)) { // deeper than JUnit likes to remove
            dir.removeTree("root".getBytes(StandardCharsets.UTF_8));
            dir.removeTree("volumes".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(Files.exists(root, LinkOption.NOFOLLOW_LINKS)).isFalse();
    }
}
