package dev.berth.cri.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.checkpoint.CheckpointReader.Unpacked;
import dev.berth.kernel.Fault;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Digest;
import dev.berth.snapshots.TarEntry;
import dev.berth.snapshots.TarWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointArchiveTest {
    private static final Manifest ABOUT = new Manifest("pod1", "c1", "web", "sha256:abc", "example.com/web:1", 5);

    @TempDir
    Path directory;

    private Seal seal;
    private Path archive;

    @BeforeEach
    void write() throws IOException {
        seal = seal("key");
        archive = directory.resolve("web.tar");
        Files.write(archive, bytes(seal));
    }

    private Seal seal(String name) {
        return new Seal(directory.resolve(name), new LinuxDisk());
    }

    private byte[] bytes(Seal with) throws IOException {
        return bytes(with, ABOUT);
    }

    private byte[] bytes(Seal with, Manifest about) throws IOException {
        Path images = Files.createDirectories(directory.resolve("images"));
        Files.writeString(images.resolve("core-1.img"), "registers");
        Files.write(images.resolve("pages-1.img"), new byte[200_000]);
        Files.writeString(directory.resolve("diff"), "a layer");
        var out = new ByteArrayOutputStream();
        var writer = new CheckpointWriter(out);
        writer.addImages(images);
        writer.add(CheckpointWriter.DIFFERENCE, directory.resolve("diff"));
        writer.add(CheckpointWriter.SPEC, text("{}"));
        writer.add("container.log", text("lines"));
        writer.finish(about, with);
        return out.toByteArray();
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private Unpacked unpack() throws IOException {
        return unpack(of(archive));
    }

    private Unpacked unpack(PodDump.Archive wanted) throws IOException {
        return CheckpointReader.unpack(archive, wanted, Files.createTempDirectory(directory, "into"), seal);
    }

    /** As it is now: whether it is the one that was written is another question. */
    private static PodDump.Archive of(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            return new PodDump.Archive(1, "");
        }
        byte[] bytes = Files.readAllBytes(file);
        return new PodDump.Archive(
                bytes.length, HexFormat.of().formatHex(Digest.sha256Hasher().digest(bytes)));
    }

    private void refused(Fault.Code code, String why) {
        assertThatThrownBy((ThrowingCallable) this::unpack)
                .hasMessageContaining(why)
                .extracting(e -> ((Fault) e).code())
                .isEqualTo(code);
    }

    @Test
    void whatWasWrittenIsRead() throws IOException {
        Unpacked unpacked = unpack();
        assertThat(unpacked.manifest().name()).isEqualTo("web");
        assertThat(unpacked.manifest().imageId()).isEqualTo("sha256:abc");
        assertThat(unpacked.spec()).isEqualTo(text("{}"));
        assertThat(unpacked.images().resolve("core-1.img")).hasContent("registers");
        assertThat(unpacked.images().resolve("pages-1.img")).hasSize(200_000);
        assertThat(unpacked.difference()).hasContent("a layer");
        Path root = Objects.requireNonNull(unpacked.difference().getParent());
        try (Stream<Path> files = Files.walk(root)) {
            assertThat(files.filter(Files::isRegularFile)
                            .map(file -> root.relativize(file).toString()))
                    .as("a log is for people")
                    .containsExactlyInAnyOrder("checkpoint/core-1.img", "checkpoint/pages-1.img", "rootfs-diff.tar");
        }
    }

    @Test
    void theKeyIsRootsAloneAndStays() throws IOException {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve("key"))))
                .isEqualTo("rw-------");
        seal = seal("key");
        assertThat(unpack().manifest().name()).isEqualTo("web");
    }

    @Test
    void thatOfAnotherNodeIsRefused() {
        seal = seal("another");
        refused(Fault.Code.PERMISSION_DENIED, "not that of this node's key");
    }

    @Test
    void aKeyThatIsTooShortIsNoKey() throws IOException {
        Files.writeString(directory.resolve("key"), "short");
        refused(Fault.Code.FAILED_PRECONDITION, "fewer than 32");
    }

    @Test
    void aKeyThatOthersMayReadIsNoKey() throws IOException {
        Files.setPosixFilePermissions(directory.resolve("key"), PosixFilePermissions.fromString("rw-r--r--"));
        refused(Fault.Code.FAILED_PRECONDITION, "others than root");
    }

    @Test
    void aKeyOnADiskThatIsNotThereIsNotMadeAnew() throws IOException {
        Files.delete(directory.resolve("key"));
        Files.createSymbolicLink(directory.resolve("key"), directory.resolve("disk/key"));
        refused(Fault.Code.FAILED_PRECONDITION, "Make it readable");
        assertThat(Files.isSymbolicLink(directory.resolve("key"))).isTrue();
    }

    @Test
    void anotherOfTheSameContainerIsRefused() throws IOException {
        PodDump.Archive first = of(archive);
        Files.write(archive, bytes(seal, new Manifest("pod1", "c1", "web", "sha256:abc", "example.com/web:1", 6)));
        assertThat(Files.size(archive)).isEqualTo(first.size());
        assertThatThrownBy(() -> unpack(first)).hasMessageContaining("not what was written");
    }

    @Test
    void noMoreIsReadThanThereShouldBe() throws IOException {
        PodDump.Archive whole = of(archive);
        try (var grown = FileChannel.open(archive, StandardOpenOption.WRITE)) {
            grown.write(ByteBuffer.wrap(new byte[] {1}), 1L << 50); // room for a petabyte of zeroes
        } catch (IOException tooLarge) {
            Files.write(archive, new byte[1 << 20], StandardOpenOption.APPEND);
        }
        assertThat(unpack(whole).manifest().name()).isEqualTo("web");
    }

    @Test
    void aNameHasALimit() throws IOException {
        rewrite(entries -> entries.addFirst(new Entry("x".repeat(300), text("x"))));
        refused(Fault.Code.INVALID_ARGUMENT, "300 bytes");
    }

    @Test
    void whatIsInTheWayIsNotWaitedFor() throws IOException {
        Files.delete(archive);
        assertThat(new ProcessBuilder("mkfifo", archive.toString())
                        .start()
                        .onExit()
                        .join()
                        .exitValue())
                .isZero();
        refused(Fault.Code.NOT_FOUND, "no such file");
    }

    @Test
    void oneWithoutASealIsRefused() throws IOException {
        rewrite(entries -> entries.removeIf(entry -> entry.name().equals(CheckpointWriter.SEAL)));
        refused(Fault.Code.PERMISSION_DENIED, "no seal");
    }

    @Test
    void everyChangedBitOfContentIsSeen() throws IOException {
        for (String name : List.of("checkpoint/core-1.img", "rootfs-diff.tar", "spec.dump", "container.log")) {
            Files.write(archive, bytes(seal));
            rewrite(entries -> entries.replaceAll(
                    entry -> entry.name().equals(name) ? new Entry(name, flipped(entry.content())) : entry));
            refused(Fault.Code.DATA_LOSS, "not what was written");
        }
    }

    @Test
    void whatItSaysOfItselfCannotBeChanged() throws IOException {
        rewrite(entries -> entries.replaceAll(entry -> entry.name().equals(CheckpointWriter.MANIFEST)
                ? new Entry(
                        entry.name(),
                        text(new String(entry.content(), StandardCharsets.UTF_8).replace("sha256:abc", "sha256:bad")))
                : entry));
        refused(Fault.Code.PERMISSION_DENIED, "not that of this node's key");
    }

    @ParameterizedTest
    @ValueSource(strings = {"checkpoint/more.img", "checkpoint/../../escaped", "/etc/escaped", "anything"})
    void anEntryMoreIsSeenAndLeadsNowhere(String name) throws IOException {
        rewrite(entries -> entries.addFirst(new Entry(name, text("x"))));
        refused(Fault.Code.DATA_LOSS, "not what was written");
        assertThat(directory.resolve("escaped")).doesNotExist();
        assertThat(directory.resolveSibling("escaped")).doesNotExist();
        assertThat(Path.of("/etc/escaped")).doesNotExist();
    }

    @Test
    void anEntryLessIsSeen() throws IOException {
        rewrite(entries -> entries.removeIf(entry -> entry.name().equals("checkpoint/core-1.img")));
        refused(Fault.Code.DATA_LOSS, "not what was written");
    }

    @Test
    void anEntryIsThereOnce() throws IOException {
        rewrite(entries -> entries.add(new Entry("container.log", text("lines"))));
        refused(Fault.Code.INVALID_ARGUMENT, "twice");
    }

    @ParameterizedTest
    @ValueSource(strings = {"SYMLINK", "HARD_LINK", "FIFO", "CHARACTER_DEVICE"})
    void onlyPlainFilesAreTaken(TarEntry.Kind kind) throws IOException {
        var out = new ByteArrayOutputStream();
        var tar = new TarWriter(out);
        tar.begin(TarEntry.of("checkpoint/core-1.img", kind, "/etc/shadow", 0600, 0));
        tar.finish();
        Files.write(archive, out.toByteArray());
        refused(Fault.Code.INVALID_ARGUMENT, "not a plain file");
    }

    @Test
    void aTextHasALimit() throws IOException {
        rewrite(entries -> entries.addFirst(new Entry("spec.dump", new byte[(16 << 20) + 1])));
        refused(Fault.Code.INVALID_ARGUMENT, "larger than");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "no archive at all, but a text that is long enough to be looked at as if it were one"})
    void whatIsNoArchiveIsRefused(String content) throws IOException {
        Files.writeString(archive, content.repeat(20));
        assertThatThrownBy((ThrowingCallable) this::unpack).isInstanceOf(Fault.class);
    }

    @Test
    void oneThatIsCutOffIsRefused() throws IOException {
        byte[] whole = Files.readAllBytes(archive);
        for (int length : List.of(512, 1000, whole.length / 2, whole.length - 2000)) {
            Files.write(archive, java.util.Arrays.copyOf(whole, length));
            assertThatThrownBy((ThrowingCallable) this::unpack)
                    .as("%d bytes", length)
                    .isInstanceOf(Fault.class);
        }
    }

    @Test
    void thereIsNone() throws IOException {
        Files.delete(archive);
        refused(Fault.Code.NOT_FOUND, "no such file");
        Files.createSymbolicLink(archive, directory.resolve("key"));
        refused(Fault.Code.NOT_FOUND, "no such file");
    }

    @Test
    void aPodSaysWhichArchivesAreItsOwn() throws IOException {
        var dump = new PodDump(
                "pod1",
                "ns",
                "web",
                List.of(new PodDump.Member("a", "c1", PodDump.Member.file(0), new PodDump.Archive(1, "x"))));
        dump.write(directory, seal);
        assertThat(PodDump.read(directory, seal)).isEqualTo(dump);

        Path file = directory.resolve("pod.dump");
        Files.writeString(file, Files.readString(file).replace("\"a\"", "\"b\""));
        assertThatThrownBy(() -> PodDump.read(directory, seal)).hasMessageContaining("seal");

        var leaving = new PodDump(
                "p", "ns", "n", List.of(new PodDump.Member("a", "c", "../../etc/shadow", new PodDump.Archive(1, "x"))));
        Files.delete(file);
        Files.delete(directory.resolve("pod.seal"));
        leaving.write(directory, seal);
        assertThatThrownBy(() -> PodDump.read(directory, seal)).hasMessageContaining("cannot be its own");

        Files.delete(directory.resolve("pod.seal"));
        assertThatThrownBy(() -> PodDump.read(directory, seal)).hasMessageContaining("seal is missing");
        Files.delete(file);
        assertThatThrownBy(() -> PodDump.read(directory, seal)).hasMessageContaining("no such file pod.dump");
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Entry(String name, byte[] content) {}

    private interface Change {
        void of(List<Entry> entries);
    }

    private static byte[] flipped(byte[] content) {
        byte[] other = content.clone();
        other[other.length - 1] ^= 1;
        return other;
    }

    /** Reads the archive as anybody could, and writes another one. */
    private void rewrite(Change change) throws IOException {
        List<Entry> entries = new ArrayList<>();
        try (var in = Files.newInputStream(archive)) {
            var reader = new dev.berth.snapshots.TarReader(in);
            for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
                if (entry.kind() == TarEntry.Kind.REGULAR) {
                    var content = ByteBuffer.allocate((int) entry.size());
                    while (content.hasRemaining()) {
                        reader.read(content, content.remaining());
                    }
                    entries.add(new Entry(new String(entry.name(), StandardCharsets.UTF_8), content.array()));
                }
            }
        }
        assertThat(entries.stream().map(Entry::name)).contains("container.log", CheckpointWriter.SEAL);
        change.of(entries);
        try (OutputStream out = Files.newOutputStream(archive)) {
            var tar = new TarWriter(out);
            for (Entry entry : entries) {
                tar.begin(TarEntry.of(entry.name(), TarEntry.Kind.REGULAR, "", 0600, entry.content().length));
                tar.write(entry.content(), 0, entry.content().length);
            }
            tar.finish();
        }
    }
}
