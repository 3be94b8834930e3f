package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.Dir;
import dev.berth.linux.FileType;
import dev.berth.linux.RegularFile;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What GNU tar packs we unpack as it does, in each of its formats. */
@Timeout(120)
class GnuTarTest {
    private static final String TAR = "/usr/bin/tar";

    @TempDir
    Path temp;

    @BeforeEach
    void needsTar() {
        Program.needed(TAR);
    }

    @AfterEach
    void removeOddNames() throws IOException {
        try (Dir top = Dir.open(temp)) {
            for (String name : List.of("source", "ours", "theirs")) {
                top.removeTree(b(name));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--format=v7",
                "--format=ustar",
                "--format=oldgnu",
                "--format=gnu",
                "--format=posix",
                "--format=oldgnu --sparse",
                "--format=gnu --sparse",
                "--format=posix --sparse --sparse-version=0.0",
                "--format=posix --sparse --sparse-version=0.1",
                "--format=posix --sparse --sparse-version=1.0",
                "--format=posix --xattrs --xattrs-include=* --sparse",
                "--format=posix --pax-option=globexthdr.name=x,comment=y"
            })
    void theSameTreeComesOut(String options) throws Exception {
        boolean old = options.endsWith("v7") || options.endsWith("ustar");
        makeTree(Files.createDirectory(temp.resolve("source")), old, options.endsWith("v7"));
        String archive = temp.resolve("archive.tar").toString();
        List<String> create = new java.util.ArrayList<>(Arrays.asList(options.split(" ")));
        create.addAll(List.of(
                "--numeric-owner", "-cf", archive, "-C", temp.resolve("source").toString(), "."));
        Program.run(TAR, create.toArray(String[]::new));
        Path theirs = Files.createDirectory(temp.resolve("theirs"));
        Program.run(
                TAR,
                "-xpf",
                archive,
                "-C",
                theirs.toString(),
                "--same-owner",
                "--numeric-owner",
                "--xattrs",
                "--xattrs-include=*");
        Path ours = Files.createDirectory(temp.resolve("ours"));
        try (Dir root = Dir.open(ours);
                Dir expected = Dir.open(theirs);
                InputStream tar = new BufferedInputStream(Files.newInputStream(Path.of(archive)))) {
            LayerUnpack.standalone(root, tar);
            assertThat(Tree.of(root)).isEqualTo(Tree.of(expected));
            if (options.contains("sparse")) {
                assertThat(root.stat(b("sparse")).blocks()).isLessThan(200);
                assertThat(root.stat(b("many-holes")).blocks()).isLessThan(3000);
            }
        }
    }

    private static void makeTree(Path source, boolean shortNames, boolean v7) throws IOException {
        try (Dir root = Dir.open(source)) {
            write(root, b("plain"), b("content"));
            write(root, new byte[] {'o', (byte) 0xff, '\n', '\\'}, b("odd"));
            write(root, b("empty"), new byte[0]);
            write(root, b("block"), new byte[512]);
            write(root, b("big"), new byte[1_000_001]);
            root.mkdir(b("dir"), 0700);
            try (Dir dir = root.openDir(b("dir"), Dir.Resolve.NO_LINKS)) {
                write(dir, b("x"), b("x"));
                dir.link(root, b("plain"), b("hard"));
                dir.symlink(b("../plain"), b("soft"));
            }
            root.chmod(b("dir"), 03751);
            root.setTimes(b("dir"), null, Instant.ofEpochSecond(1_000_000_000, 123_456_789));
            root.chown(b("plain"), 1234, 5678);
            root.chmod(b("plain"), 04711);
            sparse(root, b("sparse"), 3);
            sparse(root, b("many-holes"), 200);
            if (!v7) {
                root.mknod(b("char"), FileType.CHARACTER_DEVICE, 0640, 5L << 32 | 1);
                root.mknod(b("block-device"), FileType.BLOCK_DEVICE, 0640, 8L << 32 | 17);
                root.mknod(b("fifo"), FileType.FIFO, 0600, 0);
            }
            if (!shortNames) {
                root.chown(b("empty"), 3_000_000_000L, 4_000_000_000L);
                write(root, b("n".repeat(200)), b("long name"));
                root.symlink(b("t/".repeat(150)), b("long-target"));
                root.link(root, b("n".repeat(200)), b("m".repeat(150)));
                root.setXattr(b("plain"), b("user.binary"), new byte[] {0, 1, (byte) 0xff});
                root.setXattr(b("dir"), b("user.dir"), b("value"));
                root.setTimes(b("big"), null, Instant.ofEpochSecond(-1000, 500_000_000));
            }
            root.setTimes(null, Instant.ofEpochSecond(77));
        }
    }

    private static void write(Dir dir, byte[] name, byte[] content) throws IOException {
        try (RegularFile file = dir.create(name, 0644)) {
            file.write(ByteBuffer.wrap(content));
        }
    }

    private static void sparse(Dir dir, byte[] name, int pieces) throws IOException {
        try (RegularFile file = dir.create(name, 0600)) {
            for (int i = 0; i < pieces; i++) {
                file.seek(i * 100_000L + 50_000);
                file.write(ByteBuffer.wrap(b("piece " + i)));
            }
            file.truncate(pieces * 100_000L + 12_345);
        }
    }
}
