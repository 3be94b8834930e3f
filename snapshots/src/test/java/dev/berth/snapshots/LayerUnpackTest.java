package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.berth.kernel.Fault;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.FileStat;
import dev.berth.linux.Mounts;
import dev.berth.store.SnapshotRecord.Usage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Odd and hostile layers, each unpacked by itself. */
@Timeout(120)
class LayerUnpackTest {
    @TempDir
    Path temp;

    private Dir root;

    @BeforeEach
    void open() throws IOException {
        root = Dir.open(Files.createDirectory(temp.resolve("root")));
        Files.createDirectory(temp.resolve("outside"));
        Files.writeString(temp.resolve("outside/secret"), "secret");
    }

    @AfterEach
    void close() throws IOException {
        root.close();
        try (Dir top = Dir.open(temp)) {
            assertThat(temp.resolve("outside/secret")).hasContent("secret");
            assertThat(temp.resolve("outside").toFile().list()).containsExactly("secret");
            assertThat(temp.toFile().list()).containsExactlyInAnyOrder("root", "outside");
            top.removeTree(b("root"));
        }
    }

    private LayerUnpack.Standalone unpack(TarBytes tar) {
        return LayerUnpack.standalone(root, tar.stream());
    }

    private void assertRefused(TarBytes tar, String why) {
        assertThatThrownBy(() -> unpack(tar))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                .hasMessageContaining(why);
    }

    private Map<String, String> tree() throws IOException {
        return Tree.of(root);
    }

    private String outside() {
        return temp.resolve("outside").toString();
    }

    @Test
    void everyPropertyArrivesToTheBit() throws Exception {
        byte[] capability = {1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        unpack(new TarBytes()
                .mode(07755)
                .owner(1000, 4_000_000_000L)
                .pax("mtime", "1234567.123456789")
                .pax("atime", "7654321.987654321")
                .pax("SCHILY.xattr.security.capability", capability)
                .pax("SCHILY.xattr.user.x", new byte[] {0, (byte) 0xff})
                .file("file", "content")
                .mode(02000)
                .pax("mtime", "99.5")
                .pax("SCHILY.xattr.user.d", "dir")
                .dir("dir")
                .file("dir/later", "x")
                .mode(0)
                .file("nothing-allowed", "")
                .owner(7, 8)
                .symlink("link", "target")
                .device("null", '3', 1, 3)
                .entry(b("fifo"), '6', TarBytes.NO_DATA, TarBytes.NO_DATA)
                .link("hard", "file"));
        FileStat file = root.stat(b("file"));
        assertThat(file.permissions()).isEqualTo(07755);
        assertThat(file.uid()).isEqualTo(1000);
        assertThat(file.gid()).isEqualTo(4_000_000_000L);
        assertThat(file.modified()).isEqualTo(Instant.ofEpochSecond(1_234_567, 123_456_789));
        assertThat(file.accessed()).isEqualTo(Instant.ofEpochSecond(7_654_321, 987_654_321));
        assertThat(root.xattr(b("file"), b("security.capability"))).isEqualTo(capability);
        assertThat(root.xattr(b("file"), b("user.x"))).isEqualTo(new byte[] {0, (byte) 0xff});
        FileStat dir = root.stat(b("dir"));
        assertThat(dir.permissions()).isEqualTo(02755);
        assertThat(dir.modified()).as("set in the end").isEqualTo(Instant.ofEpochSecond(99, 500_000_000));
        assertThat(root.xattr(b("dir"), b("user.d"))).isEqualTo(b("dir"));
        try (Dir inside = root.openDir(b("dir"), Dir.Resolve.NO_LINKS)) {
            assertThat(inside.stat(b("later")).gid()).as("not inherited").isEqualTo(4_000_000_000L);
        }
        assertThat(root.stat(b("nothing-allowed")).permissions()).isZero();
        assertThat(root.stat(b("link")).uid()).isEqualTo(7);
        assertThat(root.stat(b("null")).rdev()).isEqualTo(1L << 32 | 3);
        assertThat(root.stat(b("null")).gid()).isEqualTo(8);
        assertThat(root.stat(b("fifo")).modified()).isEqualTo(Instant.ofEpochSecond(1_600_000_000));
        assertThat(root.stat(b("hard")).sameFile(file)).isTrue();
    }

    @Test
    void namesAreBytesAndNothingElse() throws Exception {
        byte[] odd = {'d', (byte) 0xff, '/', (byte) 0xc3, '\n', '\\', '"'};
        unpack(new TarBytes().file(odd, b("x")));
        assertThat(tree()).containsKey("/" + new String(odd, StandardCharsets.ISO_8859_1));
    }

    @Test
    void aSparseFileIsMadeOfHoles() throws Exception {
        unpack(new TarBytes()
                .pax("GNU.sparse.size", Long.toString(1L << 40))
                .pax("GNU.sparse.map", "4096,4,1099511619584,6")
                .file(b("sparse"), b("abcd123456")));
        FileStat stat = root.stat(b("sparse"));
        assertThat(stat.size()).isEqualTo(1L << 40);
        assertThat(stat.blocks()).isLessThan(100);
    }

    @Test
    void absoluteNamesAndDotDotsStartAtTheRoot() throws Exception {
        unpack(new TarBytes()
                .file("/abs/a", "")
                .file("../../../up/b", "")
                .file("./././c", "")
                .file("x/../../d", "")
                .file("//e//f", "")
                .file("g/./h/../i", ""));
        assertThat(tree())
                .containsOnlyKeys("/", "/abs", "/abs/a", "/up", "/up/b", "/c", "/d", "/e", "/e/f", "/g", "/g/i");
    }

    @Test
    void linksLeadNowhereOutside() throws Exception {
        unpack(new TarBytes()
                .symlink("abs", outside())
                .file("abs/a", "")
                .symlink("rel", "../../../../../../../.." + outside())
                .file("rel/b", "")
                .symlink("up", "..")
                .file("up/up/c", "")
                .symlink("loop/to", "/loop/.././../")
                .file("loop/to/d", ""));
        assertThat(tree()).containsKeys(outside() + "/a", outside() + "/b", "/c", "/d");
    }

    @Test
    void aLinkIsReplacedNotWrittenThrough() throws Exception {
        unpack(new TarBytes()
                .symlink("f", outside() + "/secret")
                .file("f", "mine")
                .symlink("d", outside())
                .dir("d")
                .file("d/x", "")
                .symlink("h", outside() + "/secret")
                .link("h2", "h")
                .file("h", "mine too"));
        assertThat(tree().get("/f")).startsWith("REGULAR");
        assertThat(tree().get("/d")).startsWith("DIRECTORY");
        assertThat(tree().get("/h2")).startsWith("SYMLINK");
        assertThat(tree()).containsKey("/d/x");
    }

    @Test
    void linksThatLeadInCirclesAreRefused() {
        assertRefused(new TarBytes().symlink("a", "b").symlink("b", "a").file("a/x", ""), "links");
        assertRefused(new TarBytes().symlink("l", "l/l").file("l/x", ""), "links");
        assertRefused(new TarBytes().symlink("l", ""), "link to nothing");
    }

    @Test
    void aHardLinkReachesOnlyThisLayer() {
        assertThat(unpack(new TarBytes().link("a", outside() + "/secret")).needsParent())
                .contains("of a lower layer");
        assertThat(unpack(new TarBytes().symlink("s", outside()).link("b", "s/secret"))
                        .needsParent())
                .isNotNull();
        assertThat(unpack(new TarBytes().link("c", "../../../../.." + outside() + "/secret"))
                        .needsParent())
                .isNotNull();
    }

    @Test
    void aLayerThatNeedsItsParentIsReadToTheEnd() throws Exception {
        byte[] archive = new TarBytes()
                .link("a", "missing")
                .file("b", "x".repeat(1_000_000))
                .bytes();
        ByteArrayInputStream in = new ByteArrayInputStream(archive);
        assertThat(LayerUnpack.standalone(root, in).needsParent()).isNotNull();
        assertThat(in.available()).isZero();
    }

    /** An overlay has no mark for it: the kernel shows the roots of all layers. */
    @Test
    void aLayerThatHidesAllBelowNeedsItsParent() {
        assertThat(LayerUnpack.standalone(root, new TarBytes().opaque(".").stream())
                        .needsParent())
                .isNotNull();
    }

    @Test
    void hardLinksOfEveryKind() throws Exception {
        unpack(new TarBytes()
                .file("f", "f")
                .link("f2", "/f")
                .symlink("s", "nowhere")
                .link("s2", "s")
                .symlink("d", "real")
                .file("real/x", "x")
                .link("x2", "d/x")
                .link("f", "f")
                .link("f", "x2"));
        assertThat(tree().get("/s2")).endsWith("same file as /s");
        assertThat(tree().get("/x2")).endsWith("same file as /f");
        assertThat(tree().get("/f2")).doesNotContain("same file");
        assertRefused(new TarBytes().dir("dd").link("l", "dd"), "hard link to a directory");
        assertRefused(new TarBytes().link("l", "/"), "hard link to a directory");
    }

    @Test
    void theLastOfSeveralEntriesCounts() throws Exception {
        unpack(new TarBytes()
                .file("a", "one")
                .file("a", "two")
                .dir("b")
                .file("b/x", "")
                .file("b", "now a file")
                .file("c", "file")
                .dir("c")
                .symlink("d", "one")
                .symlink("d", "two")
                .mode(0700)
                .mtime(5)
                .dir("e")
                .mode(01000)
                .mtime(6)
                .dir("e")
                .device("n", '3', 1, 3)
                .device("n", '3', 1, 5));
        Map<String, String> tree = tree();
        assertThat(tree.get("/a")).contains("3 bytes");
        assertThat(tree.get("/b")).startsWith("REGULAR");
        assertThat(tree).doesNotContainKey("/b/x");
        assertThat(tree.get("/c")).startsWith("DIRECTORY").contains("overlay.opaque");
        assertThat(tree.get("/d")).endsWith("-> two");
        assertThat(tree.get("/e")).startsWith("DIRECTORY 1755").contains("1970-01-01T00:00:06Z");
        assertThat(tree.get("/n")).endsWith("1:5");
    }

    @Test
    void aDirectoryThatBecameAFileIsForgottenWithAllBelow() throws Exception {
        LayerUnpack.Standalone layer = unpack(new TarBytes()
                .dir("a/b")
                .file("a/b/c/d", "")
                .file("a", "file")
                .symlink("x", "y")
                .file("x/deep/f", "")
                .file("x", "file"));
        assertThat(tree()).containsOnlyKeys("/", "/a", "/x", "/y", "/y/deep", "/y/deep/f");
        assertThat(layer.implied().get(b("y/deep"))).isEqualTo(Directories.Implied.AS_BELOW);
        assertThat(layer.implied().get(b("a/b/c"))).isEqualTo(Directories.Implied.NO_MORE);
        assertThat(layer.implied().get(b("a/b"))).isNull();
        assertThat(layer.usage()).isNull();
    }

    @Test
    void somethingBelowAFileIsRefused() {
        assertRefused(new TarBytes().file("a", "").file("a/b", ""), "is no directory");
        assertRefused(new TarBytes().file("", ""), "root directory");
        assertRefused(new TarBytes().symlink("./", "x"), "root directory");
    }

    @Test
    void whiteoutsAreRecordedForTheOverlay() throws Exception {
        unpack(new TarBytes()
                .whiteout("gone")
                .whiteout("d/gone")
                .opaque("o")
                .file("o/kept", "")
                .device("devicegone", '3', 0, 0));
        Map<String, String> tree = tree();
        assertThat(tree.get("/gone")).startsWith("CHARACTER_DEVICE").contains(" 0:0");
        assertThat(tree.get("/devicegone")).startsWith("CHARACTER_DEVICE").contains(" 0:0");
        assertThat(tree.get("/d/gone")).startsWith("CHARACTER_DEVICE");
        assertThat(tree.get("/o")).contains("trusted.overlay.opaque=79");
        assertThat(tree).containsKey("/o/kept");
    }

    @Test
    void aWhiteoutNeverMeansItsOwnLayer() throws Exception {
        unpack(new TarBytes()
                .file("before", "")
                .whiteout("before")
                .whiteout("after")
                .file("after", "")
                .dir("d1")
                .file("d1/x", "")
                .whiteout("d1")
                .whiteout("d2")
                .dir("d2")
                .file("d2/x", "")
                .whiteout("d3")
                .file("d3/sub/x", ""));
        Map<String, String> tree = tree();
        assertThat(tree.get("/before")).startsWith("REGULAR");
        assertThat(tree.get("/after")).startsWith("REGULAR");
        for (String dir : List.of("/d1", "/d2", "/d3")) {
            assertThat(tree.get(dir)).startsWith("DIRECTORY").contains("overlay.opaque");
        }
        assertThat(tree).containsKeys("/d1/x", "/d2/x", "/d3/sub/x");
    }

    @Test
    void aWhiteoutOfTheParentIsRefused() {
        for (String name : List.of(".wh..", ".wh...", ".wh.", "a/.wh..", "a/.wh...")) {
            assertRefused(new TarBytes().file(name, ""), "delete its own directory");
        }
    }

    @Test
    void bookKeepingOfOldLayersIsDropped() throws Exception {
        unpack(new TarBytes()
                .dir(".wh..wh.plnk")
                .file(".wh..wh.plnk/12.34", "linked")
                .file(".wh..wh.aufs", "")
                .link("f", ".wh..wh.plnk/12.34"));
        assertThat(tree()).containsOnlyKeys("/", "/f");
    }

    @Test
    void attributesOfTheHostAreNotSet() throws Exception {
        unpack(new TarBytes()
                .pax("SCHILY.xattr.trusted.overlay.redirect", "/etc")
                .pax("SCHILY.xattr.trusted.overlay.opaque", "y")
                .pax("SCHILY.xattr.security.selinux", "label")
                .dir("d")
                .pax("SCHILY.xattr.trusted.overlay.metacopy", "")
                .pax("SCHILY.xattr.nonsense", "x")
                .file("f", ""));
        assertThat(root.xattrs(b("d"))).isEmpty();
        assertThat(root.xattrs(b("f"))).isEmpty();
    }

    @Test
    void namesBeyondTheLimitsAreRefused() {
        assertRefused(new TarBytes().file("n".repeat(256), ""), "255 bytes");
        assertRefused(
                new TarBytes().pax("path", ("n".repeat(250) + "/").repeat(20)).file("x", ""), "4095 bytes");
        assertRefused(new TarBytes().pax("path", "d/".repeat(1500) + "f").file("x", ""), "directories deep");
        assertRefused(new TarBytes().pax("path", new byte[] {'a', 0, 'b'}).file("x", ""), "zero byte");
        assertRefused(new TarBytes().symlink("x", "t".repeat(5000)), "cannot be made");
        assertRefused(
                new TarBytes()
                        .pax("GNU.sparse.size", Long.toString(1L << 50))
                        .pax("GNU.sparse.map", "")
                        .file("big", ""),
                "cannot be made");
    }

    @Test
    void millionsOfDirectoriesAreTooMany() {
        PathSet<Boolean> directories = new PathSet<>();
        assertThatThrownBy(() -> {
                    for (int i = 0; i < 100_000; i++) {
                        directories.put(b("n".repeat(4000) + i), true);
                    }
                })
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.RESOURCE_EXHAUSTED));
    }

    @Test
    void aFullDiskIsSaid() throws Exception {
        try (DetachedMount small = Mounts.tmpfs(Map.of("size", "65536"), Set.of());
                Dir full = Dir.open(small.fd())) {
            InputStream tar = new TarBytes().file("f", "x".repeat(500_000)).stream();
            assertThatThrownBy(() -> LayerUnpack.standalone(full, tar))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.RESOURCE_EXHAUSTED))
                    .hasMessageContaining("Make room");
        }
    }

    @Test
    void anInterruptEndsTheWork() {
        byte[] archive = new TarBytes().file("f", "x".repeat(3_000_000)).bytes();
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> LayerUnpack.standalone(root, new ByteArrayInputStream(archive)))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.CANCELLED));
        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void usageIsKnownWithoutCounting() throws Exception {
        TarBytes tar = new TarBytes()
                .dir("d")
                .file("d/f", "x".repeat(5000))
                .link("l", "d/f")
                .symlink("s", "d")
                .symlink("long", "d/".repeat(49))
                .pax("SCHILY.xattr.user.big", "v".repeat(2000))
                .file("a", "1")
                .pax("SCHILY.xattr.user.big", "v".repeat(2000))
                .dir("b")
                .whiteout("gone")
                .file("implied/deep/f", "1");
        for (int i = 0; i < 1500; i++) {
            tar.file("many/a-file-whose-name-is-not-the-shortest-" + i, "");
        }
        LayerUnpack.Standalone layer = unpack(tar);
        Usage counted = TreeUsage.of(root);
        Usage known = Objects.requireNonNull(layer.usage());
        assertThat(known.inodes()).isEqualTo(counted.inodes());
        boolean inPages = Files.getFileStore(temp).type().equals("ext4"); // others keep small files beside other things
        assertThat(known.bytes()).isCloseTo(counted.bytes(), within(inPages ? 0L : 32_768L));
    }
}
