package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Layers that somebody has thought out: each is unpacked in every way, and every way shows the same tree, that of umoci where the
 * two agree on what a layer means, or refuses it for the same reason and leaves nothing.
 */
class OddLayersTest extends EveryWay {
    /** Layers of which the last cannot. */
    record Refused(String name, Fault.Code code, String why, List<byte[]> layers) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Odd> odd() {
        return Stream.of(paths(), kinds(), replaced(), hidden(), links()).flatMap(cases -> cases);
    }

    private static Stream<Odd> paths() {
        return Stream.of(
                as("nothing", List.of(layer(t -> t)), "/"),
                as(
                        "names with dots",
                        List.of(layer(t -> t.dir("etc").file("../../etc/x", "1").file("./etc/./y", "2"))),
                        "/etc/x",
                        "/etc/y"),
                as("absolute names", List.of(layer(t -> t.dir("/etc").file("/etc/x", "1"))), "/etc/x"),
                as(
                        "names of any bytes",
                        List.of(layer(t -> t.file(new byte[] {'a', (byte) 0xff, '\n', 7, (byte) 0x80}, b("x")))),
                        "/a\u00ff\n\u0007\u0080"),
                our(
                        "parents that nobody describes",
                        List.of(bare(t -> t.file("a/b/c", "1")), bare(t -> t.file("a/b/d", "2"))),
                        "/a/b/c",
                        "/a/b/d"),
                as(
                        "a deep tree",
                        List.of(layer(t -> {
                            String path = "d";
                            for (int i = 0; i < 400; i++) {
                                t.dir(path);
                                path += "/d";
                            }
                            return t.file(path, "deep");
                        })),
                        "/" + "d/".repeat(400) + "d"));
    }

    private static Stream<Odd> kinds() {
        return Stream.of(
                as(
                        "devices and a pipe",
                        List.of(layer(t -> t.mode(0640)
                                .owner(0, 5)
                                .device("tty", '3', 5, 1)
                                .device("disk", '4', 259, 70000)
                                .entry(b("pipe"), '6', TarBytes.NO_DATA, TarBytes.NO_DATA))),
                        "/tty",
                        "/disk",
                        "/pipe"),
                as(
                        "every bit of a mode, the highest owners, times before 1970",
                        List.of(layer(t -> t.mode(07777)
                                .owner(4294967294L, 4294967294L)
                                .pax("mtime", "-1000.25")
                                .file("f", "x")
                                .mtime(1)
                                .dir("d"))),
                        "/f"),
                as(
                        "attributes",
                        List.of(layer(t -> t.pax("SCHILY.xattr.user.a", "1")
                                .pax("SCHILY.xattr.user.b", new byte[] {0, 1, (byte) 0xff})
                                .file("f", "x")
                                .pax("SCHILY.xattr.user.d", "2")
                                .dir("d")
                                .pax("SCHILY.xattr.security.capability", capability())
                                .file("ping", "x"))),
                        "/f"),
                our(
                        "attributes of the host's",
                        List.of(layer(t -> t.pax("SCHILY.xattr.trusted.overlay.opaque", "y")
                                .dir("d")
                                .pax("SCHILY.xattr.security.selinux", "x")
                                .file("d/f", "x"))),
                        "/d/f"),
                as(
                        "a file with holes",
                        List.of(layer(t -> t.pax("GNU.sparse.major", "1")
                                .pax("GNU.sparse.minor", "0")
                                .pax("GNU.sparse.name", "holes")
                                .pax("GNU.sparse.realsize", "10485760")
                                .file(b("GNUSparseFile.0/holes"), sparse("1\n5242880\n4\n", "data")))),
                        "/holes"),
                our(
                        "an overlay's own whiteout",
                        List.of(layer(t -> t.file("x", "1").file("y", "2")), layer(t -> t.device("x", '3', 0, 0))),
                        "/y"));
    }

    private static byte[] capability() {
        byte[] value = new byte[20];
        value[0] = 1;
        value[3] = 2;
        value[5] = 0x20;
        return value;
    }

    private static byte[] sparse(String map, String data) {
        byte[] all = Arrays.copyOf(b(map), 512 + data.length());
        System.arraycopy(b(data), 0, all, 512, data.length());
        return all;
    }

    private static Stream<Odd> replaced() {
        return Stream.of(
                as(
                        "the last of several entries",
                        List.of(layer(t -> t.file("f", "1")
                                .mode(0600)
                                .file("f", "22")
                                .dir("d")
                                .owner(3, 4)
                                .dir("d"))),
                        "/f"),
                as(
                        "a file for a directory and back",
                        List.of(
                                layer(t -> t.dir("d").file("d/x", "1").file("f", "2")),
                                layer(t -> t.file("d", "now a file").dir("f").file("f/y", "3")),
                                layer(t -> t.dir("d").file("d/z", "4"))),
                        "/d/z",
                        "/f/y"),
                as(
                        "a directory for a link",
                        List.of(
                                layer(t -> t.dir("real").file("real/x", "1").symlink("lib", "real")),
                                layer(t -> t.dir("lib").file("lib/y", "2"))),
                        "/lib/y",
                        "/real/x"),
                as(
                        "a link for a directory",
                        List.of(layer(t -> t.dir("lib").file("lib/x", "1")), layer(t -> t.symlink("lib", "elsewhere"))),
                        "/lib"),
                as(
                        "a device for a file",
                        List.of(layer(t -> t.file("n", "1")), layer(t -> t.device("n", '3', 1, 3))),
                        "/n"));
    }

    private static Stream<Odd> hidden() {
        return Stream.of(
                as(
                        "deleted and made again in one layer",
                        List.of(
                                layer(t -> t.dir("d").file("d/old", "1")),
                                layer(t -> t.whiteout("d").dir("d").file("d/new", "2"))),
                        "/d/new"),
                our(
                        "made again and then deleted in one layer",
                        List.of(
                                layer(t -> t.dir("d").file("d/old", "1")),
                                layer(t -> t.dir("d").file("d/new", "2").whiteout("d"))),
                        "/d/new"),
                as(
                        "opaque below what was replaced",
                        List.of(
                                layer(t -> t.dir("d").dir("d/a").file("d/a/x", "1")),
                                layer(t -> t.file("d", "a file")),
                                layer(t -> t.dir("d")
                                        .opaque("d")
                                        .dir("d/a")
                                        .opaque("d/a")
                                        .file("d/a/y", "2"))),
                        "/d/a/y"),
                as(
                        "an opaque directory seen through two layers",
                        List.of(
                                layer(t ->
                                        t.dir("d").file("d/1", "1").dir("d/s").file("d/s/1", "1")),
                                layer(t -> t.dir("d").file("d/2", "2")),
                                layer(t -> t.dir("d").opaque("d").file("d/3", "3")),
                                layer(t -> t.dir("d").dir("d/s").file("d/s/4", "4"))),
                        "/d/3",
                        "/d/s/4"),
                as(
                        "a whiteout of a link hides the link",
                        List.of(
                                layer(t -> t.dir("real").file("real/x", "1").symlink("l", "real")),
                                layer(t -> t.whiteout("l"))),
                        "/real/x"),
                our(
                        "a whiteout of what is not there",
                        List.of(layer(t -> t.whiteout("a").dir("b").whiteout("b/c"))),
                        "/b"),
                our(
                        "an opaque root",
                        List.of(
                                layer(t -> t.file("a", "1")),
                                layer(t -> t.file(".wh..wh..opq", "").file("b", "2"))),
                        "/b"));
    }

    private static Stream<Odd> links() {
        return Stream.of(
                as(
                        "a parent that is a link below",
                        List.of(
                                layer(t -> t.dir("usr").dir("usr/lib").symlink("lib", "usr/lib")),
                                layer(t -> t.file("lib/x", "1"))),
                        "/usr/lib/x",
                        "/lib"),
                as(
                        "an absolute link as a parent",
                        List.of(
                                layer(t -> t.dir("run").dir("var").symlink("var/run", "/run")),
                                layer(t -> t.file("var/run/pid", "1"))),
                        "/run/pid"),
                our(
                        "a link out of the tree as a parent",
                        List.of(layer(t -> t.symlink("out", "/../../bt-outside").file("out/x", "1"))),
                        "/bt-outside/x"),
                as(
                        "hard links in a layer",
                        List.of(layer(
                                t -> t.file("a", "1").link("b", "a").dir("d").link("d/c", "/b"))),
                        "/b",
                        "/d/c"),
                as(
                        "a hard link to a lower layer",
                        List.of(layer(t -> t.dir("d").file("d/a", "1")), layer(t -> t.link("b", "d/a"))),
                        "/b",
                        "/d/a"),
                as(
                        "a hard link to a link",
                        List.of(layer(t -> t.symlink("s", "nowhere").link("t", "s"))),
                        "/s",
                        "/t"));
    }

    @ParameterizedTest
    @MethodSource("odd")
    void everyWayShowsTheSameTree(Odd odd) throws Exception {
        everyWay(odd);
    }

    static Stream<Refused> refused() {
        return Stream.of(brokenArchives(), badEntries()).flatMap(cases -> cases);
    }

    private static Stream<Refused> brokenArchives() {
        byte[] whole = layer(t -> t.file("f", "x".repeat(3000)));
        byte[] garbage = Arrays.copyOf(whole, whole.length + 512);
        garbage[whole.length + 100] = 1;
        return Stream.of(
                bad("cut off in a file", "cut off", Arrays.copyOf(whole, 512 + 512 + 1000)),
                bad("cut off in a header", "cut off", Arrays.copyOf(whole, 700)),
                bad("garbage behind the end", "something follows", garbage),
                bad(
                        "no archive",
                        "checksum",
                        "<html>not found</html>".repeat(100).getBytes(java.nio.charset.StandardCharsets.UTF_8)),
                bad(
                        "a zero in a path",
                        "zero byte",
                        layer(t -> t.pax("path", new byte[] {'a', 0, 'b'}).file("x", "1"))),
                bad(
                        "a zero in a link",
                        "zero byte",
                        layer(t -> t.pax("linkpath", new byte[] {'a', 0}).symlink("x", "1"))),
                bad(
                        "a zero in a number",
                        "not a number",
                        layer(t -> t.pax("size", new byte[] {'1', 0}).file("x", "1"))),
                bad(
                        "a record without an end",
                        "malformed",
                        layer(t -> t.pax("path", "a").file("x", "1"), 8)));
    }

    private static byte[] layer(UnaryOperator<TarBytes> entries, int spoilt) {
        byte[] bytes = layer(entries);
        bytes[1024 + spoilt] =
                'x'; // in the records of the first extended header, behind the header of the root and its own
        return bytes;
    }

    private static Stream<Refused> badEntries() {
        return Stream.of(
                bad("a hard link to nowhere", "which is not there", layer(t -> t.link("a", "b"))),
                bad(
                        "a hard link out of the tree",
                        "which is not there",
                        layer(t -> t.link("a", "../../../etc/passwd"))),
                bad(
                        "a hard link to a directory",
                        "hard link to a directory",
                        layer(t -> t.dir("d").link("a", "d"))),
                bad(
                        "a whiteout of its own directory",
                        "would delete",
                        layer(t -> t.dir("a").file("a/.wh..", ""))),
                bad(
                        "a whiteout of the parent",
                        "would delete",
                        layer(t -> t.dir("a").file("a/.wh...", ""))),
                bad("10 000 directories deep", "deep", bare(t -> t.file("d/".repeat(10_000) + "f", "x"))),
                bad("a long name", "more than 255", layer(t -> t.file("n".repeat(256), "x"))),
                bad(
                        "links in a circle",
                        "links",
                        layer(t -> t.symlink("a", "b").symlink("b", "a").file("a/x", "1"))),
                bad(
                        "below a file",
                        "other entries are below",
                        layer(t -> t.file("a", "1").file("a/b", "2"))),
                bad(
                        "the root as a file",
                        "root directory",
                        bare(t -> t.file("./", "x").symlink("/", "x"))),
                bad(
                        "an owner that nobody can be",
                        "impossible",
                        layer(t -> t.pax("uid", "4294967295").file("x", "1"))),
                new Refused(
                        "8 EiB of holes",
                        Fault.Code.RESOURCE_EXHAUSTED,
                        "9223372036854775807",
                        List.of(layer(t -> t.pax("GNU.sparse.major", "1")
                                .pax("GNU.sparse.minor", "0")
                                .pax("GNU.sparse.name", "x")
                                .pax("GNU.sparse.realsize", "9223372036854775807")
                                .file(b("x"), sparse("0\n", ""))))));
    }

    private static Refused bad(String name, String why, byte[] layer) {
        return new Refused(name, Fault.Code.INVALID_ARGUMENT, why, List.of(layer(t -> t.file("below", "1")), layer));
    }

    @ParameterizedTest
    @MethodSource("refused")
    void everyWayRefuses(Refused refused) throws Exception {
        for (boolean sideBySide : List.of(false, true)) {
            for (Snapshotter snapshots : List.of(overlay(), copies())) {
                assertThatThrownBy(() -> tree(snapshots, refused.layers, sideBySide))
                        .as(snapshots.name() + (sideBySide ? " side by side" : " in turn"))
                        .isInstanceOfSatisfying(
                                Fault.class,
                                fault -> assertThat(fault.code())
                                        .as(fault.getMessage())
                                        .isEqualTo(refused.code))
                        .hasMessageContaining(refused.why);
                assertThat(snapshots.list(K8S)).isEmpty();
                try (Stream<Path> left = Files.list(temp.resolve("root").resolve(snapshots.name()))) {
                    assertThat(left).isEmpty();
                }
            }
        }
    }
}
