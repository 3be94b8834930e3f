package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirTest {
    private static final byte[] NOT_UTF8 = {'a', (byte) 0xff, (byte) 0xfe, 'b'};

    @TempDir
    Path temp;

    private Dir dir;

    @BeforeEach
    void open() throws IOException {
        dir = Dir.open(Files.createDirectory(temp.resolve("root")));
    }

    @AfterEach
    void close() throws IOException {
        try (Dir top = Dir.open(temp)) {
            for (MountEntry entry : MountsTest.mountsBelow(temp)) {
                Mounts.unmountAll(Path.of(entry.target()));
            }
            top.removeTree(b("root")); // JUnit can't remove names that are not UTF-8
        } finally {
            dir.close();
        }
    }

    private static byte[] b(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void assertErrno(int errno, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(errno));
    }

    private void write(Dir where, byte[] name, String content) throws IOException {
        try (RegularFile file = where.create(name, 0644)) {
            file.write(ByteBuffer.wrap(b(content)));
        }
    }

    private String read(Dir where, byte[] name) throws IOException {
        try (RegularFile file = where.read(name)) {
            ByteBuffer buffer = ByteBuffer.allocate(8192);
            while (file.read(buffer) > 0) {
                assertThat(buffer.hasRemaining()).isTrue();
            }
            return new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void everyKindOfFileIsMadeUnderNamesThatAreNotText() throws Exception {
        write(dir, NOT_UTF8, "content");
        dir.mkdir(b("d"), 0755);
        dir.symlink(b("/nowhere"), b("l"));
        dir.mknod(b("fifo"), FileType.FIFO, 0600, 0);
        dir.mknod(b("dev"), FileType.CHARACTER_DEVICE, 0600, 300L << 32 | 70_000);
        dir.mknod(b("white"), FileType.CHARACTER_DEVICE, 0, 0);
        dir.link(dir, NOT_UTF8, b("hard"));

        assertThat(read(dir, NOT_UTF8)).isEqualTo("content");
        assertThat(dir.stat(b("hard")).sameFile(dir.stat(NOT_UTF8))).isTrue();
        assertThat(dir.stat(b("hard")).links()).isEqualTo(2);
        assertThat(dir.stat(b("d")).isDirectory()).isTrue();
        assertThat(dir.stat(b("fifo")).type()).isEqualTo(FileType.FIFO);
        assertThat(dir.stat(b("dev")).rdev()).isEqualTo(300L << 32 | 70_000);
        assertThat(dir.stat(b("dev")).isWhiteout()).isFalse();
        assertThat(dir.stat(b("white")).isWhiteout()).isTrue();
        assertThat(dir.readlink(b("l"))).isEqualTo(b("/nowhere"));
        assertThat(dir.find(b("none"))).isNull();
        assertThat(dir.entries().stream().map(entry -> entry.type()))
                .containsExactlyInAnyOrder(
                        FileType.REGULAR,
                        FileType.REGULAR,
                        FileType.DIRECTORY,
                        FileType.SYMLINK,
                        FileType.FIFO,
                        FileType.CHARACTER_DEVICE,
                        FileType.CHARACTER_DEVICE);
    }

    @Test
    void ownersModesAndTimesAreSetToTheBit() throws Exception {
        Instant early = Instant.ofEpochSecond(-5, 123_456_789);
        Instant late = Instant.ofEpochSecond(4_000_000_000L, 999_999_999);
        write(dir, b("f"), "");
        dir.symlink(b("f"), b("l"));
        dir.chown(b("f"), 4_000_000_000L, 65_534);
        dir.chmod(b("f"), 06751);
        dir.setTimes(b("f"), early, late);
        dir.chown(b("l"), 1, 2);
        dir.setTimes(b("l"), null, early);
        FileStat file = dir.stat(b("f"));
        assertThat(file.uid()).isEqualTo(4_000_000_000L);
        assertThat(file.gid()).isEqualTo(65_534);
        assertThat(file.permissions()).isEqualTo(06751);
        assertThat(file.accessed()).isEqualTo(early);
        assertThat(file.modified()).isEqualTo(late);
        FileStat link = dir.stat(b("l"));
        assertThat(link.uid()).isEqualTo(1);
        assertThat(link.modified()).isEqualTo(early);
        assertErrno(Errno.EOPNOTSUPP, () -> dir.chmod(b("l"), 0777));

        dir.chown(7, 8);
        dir.chmod(01777);
        dir.setTimes(late, early);
        FileStat itself = dir.stat();
        assertThat(itself.gid()).isEqualTo(8);
        assertThat(itself.permissions()).isEqualTo(01777);
        assertThat(itself.modified()).isEqualTo(early);
    }

    @Test
    void attributesAreBytesOnEveryKindOfFile() throws Exception {
        byte[] binary = {0, (byte) 0xff, 1, 0, 2};
        byte[] capability = {1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        write(dir, b("f"), "");
        dir.symlink(b("f"), b("l"));
        dir.setXattr(b("f"), b("user.x"), binary);
        dir.setXattr(b("f"), b("security.capability"), capability);
        dir.setXattr(b("l"), b("trusted.y"), new byte[1000]);
        dir.setXattr(b("trusted.overlay.opaque"), b("y"));
        assertThat(dir.xattr(b("f"), b("user.x"))).isEqualTo(binary);
        assertThat(dir.xattr(b("f"), b("security.capability"))).isEqualTo(capability);
        assertThat(dir.xattr(b("l"), b("trusted.y"))).hasSize(1000);
        assertThat(dir.xattr(b("f"), b("trusted.y"))).isNull();
        assertThat(dir.xattr(b("trusted.overlay.opaque"))).isEqualTo(b("y"));
        assertThat(dir.xattrs(b("f"))).containsExactlyInAnyOrder(b("user.x"), b("security.capability"));
        assertThat(dir.xattrs()).contains(b("trusted.overlay.opaque"));
        dir.removeXattr(b("f"), b("user.x"));
        dir.removeXattr(b("f"), b("user.x"));
        dir.removeXattr(b("trusted.overlay.opaque"));
        assertThat(dir.xattr(b("f"), b("user.x"))).isNull();
        assertThat(dir.xattr(b("trusted.overlay.opaque"))).isNull();
    }

    @Test
    void pathsStayInsideWhateverTheLinksSay() throws Exception {
        Files.writeString(temp.resolve("secret"), "outside");
        dir.mkdir(b("etc"), 0755);
        try (Dir etc = dir.openDir(b("etc"), Dir.Resolve.NO_LINKS)) {
            write(etc, b("passwd"), "inside");
            etc.symlink(b("../../../../etc"), b("up"));
        }
        dir.symlink(b("/etc"), b("absolute"));
        dir.symlink(b("../secret"), b("escape"));
        try (Dir found = dir.openDir(b("/absolute/up/up"), Dir.Resolve.IN_ROOT)) {
            assertThat(read(found, b("passwd"))).isEqualTo("inside");
        }
        try (Fd file = dir.openFile(b("../../etc/passwd"), Fd.O_RDONLY, Dir.Resolve.IN_ROOT)) {
            byte[] content = new byte[16];
            assertThat(file.read(content)).isEqualTo(6);
        }
        assertErrno(Errno.EXDEV, () -> dir.openDir(b("absolute"), Dir.Resolve.BENEATH));
        assertErrno(Errno.EXDEV, () -> dir.openFile(b("escape"), Fd.O_RDONLY, Dir.Resolve.BENEATH));
        assertErrno(Errno.ENOENT, () -> dir.openFile(b("escape"), Fd.O_RDONLY, Dir.Resolve.IN_ROOT));
        assertErrno(Errno.ELOOP, () -> dir.openDir(b("absolute"), Dir.Resolve.NO_LINKS));
        assertErrno(Errno.ELOOP, () -> dir.read(b("escape")));
        assertErrno(Errno.EEXIST, () -> dir.create(b("escape"), 0600));
    }

    @Test
    void namesThatAreNoNamesAreRefused() throws Exception {
        for (byte[] name : List.of(b(""), b("."), b(".."), b("a/b"), b("/"), new byte[] {'a', 0, 'b'})) {
            assertErrno(Errno.EINVAL, () -> dir.mkdir(name, 0755));
            assertErrno(Errno.EINVAL, () -> dir.unlink(name));
            assertErrno(Errno.EINVAL, () -> dir.removeTree(name));
        }
        assertErrno(Errno.EINVAL, () -> dir.openDir(new byte[] {'a', 0}, Dir.Resolve.IN_ROOT));
        assertErrno(Errno.ENAMETOOLONG, () -> dir.mkdir(b("x".repeat(256)), 0755));
    }

    @Test
    void onlyARegularFileIsRead() throws Exception {
        dir.mknod(b("fifo"), FileType.FIFO, 0600, 0);
        dir.mkdir(b("d"), 0755);
        assertErrno(Errno.EINVAL, () -> dir.read(b("fifo")));
        assertErrno(Errno.EINVAL, () -> dir.read(b("d")));
    }

    @Test
    void sparseFilesAreWrittenAndCopiedWithTheirHoles() throws Exception {
        long size = 64L << 20;
        try (RegularFile file = dir.create(b("sparse"), 0600)) {
            file.truncate(size);
            file.seek(size / 2);
            file.write(ByteBuffer.wrap(b("middle")));
        }
        try (RegularFile from = dir.read(b("sparse"));
                RegularFile to = dir.create(b("copy"), 0600)) {
            to.copyOf(from);
            FileStat copied = to.stat();
            assertThat(copied.size()).isEqualTo(size);
            assertThat(copied.blocks()).isPositive().isLessThan(1000);
            to.seek(size / 2);
            ByteBuffer middle = ByteBuffer.allocateDirect(6);
            to.read(middle);
            assertThat(StandardCharsets.UTF_8.decode(middle.flip()).toString()).isEqualTo("middle");
            to.punchHole(0, size);
            assertThat(to.stat().blocks()).isZero();
        }
    }

    /** The kernel copies only between file systems of one kind. */
    @Test
    void aFileIsCopiedToAFileSystemOfAnotherKind() throws Exception {
        long size = 8L << 20;
        byte[] middle = new byte[700_000]; // more than is copied at a time
        new java.util.Random(7).nextBytes(middle);
        try (DetachedMount mount = Mounts.tmpfs(Map.of(), Set.of());
                Dir other = Dir.open(mount.fd())) {
            try (RegularFile file = other.create(b("sparse"), 0600)) {
                file.truncate(size);
                file.seek(size / 2);
                file.write(ByteBuffer.wrap(middle));
            }
            try (RegularFile from = other.read(b("sparse"));
                    RegularFile to = dir.create(b("copy"), 0600)) {
                to.copyOf(from);
                assertThat(to.stat().size()).isEqualTo(size);
                assertThat(to.stat().blocks() * 512).isLessThan(size / 2);
                to.seek(size / 2);
                ByteBuffer copied = ByteBuffer.allocate(middle.length);
                while (copied.hasRemaining() && to.read(copied) > 0) {
                    assertThat(copied.position()).isPositive();
                }
                assertThat(copied.array()).isEqualTo(middle);
            }
            try (RegularFile made = other.create(b("back"), 0600);
                    RegularFile from = dir.read(b("copy"))) {
                made.copyOf(from);
                assertThat(made.stat().size()).isEqualTo(size);
            }
        }
    }

    @Test
    void renamesReplaceOrRefuse() throws Exception {
        write(dir, b("a"), "a");
        write(dir, b("b"), "b");
        assertErrno(Errno.EEXIST, () -> dir.renameNew(b("a"), dir, b("b")));
        dir.rename(b("a"), dir, b("b"));
        assertThat(read(dir, b("b"))).isEqualTo("a");
    }

    @Test
    void aTreeDeeperThanAnyPathIsRemoved() throws Exception {
        int levels = 1500;
        byte[] name = new byte[200];
        java.util.Arrays.fill(name, (byte) 'n');
        dir.mkdir(b("top"), 0700);
        Dir at = dir.openDir(b("top"), Dir.Resolve.NO_LINKS);
        for (int i = 0; i < levels; i++) {
            write(at, b("file"), "");
            at.mkdir(name, 0000);
            at.mkdir(b("side"), 0000);
            try (Dir above = at) {
                at = above.openDir(name, Dir.Resolve.NO_LINKS);
            }
        }
        try (Dir last = at) {
            last.symlink(b("/"), b("link"));
        }
        dir.removeTree(b("top"));
        assertThat(dir.find(b("top"))).isNull();
        dir.removeTree(b("top"));
    }

    @Test
    void aRemovalFollowsNoLinkAndTakesImmutableFiles() throws Exception {
        Path outside = Files.createDirectory(temp.resolve("outside"));
        Files.writeString(outside.resolve("kept"), "");
        dir.mkdir(b("top"), 0700);
        try (Dir top = dir.openDir(b("top"), Dir.Resolve.NO_LINKS)) {
            top.symlink(b(outside.toString()), b("link"));
            top.mkdir(b("locked"), 0700);
            try (Dir locked = top.openDir(b("locked"), Dir.Resolve.NO_LINKS)) {
                write(locked, b("file"), "");
                try (RegularFile file = locked.read(b("file"))) {
                    FileCalls.ioctl(file.fd().number(), 0x40086602L, 0x80010);
                }
                FileCalls.ioctl(locked.fd().number(), 0x40086602L, 0x80010);
            }
        }
        dir.removeTree(b("top"));
        assertThat(dir.find(b("top"))).isNull();
        assertThat(outside.resolve("kept")).exists();
        dir.symlink(b(outside.toString()), b("itself"));
        dir.removeTree(b("itself"));
        assertThat(outside.resolve("kept")).exists();
    }

    @Test
    void aRemovalStopsAtAMount() throws Exception {
        Path mounted = Files.createDirectories(temp.resolve("root/top/a/mounted"));
        try (DetachedMount mount = Mounts.tmpfs(Map.of(), Set.of())) {
            mount.moveTo(mounted);
        }
        Files.writeString(mounted.resolve("kept"), "");
        assertErrno(Errno.EBUSY, () -> dir.removeTree(b("top")));
        assertThat(mounted.resolve("kept")).exists();
        Mounts.unmount(mounted);
        dir.removeTree(b("top"));
        assertThat(dir.find(b("top"))).isNull();
    }

    @Test
    void aBigDirectoryIsListedAndRemovedWhole() throws Exception {
        dir.mkdir(b("big"), 0700);
        try (Dir big = dir.openDir(b("big"), Dir.Resolve.NO_LINKS)) {
            for (int i = 0; i < 3000; i++) {
                big.mknod(b("a-name-of-some-length-" + i), FileType.REGULAR, 0600, 0);
            }
            assertThat(big.entries()).hasSize(3000);
            assertThat(big.entries()).hasSize(3000);
        }
        dir.removeTree(b("big"));
        assertThat(dir.entries()).isEmpty();
    }

    @Test
    void aFileSystemTellsHowFullItIs() throws Exception {
        FileSystemStat stat = FileSystemStat.of(temp);
        assertThat(stat.totalBytes()).isPositive();
        assertThat(stat.availableBytes()).isBetween(1L, stat.totalBytes());
        assertThat(stat.freeInodes()).isBetween(0L, stat.totalInodes());
    }
}
