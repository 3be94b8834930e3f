package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** ctr's commands about images, compared with containerd: the same registry for both, names and blobs afterwards the same. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CtrImagesTest {
    private static final CtrMask[] TIMES = {CtrMask.TIME};
    private static final CtrMask[] SIZES = {CtrMask.SIZE};

    private CtrPair pair;
    private String image;
    private String digest;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
        var built = pair.serveTwoLayers("two");
        image = pair.berth().image("two");
        digest = built.target().digest().toString();
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    @AfterEach
    void removeAll() {
        pair.removeImages();
        pair.succeeds("images", "ls");
        sameContent();
        pair.succeeds("snapshots", "ls");
        pair.succeeds("snapshots", "--snapshotter", "native", "ls");
    }

    /**
     * Of what is needed: when the rest goes is up to each, so the end of a lease makes it go. Ages are of different widths, and so
     * are the columns.
     */
    private void sameContent() {
        assertThat(content(pair.ours())).isEqualTo(content(pair.theirs()));
    }

    private static String content(Ctr ctr) {
        assertThat(ctr.run("leases", "create", "--id", "collect").exit()).isZero();
        assertThat(ctr.run("leases", "rm", "--sync", "collect").exit()).isZero();
        String listed = ctr.run("content", "ls").text().replaceAll("\\t+", " ");
        return CtrPair.masked(listed, CtrMask.DURATION);
    }

    /** Runs on both what tells its progress, which no two daemons do alike, and compares what there is afterwards. */
    private void both(String... arguments) {
        pair.both(ctr -> ctr.run(arguments), arguments);
        sameState();
    }

    private void sameState() {
        pair.succeeds(TIMES, "images", "ls"); // a name that goes with another says since when it may go
        pair.succeeds("images", "check");
        sameContent();
        pair.succeeds("snapshots", "ls");
        pair.succeeds("leases", "ls", "-q");
    }

    /** Where ctr prints labels, their order is never the same. */
    private void sameLines(String... arguments) {
        assertThat(lines(pair.ours(), arguments))
                .as(String.join(" ", arguments))
                .isEqualTo(lines(pair.theirs(), arguments));
    }

    private static List<String> lines(Ctr ctr, String... arguments) {
        String printed = CtrPair.masked(ctr.run(arguments).text(), CtrMask.TIME);
        return printed.lines().sorted().toList();
    }

    @Test
    void pulledByTheTransferService() {
        both("images", "pull", "--plain-http", image);
        both("images", "pull", "--plain-http", image);
        both("images", "pull", "--label", "a=b", image);
        sameLines("images", "inspect", image);
        sameLines("images", "inspect", "--content", image);
        pair.succeeds(SIZES, "images", "usage", image);
    }

    /** What is said to the registry reaches the client, whose log it is; containerd keeps its trace for its own log. */
    @Test
    void pulledByOneWhoReadsAlong() {
        String request = "GET /v2/two/manifests/";
        for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
            Berth.Result read = ctr.run("images", "pull", "--plain-http", "--http-dump", image);
            assertThat(read.exit()).as(read.err()).isZero();
            assertThat(read.err())
                    .contains(request, "Host: " + pair.berth().registry().authority(), digest);
        }
        Berth.Result traced = pair.ours().run("images", "pull", "--plain-http", "--http-trace", image);
        assertThat(traced.exit()).as(traced.err()).isZero();
        assertThat(traced.err()).contains("/v2/two/manifests/latest: 200 over HTTP/1.1 from ");
        Berth.Result refused = pair.ours()
                .run(
                        "images",
                        "pull",
                        "--plain-http",
                        "--http-dump",
                        pair.berth().image("none"));
        assertThat(refused.err()).contains("HTTP/1.1 404").contains("not found");
    }

    @Test
    void pulledByCtrItself() {
        both("images", "pull", "--local", "--plain-http", image);
    }

    @Test
    void pulledInPart() {
        both("images", "pull", "--skip-metadata", image);
        both("images", "pull", "--all-platforms", image);
    }

    @Test
    void unpackedLater() {
        both("content", "fetch", "--plain-http", image);
        pair.succeeds("snapshots", "unpack", digest);
        sameState();
        pair.succeeds("snapshots", "unpack", digest);
        pair.same("snapshots", "unpack", "sha256:" + "0".repeat(64));
        pair.same("snapshots", "unpack", "nonsense");
    }

    @Test
    void unpackedToTheSnapshotterThatIsNamed() throws IOException {
        both("images", "pull", "--local", "--plain-http", "--snapshotter", "native", image);
        pair.succeeds("snapshots", "--snapshotter", "native", "ls");
        pair.succeeds("snapshots", "unpack", digest);
        pair.succeeds("snapshots", "unpack", "--snapshotter", "native", digest);
        pair.succeeds(SIZES, "images", "usage", "--snapshotter", "native", image);
        for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
            mountAndUnmount(ctr, "native");
            mountAndUnmount(ctr, "native", "--rw");
        }
        sameState();
    }

    /** containerd's transfer service unpacks only to what its config names. */
    @Test
    void theTransferServiceUnpacksToTheSnapshotterThatIsNamed() {
        Ctr ctr = pair.ours();
        assertThat(ctr.run("images", "pull", "--plain-http", "--snapshotter", "native", image)
                        .exit())
                .isZero();
        assertThat(ctr.run("snapshots", "--snapshotter", "native", "ls").text().lines())
                .hasSize(1 + 2);
        assertThat(ctr.run("snapshots", "ls").text().lines()).hasSize(1);
    }

    @Test
    void whatIsNotThereIsNotPulled() {
        String none = pair.berth().image("none");
        pair.refused("not found", "images", "pull", none);
        pair.refused("not found", "images", "inspect", "none");
        pair.refused("not found", "images", "usage", "none");
        pair.refused("not found", "images", "mount", "none", "/mnt");
        pair.refused("not found", "images", "tag", "none", "docker.io/library/x:y");
        pair.refused("not found", "images", "label", "none", "a=b");
        pair.refused("not found", "images", "convert", "none", "docker.io/library/x:y");
        pair.refused("not found", "images", "push", pair.berth().image("pushed"), "none");
        pair.same(TIMES, "images", "rm", "none");
    }

    @Test
    void namesAndLabels() {
        both("images", "pull", "--plain-http", image);
        pair.succeeds("images", "tag", image, "docker.io/library/other:v1", "docker.io/library/other:v2");
        pair.succeeds("images", "tag", "--local", image, "docker.io/library/local:v1");
        pair.refused("already exists", "images", "tag", "--local", image, "docker.io/library/local:v1");
        pair.succeeds("images", "tag", "--local", "--force", image, "docker.io/library/local:v1");
        sameLines("images", "label", "docker.io/library/other:v1", "a=b");
        sameLines("images", "label", "docker.io/library/other:v1", "a=", "c=d");
        pair.succeeds("images", "ls");
        pair.succeeds("images", "ls", "name~=other");
        pair.succeeds("images", "rm", "docker.io/library/other:v1", "docker.io/library/other:v2");
        sameState();
    }

    @Test
    void mountedAndUnmounted() throws IOException {
        both("images", "pull", "--plain-http", image);
        for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
            mountAndUnmount(ctr, "overlayfs");
            mountAndUnmount(ctr, "overlayfs", "--rw");
        }
        sameState();
    }

    private void mountAndUnmount(Ctr ctr, String snapshotter, String... how) throws IOException {
        Path target = Files.createTempDirectory("bt-mnt"); // containerd remembers a target for a while
        try {
            var command = new ArrayList<>(List.of("images", "mount", "--snapshotter", snapshotter));
            command.addAll(List.of(how));
            command.addAll(List.of(image, target.toString()));
            Berth.Result mounted = ctr.run(command.toArray(String[]::new));
            assertThat(mounted.exit()).as(mounted.err()).isZero();
            assertThat(mounted.out()).endsWith(target + "\n");
            assertThat(target.resolve("etc/second")).hasContent("2");
            assertThat(target.resolve("bin/busybox")).exists();
            assertThat(ctr.run("images", "unmount", "--rm", "--snapshotter", snapshotter, target.toString())
                            .exit())
                    .isZero();
        } finally {
            Files.delete(target);
        }
    }

    @Test
    void exportedAndImported() throws IOException {
        both("images", "pull", "--plain-http", image);
        pair.succeeds("images", "tag", image, "docker.io/library/other:v1");
        Path ours = export(pair.ours(), "ours.tar");
        Path theirs = export(pair.theirs(), "theirs.tar");
        assertThat(Files.mismatch(ours, theirs))
                .as("the same archive to the last byte")
                .isEqualTo(-1);
        String before = pair.ours().run("images", "ls").text();
        removeAll();
        both("images", "import", theirs.toString());
        assertThat(pair.ours().run("images", "ls").text()).isEqualTo(before);
        removeAll();
        both("images", "import", "--digests", "--base-name", "foo/bar", theirs.toString());
        both("images", "import", "--index-name", "foo/all:v1", "--no-unpack", theirs.toString());
        removeAll();
        pair.succeeds("images", "import", "--local", ours.toString());
        sameState();
        pair.refused(
                "not found",
                "images",
                "export",
                pair.berth().folder().resolve("x.tar").toString(),
                "none");
    }

    private Path export(Ctr ctr, String file) {
        Path archive = pair.berth().folder().resolve(file);
        Berth.Result result = ctr.run("images", "export", archive.toString(), image, "docker.io/library/other:v1");
        assertThat(result.exit()).as(result.err()).isZero();
        return archive;
    }

    @Test
    void whatIsNoArchiveIsNotImported() throws IOException {
        Path file = Files.writeString(pair.berth().folder().resolve("none.tar"), "<html>".repeat(1000));
        Berth.Result ours = pair.ours().run("images", "import", file.toString());
        assertThat(ours.exit())
                .isEqualTo(
                        pair.theirs().run("images", "import", file.toString()).exit());
        assertThat(ours.err()).contains("no tar archive", "invalid argument"); // containerd's error has no kind
    }

    @Test
    void pushed() throws IOException, InterruptedException {
        try (var registry = OwnRegistry.start(pair.berth().folder().resolve("pushed"), false)) {
            pair.berth().trust(registry.authority());
            both("images", "pull", "--plain-http", image);
            for (String how : List.of("--plain-http", "--local")) {
                for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
                    String there =
                            registry.authority() + (ctr.equals(pair.ours()) ? "/ours:" : "/theirs:") + how.substring(2);
                    assertThat(ctr.run("images", "push", "--plain-http", how, there, image)
                                    .exit())
                            .isZero();
                    // What containerd has already it does not say a second source of; so only the names are compared.
                    for (Ctr puller : new Ctr[] {pair.ours(), pair.theirs()}) {
                        assertThat(puller.run("images", "pull", "--plain-http", there)
                                        .exit())
                                .isZero();
                    }
                    pair.succeeds("images", "ls");
                }
            }
        }
    }

    /** The client's own hosts.toml, for a name that nobody else knows. */
    @Test
    void withHostsOfTheCall() throws IOException, InterruptedException {
        Path folder = pair.berth().folder();
        try (var registry = OwnRegistry.start(folder.resolve("hosted"), true)) {
            Path hosts = Files.createDirectories(folder.resolve("hosts/bt.example"));
            Files.writeString(
                    hosts.resolve("hosts.toml"),
                    "server = \"http://" + registry.authority() + "\"\n[header]\nx-team = \"bt\"\n");
            String directory = folder.resolve("hosts").toString();
            both("images", "pull", "--plain-http", image);
            for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
                String there = "bt.example/" + (ctr.equals(pair.ours()) ? "ours:v1" : "theirs:v1");
                Berth.Result refused = ctr.run("images", "push", "--hosts-dir", directory, there, image);
                assertThat(refused.exit()).as("without a login").isNotZero();
                Berth.Result sent =
                        ctr.run("images", "push", "--hosts-dir", directory, "--user", OwnRegistry.LOGIN, there, image);
                assertThat(sent.exit()).as(sent.err()).isZero();
            }
            for (String there : List.of("bt.example/ours:v1", "bt.example/theirs:v1")) {
                for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
                    Berth.Result got =
                            ctr.run("images", "pull", "--hosts-dir", directory, "--user", OwnRegistry.LOGIN, there);
                    assertThat(got.exit()).as(got.err()).isZero();
                }
                pair.succeeds("images", "ls");
            }
        }
    }

    /** A name that is not this machine's by its look, so that it is asked by TLS if nobody says otherwise. */
    @Test
    void withoutTlsIfTheCallSaysSo() throws IOException, InterruptedException {
        List<String> names = Files.readAllLines(Path.of("/etc/hosts")).stream()
                .filter(it -> it.matches("127\\.0\\.0\\.1\\s.*"))
                .flatMap(it -> Stream.of(it.split("\\s+", -1)).skip(1))
                .filter(it -> it.matches("[a-z0-9-]+") && !it.equals("localhost"))
                .toList();
        Assumptions.assumeFalse(names.isEmpty(), "/etc/hosts has no other name than localhost for 127.0.0.1");
        String name = names.getFirst();
        String there = image.replaceFirst("^127\\.0\\.0\\.1", name);
        both("images", "pull", "--plain-http", there);
        try (var registry = OwnRegistry.start(pair.berth().folder().resolve("plain"), false)) {
            String pushed = registry.authority().replaceFirst("^127\\.0\\.0\\.1", name) + "/app:v1";
            for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
                assertThat(ctr.run("images", "push", pushed, there).exit()).isNotZero();
                Berth.Result sent = ctr.run("images", "push", "--plain-http", pushed, there);
                assertThat(sent.exit()).as(sent.err()).isZero();
            }
        }
    }

    @Test
    void converted() {
        both("images", "pull", "--plain-http", image);
        pair.succeeds("images", "convert", "--uncompress", image, "docker.io/library/plain:v1");
        sameState();
    }

    /** What is pulled here is there for the kubelet too. */
    @Test
    void theKubeletSeesItsNamespace() {
        Ctr ctr = pair.ours();
        assertThat(ctr.run("-n", "k8s.io", "images", "pull", image).exit()).isZero();
        assertThat(pair.berth().crictl("images").out()).contains(image.substring(0, image.lastIndexOf(':')));
        assertThat(pair.berth().crictl("rmi", image).exit()).isZero();
        assertThat(ctr.run("-n", "k8s.io", "images", "ls", "-q").text()).isEmpty();
    }
}
