package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Entries in orders that no builder writes but the format allows: each way of unpacking makes the same of them. */
class OddOrdersTest extends EveryWay {
    /** A directory with a file, another that is nobody else's, a file, and a link to it. */
    private static byte[] base() {
        return layer(t -> t.dir("d")
                .file("d/old", "old")
                .file("f", "lower")
                .symlink("l", "f")
                .owner(5, 6)
                .mtime(7)
                .mode(01644)
                .dir("e")
                .file("e/x", "x"));
    }

    /** A directory, and a link to it. */
    private static byte[] linked() {
        return layer(t -> t.dir("r").file("r/x", "1").symlink("l", "r"));
    }

    static Stream<Odd> odd() {
        return Stream.of(directories(), whiteouts(), opaques(), links(), hardLinks())
                .flatMap(cases -> cases);
    }

    private static Stream<Odd> directories() {
        return Stream.of(
                our(
                        "a directory after what is in it",
                        List.of(layer(t -> t.file("a/b/c", "1")
                                .owner(3, 4)
                                .mtime(5)
                                .dir("a/b")
                                .mode(07000)
                                .dir("a"))),
                        "/a/b/c"),
                as(
                        "a directory twice, with other attributes",
                        List.of(layer(t -> t.pax("SCHILY.xattr.user.a", "1")
                                .dir("a")
                                .pax("SCHILY.xattr.user.b", "2")
                                .dir("a"))),
                        "/a"),
                our(
                        "a directory that only the first of three layers describes",
                        List.of(base(), bare(t -> t.file("e/y", "y")), bare(t -> t.file("e/z/z", "z"))),
                        "/e/x",
                        "/e/y",
                        "/e/z/z"),
                as(
                        "a directory that is described again later",
                        List.of(
                                base(),
                                layer(t -> t.file("e/y", "y")),
                                layer(t -> t.dir("e")),
                                layer(t -> t.file("e/z", "z"))),
                        "/e/x",
                        "/e/z"),
                as(
                        "a root that is described again",
                        List.of(
                                bare(t -> t.owner(8, 9)
                                        .pax("SCHILY.xattr.user.r", "1")
                                        .dir(".")
                                        .file("a", "1")),
                                bare(t -> t.mode(01000).dir(".").file("b", "2"))),
                        "/a",
                        "/b"),
                as(
                        "a default list of access rights is for later files only",
                        List.of(layer(t -> t.pax("SCHILY.xattr.system.posix_acl_default", accessRights())
                                .dir("d")
                                .file("d/x", "1")
                                .dir("d/s"))),
                        "/d/x",
                        "/d/s"));
    }

    /** All for the owner, nothing for others, and something for the user 1000. */
    private static byte[] accessRights() {
        long[][] entries = {{1, 7, -1}, {2, 5, 1000}, {4, 5, -1}, {16, 5, -1}, {32, 0, -1}};
        var bytes = ByteBuffer.allocate(4 + 8 * entries.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(2);
        for (long[] entry : entries) {
            bytes.putShort((short) entry[0]).putShort((short) entry[1]).putInt((int) entry[2]);
        }
        return bytes.array();
    }

    private static Stream<Odd> whiteouts() {
        return Stream.of(
                as(
                        "a file deleted and made again",
                        List.of(base(), layer(t -> t.whiteout("f").file("f", "new"))),
                        "/f"),
                our(
                        "a file made and then deleted",
                        List.of(base(), layer(t -> t.file("f", "new").whiteout("f"))),
                        "/f"),
                our(
                        "a directory deleted before something in it is made",
                        List.of(base(), layer(t -> t.whiteout("e").file("e/n", "1"))),
                        "/e/n"),
                our(
                        "a directory deleted after something in it was made",
                        List.of(base(), layer(t -> t.file("e/n", "1").whiteout("e"))),
                        "/e/n"),
                our(
                        "a tree deleted before something deep in it is made",
                        List.of(
                                layer(t -> t.owner(3, 3).dir("a").dir("a/b").file("a/b/x", "1")),
                                layer(t -> t.whiteout("a").file("a/b/n", "1"))),
                        "/a/b/n"),
                as("deleted through a link", List.of(linked(), layer(t -> t.whiteout("l/x"))), "/l", "/r"),
                our(
                        "a link deleted before a directory takes its place",
                        List.of(linked(), layer(t -> t.whiteout("l").file("l/n", "1"))),
                        "/l/n",
                        "/r/x"),
                our(
                        "a link deleted after it was gone through",
                        List.of(linked(), layer(t -> t.file("l/n", "1").whiteout("l"))),
                        "/r/n",
                        "/r/x"),
                our("deleted below what is a file", List.of(base(), layer(t -> t.whiteout("f/s"))), "/f"),
                as(
                        "deleted, back, and another deleted",
                        List.of(
                                layer(t -> t.dir("d").file("d/a", "1").file("d/b", "2")),
                                layer(t -> t.whiteout("d/a")),
                                layer(t -> t.file("d/a", "back")),
                                layer(t -> t.whiteout("d/b"))),
                        "/d/a"),
                as(
                        "a whiteout that is a directory, a link, a hard link",
                        List.of(
                                layer(t -> t.file("x", "1")
                                        .file("y", "2")
                                        .file("z", "3")
                                        .file("k", "4")),
                                layer(t -> t.dir(".wh.x")
                                        .symlink(".wh.y", "/etc/passwd")
                                        .link(".wh.z", "k"))),
                        "/k"));
    }

    private static Stream<Odd> opaques() {
        return Stream.of(
                our(
                        "opaque after what is in it",
                        List.of(base(), layer(t -> t.dir("d").file("d/n", "1").opaque("d"))),
                        "/d/n"),
                our("opaque without a description", List.of(base(), bare(t -> t.opaque("e"))), "/e"),
                as("opaque through a link", List.of(linked(), layer(t -> t.opaque("l"))), "/l", "/r"),
                our("opaque where a file is", List.of(base(), layer(t -> t.opaque("f"))), "/f"),
                our(
                        "opaque above what no layer describes any more",
                        List.of(
                                layer(t -> t.dir("a")
                                        .owner(3, 3)
                                        .dir("a/b")
                                        .dir("a/b/c")
                                        .file("a/b/c/x", "1")),
                                layer(t -> t.opaque("a").file("a/b/n", "1"))),
                        "/a/b/n"),
                our(
                        "an opaque root at the end",
                        List.of(base(), layer(t -> t.file("n", "1").file(".wh..wh..opq", ""))),
                        "/n"));
    }

    private static Stream<Odd> links() {
        return Stream.of(
                as(
                        "a link for a directory, gone through in the same layer",
                        List.of(base(), layer(t -> t.symlink("d", "e").file("d/new", "1"))),
                        "/e/new"),
                as(
                        "a link for a directory, gone through in the next layer",
                        List.of(base(), layer(t -> t.symlink("d", "e")), layer(t -> t.file("d/new", "1"))),
                        "/e/new"),
                as(
                        "a link gone through before a directory takes its place",
                        List.of(linked(), layer(t -> t.file("l/n", "1").dir("l"))),
                        "/l",
                        "/r/n"),
                as(
                        "a link gone through before it leads elsewhere",
                        List.of(
                                layer(t -> t.dir("a").dir("z").symlink("l", "a")),
                                layer(t -> t.file("l/x", "1").symlink("l", "z").file("l/y", "2"))),
                        "/a/x",
                        "/z/y"),
                our(
                        "a file, a directory, a link to nowhere, and through it",
                        List.of(
                                layer(t -> t.file("p", "1")),
                                layer(t -> t.dir("p").file("p/x", "2")),
                                layer(t -> t.symlink("p", "q")),
                                layer(t -> t.file("p/y", "3"))),
                        "/p",
                        "/q/y"),
                our(
                        "attributes that links and pipes cannot have",
                        List.of(layer(t -> t.pax("SCHILY.xattr.user.a", "1")
                                .symlink("l", "x")
                                .pax("SCHILY.xattr.user.a", "1")
                                .entry(b("p"), '6', TarBytes.NO_DATA, TarBytes.NO_DATA))),
                        "/l",
                        "/p"),
                as(
                        "a file with a slash behind its name",
                        List.of(layer(t -> t.file("f/", "a file").symlink("s/", "f"))),
                        "/f",
                        "/s"));
    }

    private static Stream<Odd> hardLinks() {
        return Stream.of(
                as(
                        "to a file that is reached through a link",
                        List.of(linked(), layer(t -> t.link("h", "l/x"))),
                        "/h",
                        "/r/x"),
                as("to a link of a lower layer", List.of(base(), layer(t -> t.link("t", "l"))), "/l", "/t"),
                as(
                        "to a file that is deleted then",
                        List.of(base(), layer(t -> t.link("h", "f").whiteout("f"))),
                        "/h"),
                as(
                        "to a file that is replaced then",
                        List.of(base(), layer(t -> t.link("h", "f").file("f", "new"))),
                        "/f",
                        "/h"),
                as(
                        "to a file that has been replaced",
                        List.of(base(), layer(t -> t.file("f", "new").link("h", "f"))),
                        "/f",
                        "/h"),
                our(
                        "to a file of a directory that is made opaque then",
                        List.of(base(), layer(t -> t.link("h", "d/old").opaque("d"))),
                        "/d",
                        "/h"),
                as(
                        "from a directory that was deleted and made again",
                        List.of(base(), layer(t -> t.whiteout("d").dir("d").link("d/h", "f"))),
                        "/d/h",
                        "/f"),
                our("to itself", List.of(base(), layer(t -> t.link("f", "f"))), "/f"),
                as(
                        "with other words about the file than its own",
                        List.of(layer(t -> t.mode(0600)
                                .file("f", "1")
                                .mode(04755)
                                .owner(7, 7)
                                .link("g", "f"))),
                        "/f",
                        "/g"),
                as(
                        "to a device and a pipe",
                        List.of(layer(t -> t.device("n", '3', 1, 3)
                                .link("m", "n")
                                .entry(b("p"), '6', TarBytes.NO_DATA, TarBytes.NO_DATA)
                                .link("q", "p"))),
                        "/m",
                        "/q"));
    }

    @ParameterizedTest
    @MethodSource("odd")
    void everyWayShowsTheSameTree(Odd odd) throws Exception {
        everyWay(odd);
    }

    static Stream<Odd> wrong() {
        return Stream.of(
                our(
                        "to a file that was deleted before",
                        List.of(base(), layer(t -> t.whiteout("f").link("h", "f")))),
                our(
                        "to a file that was hidden before",
                        List.of(base(), layer(t -> t.opaque("d").link("h", "d/old")))),
                our(
                        "to a file that comes later",
                        List.of(layer(t -> t.link("h", "f").file("f", "1")))));
    }

    @ParameterizedTest
    @MethodSource("wrong")
    void noLinkLeadsToWhatIsNotThere(Odd odd) {
        for (boolean sideBySide : List.of(false, true)) {
            for (Snapshotter snapshots : List.of(overlay(), copies())) {
                assertThatThrownBy(() -> tree(snapshots, odd.layers(), sideBySide))
                        .isInstanceOfSatisfying(
                                Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                        .hasMessageContaining("which is not there");
            }
        }
    }

    @Test
    void attributesThatAreLongerThanAnySystemTakesAreRefused() {
        refusesAttribute("user.b", 70_000, "\"user.b\" of 70000 bytes is longer than Linux takes");
        refusesAttribute("user." + "n".repeat(300), 1, "is longer than Linux takes");
    }

    /** Linux says that there is no space left also when it is the file that has enough. */
    @Test
    void attributesThatAreTooMuchForAFileAreNoFullDisk() throws IOException {
        String type = Files.getFileStore(temp).type();
        Assumptions.assumeTrue(type.equals("ext4"), () -> "only ext4 takes so little for a file, this is " + type);
        refusesAttribute(
                "user.b",
                60_000,
                "\"user.b\" of 60000 bytes has no place: the disk is full, or the file system takes less for one file");
    }

    private void refusesAttribute(String name, int length, String why) {
        String key = "SCHILY.xattr." + name;
        byte[] file = layer(t -> t.pax(key, "v".repeat(length)).file("f", "x"));
        byte[] dir = layer(t -> t.pax(key, "v".repeat(length)).dir("f"));
        for (byte[] bytes : List.of(file, dir)) {
            assertThatThrownBy(() -> tree(overlay(), List.of(bytes), true))
                    .isInstanceOf(Fault.class)
                    .hasMessageContaining(why);
        }
    }
}
