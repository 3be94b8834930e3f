package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.berth.images.registry.Patience;
import dev.berth.images.registry.RegistryClient;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import dev.berth.oci.SavedImage;
import dev.berth.snapshots.OverlaySnapshotter;
import dev.berth.snapshots.Snapshotter;
import dev.berth.snapshots.TarEntry;
import dev.berth.snapshots.TarWriter;
import dev.berth.store.Blob;
import dev.berth.store.Durability;
import dev.berth.store.ImageRecord;
import dev.berth.store.Store;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Archives in and out, with skopeo and umoci as independent readers and writers, and hostile ones. Needs root. */
@Timeout(240)
class ArchivesTest {
    private static final Namespace SPACE = new Namespace("default");
    private static final String NAME = "docker.io/library/app:v1";
    private static final Archives.Namer BY_ANNOTATION = new Archives.Namer() {
        @Override
        public List<Archives.Name> ofIndex(Descriptor index) {
            return List.of();
        }

        @Override
        public List<Archives.Name> ofImage(Descriptor image) {
            String full = image.annotations().getOrDefault("io.containerd.image.name", "");
            String tag = image.annotations().getOrDefault("org.opencontainers.image.ref.name", "");
            String name = full.isEmpty() ? "prefix:" + tag : full;
            return tag.isEmpty() ? List.of() : List.of(new Archives.Name(name, Map.of()));
        }
    };

    private final Path root;
    private final Store store;
    private final Snapshotter snapshotter;
    private final RegistryClient client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system());
    private final Images images;

    ArchivesTest(@TempDir Path root) {
        this.root = root;
        store = Store.open(root.resolve("store"), new LinuxDisk(), InstantSource.system());
        snapshotter = new OverlaySnapshotter(root.resolve("snapshots"), store.metadata(), new LinuxDisk());
        images = new Images(store, snapshotter, client, ImageSettings.DEFAULT, InstantSource.system());
    }

    @AfterEach
    void close() {
        images.close();
        client.close();
        store.close();
    }

    private static ImageBuilder.Built image(Platform platform) {
        return new ImageBuilder()
                .platform(platform)
                .layer(new LayerBuilder().file("etc/name", 0644, "app\n").gzip())
                .layer(new LayerBuilder()
                        .file("bin/app", 0755, platform.toString())
                        .gzip())
                .cmd("app")
                .build();
    }

    private static void file(TarWriter tar, String name, byte[] content) throws IOException {
        tar.begin(TarEntry.of(name, TarEntry.Kind.REGULAR, "", 0644, content.length));
        tar.write(content, 0, content.length);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Fills an archive. */
    private interface Content {
        void into(TarWriter tar) throws IOException;
    }

    private static byte[] tar(Content content) {
        var out = new ByteArrayOutputStream();
        try {
            TarWriter tar = new TarWriter(out);
            content.into(tar);
            tar.finish();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    private static Descriptor named(Descriptor of, String tag) {
        return new Descriptor(
                of.mediaType(),
                of.digest(),
                of.size(),
                List.of(),
                Map.of("org.opencontainers.image.ref.name", tag),
                "",
                of.platform(),
                "");
    }

    private static byte[] layout(Map<Digest, byte[]> blobs, Descriptor... entries) {
        return tar(tar -> {
            file(tar, "oci-layout", bytes("{\"imageLayoutVersion\": \"1.0.0\"}"));
            file(
                    tar,
                    "index.json",
                    Index.of(MediaTypes.OCI_INDEX, List.of(entries)).toJson());
            for (Map.Entry<Digest, byte[]> blob : blobs.entrySet()) {
                file(tar, "blobs/" + blob.getKey().toString().replace(':', '/'), blob.getValue());
            }
        });
    }

    private List<ImageRecord> read(byte[] archive) throws InterruptedException {
        return read(archive, PullRequest.Extent.of(Platform.host()), BY_ANNOTATION);
    }

    private List<ImageRecord> read(byte[] archive, PullRequest.Extent extent, Archives.Namer namer)
            throws InterruptedException {
        return images.archives()
                .read(
                        new Archives.Import(SPACE, extent, false, namer, Progress.NONE),
                        new ByteArrayInputStream(archive));
    }

    private byte[] write(String... names) {
        var out = new ByteArrayOutputStream();
        images.archives().write(new Archives.Export(SPACE, List.of(names), List.of(), false, true, true), out);
        return out.toByteArray();
    }

    private void forgetAll() throws InterruptedException {
        store.metadata()
                .apply(
                        Durability.PROCESS,
                        records -> records.images()
                                .list(SPACE)
                                .forEach(it -> records.images().delete(SPACE, it.name())));
        images.sweepNow();
        assertThat(store.blobs().list()).isEmpty();
        assertThat(snapshotter.list(SPACE)).isEmpty();
    }

    private void refused(Fault.Code code, String why, byte[] archive) throws InterruptedException {
        assertThatThrownBy(() -> read(archive))
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.code()).as(fault.getMessage()).isEqualTo(code))
                .hasMessageContaining(why);
        assertThat(store.blobs().list()).as("at once").isEmpty();
        assertThat(store.blobs().ingests()).isEmpty();
        images.sweepNow();
        assertThat(snapshotter.list(SPACE)).isEmpty();
        assertThat(images.list(SPACE)).isEmpty();
    }

    @Test
    void whatIsWrittenCanBeReadAgain() throws InterruptedException {
        var built = image(Platform.host());
        List<ImageRecord> made = read(layout(built.blobs(), named(built.target(), "v1")));
        assertThat(made).extracting(ImageRecord::name).containsExactly("prefix:v1");
        assertThat(made.getFirst().target().digest()).isEqualTo(built.target().digest());
        assertThat(snapshotter.list(SPACE)).hasSize(2);
        store.metadata()
                .apply(
                        Durability.PROCESS,
                        records -> records.images().put(ImageRecord.of(SPACE, NAME, built.manifest(), Map.of())));
        byte[] archive = write("prefix:v1", NAME);
        assertThat(write("prefix:v1", NAME)).as("the same again").isEqualTo(archive);
        forgetAll();
        assertThat(read(archive)).extracting(ImageRecord::name).containsExactly("prefix:v1", NAME);
        assertThat(store.blobs().list())
                .extracting(Blob::digest)
                .containsExactlyInAnyOrderElementsOf(built.blobs().keySet());
        assertThat(images.list(SPACE)).hasSize(1);
        forgetAll();
    }

    /** What an import has brought that was killed, and no image ever claims: the index of the archive itself. */
    @Test
    void whatABrokenImportLeftGoesWithTheNext() throws InterruptedException {
        var built = image(Platform.host());
        byte[] archive = layout(built.blobs(), named(built.target(), "v1"));
        List<byte[]> brought = new ArrayList<>();
        Archives.Namer looksOn = new Archives.Namer() {
            @Override
            public List<Archives.Name> ofIndex(Descriptor index) {
                brought.add(store.blobs().read(index.digest(), 1 << 20));
                return BY_ANNOTATION.ofIndex(index);
            }

            @Override
            public List<Archives.Name> ofImage(Descriptor image) {
                return BY_ANNOTATION.ofImage(image);
            }
        };
        read(archive, PullRequest.Extent.of(Platform.host()), looksOn);
        forgetAll();
        store.blobs().put(brought.getFirst());
        read(archive);
        forgetAll();
    }

    @Test
    void packedArchivesAreUnpackedOnTheWay() throws Exception {
        var built = image(Platform.host());
        byte[] archive = layout(built.blobs(), named(built.target(), "v1"));
        var gzip = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(gzip)) {
            out.write(archive);
        }
        assertThat(read(gzip.toByteArray())).hasSize(1);
        forgetAll();
        assertThat(read(Zstd.compress(archive))).hasSize(1);
        forgetAll();
    }

    @Test
    void blobsOfAnotherKindOfDigestAreOfNoUse() throws InterruptedException {
        var built = image(Platform.host());
        byte[] archive = saved(
                built,
                layers -> new SavedImage[] {new SavedImage("config.json", List.of("app:v1"), layers)},
                tar -> file(tar, "blobs/blake3/" + "0".repeat(64), bytes("something")));
        assertThat(read(archive)).hasSize(1);
        forgetAll();
    }

    @Test
    void onlyThePlatformsThatAreWantedAreKept() throws InterruptedException {
        var here = image(Platform.host());
        var there = image(Platform.of("linux", "s390x", ""));
        Map<Digest, byte[]> blobs = new LinkedHashMap<>(here.blobs());
        blobs.putAll(there.blobs());
        Descriptor both = index(blobs, entry(here), entry(there));
        byte[] archive = layout(blobs, named(both, "v1"));
        read(archive);
        assertThat(store.blobs().list())
                .extracting(Blob::digest)
                .as("the index's entries, but nothing of what others need")
                .contains(there.manifest().digest())
                .doesNotContain(there.id());
        forgetAll();
        read(archive, new PullRequest.Extent(List.of(), List.of(Platform.host()), false), BY_ANNOTATION);
        assertThat(store.blobs().list())
                .extracting(Blob::digest)
                .contains(there.manifest().digest());
        assertThat(snapshotter.list(SPACE))
                .as("only this machine's layers are unpacked")
                .hasSize(2);
        forgetAll();
        // what another platform needs may be missing
        there.blobs().keySet().stream()
                .filter(it -> !here.blobs().containsKey(it))
                .forEach(blobs::remove);
        byte[] partly = layout(blobs, named(both, "v1"));
        assertThat(read(partly)).hasSize(1);
        forgetAll();
        assertThat(read(partly, new PullRequest.Extent(List.of(), List.of(), false), BY_ANNOTATION))
                .hasSize(1);
        forgetAll();
        refused(Fault.Code.NOT_FOUND, "s390x", layout(there.blobs(), named(there.target(), "v1")));
    }

    private static Descriptor entry(ImageBuilder.Built built) {
        return ((Index) ImageTree.parse(
                        MediaTypes.OCI_INDEX, blob(built, built.target().digest())))
                .manifests()
                .getFirst();
    }

    private static byte[] blob(ImageBuilder.Built built, Digest digest) {
        return Optional.ofNullable(built.blobs().get(digest)).orElseThrow();
    }

    private static Descriptor index(Map<Digest, byte[]> blobs, Descriptor... entries) {
        byte[] index = Index.of(MediaTypes.OCI_INDEX, List.of(entries)).toJson();
        blobs.put(Digest.of(index), index);
        return Descriptor.of(MediaTypes.OCI_INDEX, Digest.of(index), index.length);
    }

    private static byte[] saved(ImageBuilder.Built built, Function<List<String>, SavedImage[]> images, Content more) {
        List<Digest> digests = new ArrayList<>(built.blobs().keySet());
        return tar(tar -> {
            file(tar, "config.json", blob(built, built.id()));
            tar.begin(TarEntry.of("one/", TarEntry.Kind.DIRECTORY, "", 0644, 0));
            file(tar, "one/layer.tar", blob(built, digests.get(0)));
            file(tar, "two/layer.tar", blob(built, digests.get(1)));
            tar.begin(TarEntry.of("link/layer.tar", TarEntry.Kind.SYMLINK, "../one/layer.tar", 0644, 0));
            file(tar, "repositories", bytes("{}"));
            more.into(tar);
            file(
                    tar,
                    "manifest.json",
                    SavedImage.toJson(List.of(images.apply(List.of("link/layer.tar", "two/layer.tar")))));
        });
    }

    @Test
    void whatDockerSavesIsRead() throws InterruptedException {
        var built = image(Platform.host());
        List<ImageRecord> made = read(saved(
                built,
                layers -> new SavedImage[] {
                    new SavedImage("config.json", List.of("app:v1", "127.0.0.1:5000/x/app:v2"), layers)
                },
                tar -> {}));
        assertThat(made).extracting(ImageRecord::name).containsExactly(NAME, "127.0.0.1:5000/x/app:v2");
        assertThat(images.list(SPACE)).hasSize(1);
        assertThat(images.list(SPACE).getFirst().id()).isEqualTo(built.id());
        assertThat(store.blobs().list()).as("config, two layers, the manifest").hasSize(4);
        forgetAll();
    }

    @Test
    void hostileArchivesLeaveNothing() throws InterruptedException {
        var built = image(Platform.host());
        var other = image(Platform.of("linux", "386", ""));
        Map<Digest, byte[]> both = new LinkedHashMap<>(built.blobs());
        both.putAll(other.blobs());
        Fault.Code invalid = Fault.Code.INVALID_ARGUMENT;
        refused(
                invalid,
                "two images of it have the name prefix:v1",
                layout(both, named(built.manifest(), "v1"), named(other.manifest(), "v1")));
        byte[] whole = layout(built.blobs(), named(built.target(), "v1"));
        for (int tenth = 1; tenth < 10; tenth++) { // also amid a layer
            refused(invalid, "cut off", Arrays.copyOf(whole, whole.length * tenth / 10 / 512 * 512 + 100));
        }
        refused(invalid, "no tar archive", bytes("<html>".repeat(200)));
        refused(invalid, "packed with bzip2", bytes("BZh91AY&SY"));
        refused(invalid, "packed with xz", new byte[] {(byte) 0xfd, '7', 'z', 'X', 'Z', 0});
        refused(invalid, "neither oci-layout nor manifest.json", tar(tar -> file(tar, "any", bytes("x"))));
        refused(invalid, "leads out of it", tar(tar -> file(tar, "../../etc/passwd", bytes("x"))));
        refused(invalid, "other content than its name says", tar(tar -> {
            file(tar, "blobs/sha256/" + "0".repeat(64), bytes("x"));
        }));
        Map<Digest, byte[]> without = new LinkedHashMap<>(built.blobs());
        without.remove(built.id());
        refused(invalid, built.id() + " (", layout(without, named(built.target(), "v1")));
        refused(invalid, "in it twice", tar(tar -> {
            file(tar, "index.json", bytes("{}"));
            file(tar, "index.json", bytes("{}"));
        }));
        refused(
                invalid,
                "link that leads nowhere",
                saved(built, layers -> new SavedImage[] {new SavedImage("loop", List.of("app:v1"), layers)}, tar -> {
                    tar.begin(TarEntry.of("loop", TarEntry.Kind.SYMLINK, "pool", 0644, 0));
                    tar.begin(TarEntry.of("pool", TarEntry.Kind.SYMLINK, "loop", 0644, 0));
                }));
        refused(
                invalid,
                "there is no file \"gone\"",
                saved(
                        built,
                        layers -> new SavedImage[] {new SavedImage("config.json", List.of("app:v1"), List.of("gone"))},
                        tar -> {}));
        refused(
                invalid,
                "image reference",
                saved(
                        built,
                        layers -> new SavedImage[] {new SavedImage("config.json", List.of("../../etc:x"), layers)},
                        tar -> {}));
        refused(Fault.Code.NOT_FOUND, "gives no names", layout(built.blobs(), built.target()));
        refused(
                Fault.Code.FAILED_PRECONDITION,
                "unpacked it is",
                saved(
                        built,
                        layers ->
                                new SavedImage[] {new SavedImage("config.json", List.of("app:v1"), layers.reversed())},
                        tar -> {}));
    }

    @Test
    void skopeoReadsAndWrites() throws Exception {
        needed("/usr/bin/skopeo");
        var built = image(Platform.host());
        read(layout(built.blobs(), named(built.target(), "v1")));
        store.metadata()
                .apply(
                        Durability.PROCESS,
                        records -> records.images().put(ImageRecord.of(SPACE, NAME, built.manifest(), Map.of())));
        Path ours = root.resolve("ours.tar");
        Files.write(ours, write(NAME));
        var layers = images.list(SPACE).getFirst().config().rootfs();
        forgetAll();
        for (String form : List.of("oci-archive:%s:v1", "docker-archive:%s")) {
            String source = form.formatted(ours);
            for (String target : List.of("oci-archive:%s:v2", "docker-archive:%s:app:v2")) {
                Path file = root.resolve(form.charAt(0) + "-" + target.charAt(0) + ".tar");
                run("/usr/bin/skopeo", "--insecure-policy", "copy", source, target.formatted(file));
                List<ImageRecord> made = read(Files.readAllBytes(file));
                assertThat(made).as(source + " to " + target).hasSize(1);
                assertThat(made.getFirst().name()).endsWith(":v2");
                assertThat(images.list(SPACE).getFirst().config().rootfs())
                        .as("its config is written anew, its layers are the same")
                        .isEqualTo(layers);
                forgetAll();
            }
        }
    }

    @Test
    void umociReadsAndWrites() throws Exception {
        needed("/usr/bin/umoci");
        needed("/usr/bin/tar");
        Path own = root.resolve("own");
        Path tree = Files.createDirectory(root.resolve("tree"));
        Files.writeString(tree.resolve("hello"), "from umoci");
        run("/usr/bin/umoci", "init", "--layout", own.toString());
        run("/usr/bin/umoci", "new", "--image", own + ":v1");
        run("/usr/bin/umoci", "insert", "--image", own + ":v1", tree.toString(), "/opt");
        Path archive = root.resolve("umoci.tar");
        run("/usr/bin/tar", "-C", own.toString(), "-cf", archive.toString(), ".");
        assertThat(read(Files.readAllBytes(archive)))
                .extracting(ImageRecord::name)
                .containsExactly("prefix:v1");
        Path ours = root.resolve("ours.tar");
        Files.write(ours, write("prefix:v1"));
        Path layout = Files.createDirectory(root.resolve("layout"));
        run("/usr/bin/tar", "-C", layout.toString(), "-xf", ours.toString());
        Path bundle = root.resolve("bundle");
        run("/usr/bin/umoci", "unpack", "--image", layout + ":v1", bundle.toString());
        assertThat(bundle.resolve("rootfs/opt/hello")).hasContent("from umoci");
    }

    private static void needed(String program) {
        Assumptions.assumeTrue(Files.exists(Path.of(program)), program + " is not installed");
    }

    private void run(String... command) throws Exception {
        Path log = root.resolve("program.log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(process.waitFor())
                .as(String.join(" ", command) + "\n" + Files.readString(log))
                .isZero();
    }
}
