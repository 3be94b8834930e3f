package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.Busybox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** Flags and rarer commands of ctr, compared with containerd. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CtrFlagsTest {
    private static final CtrMask[] TIMES = {CtrMask.TIME};
    private static final String MANIFEST = "application/vnd.oci.image.manifest.v1+json";

    private CtrPair pair;
    private String image;
    private String digest;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
        var built = Busybox.image().build();
        pair.berth().registry().add("flags", "v1", built);
        image = pair.berth().image("flags").replace(":latest", ":v1");
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
    }

    private void both(String... arguments) {
        pair.both(ctr -> ctr.run(arguments), arguments);
    }

    private static List<String> words(Ctr ctr, String... arguments) {
        String printed = CtrPair.masked(ctr.run(arguments).text(), CtrMask.TIME);
        return Stream.of(printed.split("[\\s,]+", -1)).sorted().toList();
    }

    /** Labels come in an order that is never the same. */
    private void sameWords(String... arguments) {
        assertThat(words(pair.ours(), arguments))
                .as(String.join(" ", arguments))
                .isEqualTo(words(pair.theirs(), arguments));
    }

    @Test
    void aPullWithEveryFlag() {
        both("images", "pull", "--plain-http", "--label", "a=b", "--label", "empty=", "--label", "bare", image);
        sameWords("images", "ls");
        both("images", "pull", "--plain-http", "--label", "a=", "--label", "c=d", "--sync-fs", image);
        sameWords("images", "ls");
        both("images", "pull", "--plain-http", "--user", "me:secret", image);
        both("images", "pull", "--plain-http", "--local", "--max-concurrent-downloads", "1", image);
        sameWords("images", "ls");
        assertThat(chain(pair.ours())).isEqualTo(chain(pair.theirs())).hasSize(1);
        pair.succeeds("images", "check", "-q");
        pair.succeeds("images", "check", "--snapshotter", "native");
        pair.refused("invalid argument", "images", "ls", "name=x");
        for (String filter :
                List.of("name~=flags", "target.digest==" + digest, "target.mediatype~=index", "labels.c")) {
            pair.succeeds("images", "ls", "-q", filter);
        }
    }

    private List<String> chain(Ctr ctr) {
        Berth.Result pulled = ctr.run("images", "pull", "--local", "--plain-http", "--print-chainid", image);
        return pulled.text().lines().filter(it -> it.contains("chain ID")).toList();
    }

    @Test
    void anExportWithEveryFlag() throws IOException {
        both("images", "pull", "--plain-http", image);
        for (List<String> flags : List.of(
                List.of("--skip-manifest-json"),
                List.of("--skip-non-distributable"),
                List.of("--local"),
                List.of("--platform", "linux/amd64"),
                List.of("--all-platforms"))) {
            Path ours = export(pair.ours(), flags);
            assertThat(Files.mismatch(ours, export(pair.theirs(), flags)))
                    .as(flags.toString())
                    .isEqualTo(-1);
        }
    }

    private Path export(Ctr ctr, List<String> flags) {
        String name = (ctr.equals(pair.ours()) ? "our" : "their")
                + String.join("", flags).replaceAll("\\W", "");
        Path archive = pair.berth().folder().resolve(name + ".tar");
        var words = new ArrayList<>(List.of("images", "export"));
        words.addAll(flags);
        words.addAll(List.of(archive.toString(), image));
        Berth.Result result = ctr.run(words.toArray(String[]::new));
        assertThat(result.exit()).as(result.err()).isZero();
        return archive;
    }

    @Test
    void anImportWithEveryFlag() {
        both("images", "pull", "--plain-http", image);
        String archive = export(pair.ours(), List.of("--local")).toString();
        removeAll();
        for (List<String> flags : List.of(
                List.of("--label", "a=b", "--label", "empty="),
                List.of("--sync-fs", "--compress-blobs"),
                List.of("--base-name", "docker.io/library/none", "--digests", "--skip-digest-for-named"),
                List.of("--local", "--no-unpack"),
                List.of("--local", "--discard-unpacked-layers"))) {
            var words = new ArrayList<>(List.of("images", "import"));
            words.addAll(flags);
            words.add(archive);
            both(words.toArray(String[]::new));
            sameWords("images", "ls");
            sameWords("snapshots", "ls");
            removeAll();
        }
        pair.same("images", "import", "--local", "--no-unpack", "--discard-unpacked-layers", archive);
        pair.same("images", "import", archive + ".none");
    }

    /** Docker Hub is asked only if it is named, and no tag is moved that nobody named. */
    @Test
    void aPushToANameThatLacksSomething() throws IOException, InterruptedException {
        both("images", "pull", "--plain-http", image);
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            assertThat(ctr.run("images", "push", "--plain-http", "nonsense", image)
                            .exit())
                    .isNotZero();
        }
        assertThat(pair.ours().run("images", "push", "nonsense", image).err()).contains("it names no registry");
        try (var registry = OwnRegistry.start(pair.berth().folder().resolve("untagged"), false)) {
            String there = registry.authority() + "/app";
            for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
                String own = there + (ctr.equals(pair.ours()) ? "-ours" : "-theirs");
                Berth.Result sent = ctr.run("images", "push", "--plain-http", own, image);
                assertThat(sent.exit()).as(sent.err()).isZero();
                assertThat(ctr.run("images", "pull", "--plain-http", own + ":latest")
                                .exit())
                        .as("a tag that nobody named")
                        .isNotZero();
                Berth.Result got = ctr.run("images", "pull", "--plain-http", own + "@" + digest);
                assertThat(got.exit()).as(got.err()).isZero();
            }
        }
    }

    /** Without a target the daemon mounts it, until its lease ends. */
    @Test
    void anImageMountedByTheDaemon() throws IOException, InterruptedException {
        both("images", "pull", "--plain-http", image);
        String[] command = {"images", "mount", image};
        Path theirs = last(pair.theirs().run(command));
        assertThat(theirs.resolve("bin/busybox")).exists();
        Path ours = last(pair.ours().run(command));
        assertThat(ours.resolve("bin/busybox")).exists();
        assertThat(pair.ours().run("snapshots", "ls").text()).contains("ctr-images-mount-");
        pair.berth().kill();
        pair.berth().launch();
        assertThat(ours.resolve("bin/busybox")).as("after a restart").exists();
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            ctr.run("leases", "ls", "-q")
                    .text()
                    .lines()
                    .forEach(lease -> ctr.run("leases", "rm", "--sync", lease).text());
        }
        assertThat(ours.getParent()).as("its lease is gone").doesNotExist();
        Berth.until("containerd has unmounted", Berth.LIMIT, () -> !Files.exists(theirs.resolve("bin")));
    }

    @Test
    void aMountEndsWhenItsLeaseHasExpired() throws InterruptedException {
        both("images", "pull", "--plain-http", image);
        Path mounted = last(pair.ours().run("images", "mount", "--rw", "--expiration", "15s", image));
        Berth.until("it is unmounted", Berth.LIMIT, () -> {
            // The end of any lease has those of others looked at, which else happens every minute.
            pair.ours().run("leases", "create", "--id", "other").text();
            pair.ours().run("leases", "rm", "other").text();
            return !Files.exists(mounted);
        });
        assertThat(mounted.getParent()).doesNotExist();
    }

    private static Path last(Berth.Result result) {
        assertThat(result.exit()).as(result.err()).isZero();
        return Path.of(result.text().lines().toList().getLast());
    }

    @Test
    void aTargetIsTakenOnce() throws IOException {
        both("images", "pull", "--plain-http", image);
        Path target = Files.createTempDirectory("bt-mnt");
        try {
            for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
                String[] mount = {"images", "mount", "--rw", image, target.toString()};
                assertThat(ctr.run(mount).exit()).isZero();
                Berth.Result again = ctr.run(mount);
                assertThat(again.exit()).isEqualTo(1);
                assertThat(again.err()).startsWith("ctr: activate error: ").endsWith(": already exists\n");
                assertThat(ctr.run("images", "unmount", "--rm", target.toString())
                                .exit())
                        .isZero();
                assertThat(target).isEmptyDirectory();
            }
        } finally {
            Files.delete(target);
        }
        pair.refused("not found", "images", "mount", "none", "/mnt");
        pair.refused("invalid argument", "images", "mount", "--snapshotter", "none", image, "/mnt");
    }

    @Test
    void snapshotsWithEveryFlag() {
        String[] bind = {"mount -t bind ", " /target -o rw,rbind\n"};
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            ctr.run("leases", "create", "--id", "snaps").text();
            assertThat(ctr.run("snapshots", "prepare", "--target", "/target", "flagged")
                            .out())
                    .startsWith(bind[0])
                    .endsWith(bind[1]);
            assertThat(ctr.run("snapshots", "view", "--mounts", "seen").out())
                    .contains("\"Type\": \"bind\"", "\"ro\",", "\"rbind\"");
            String made = ctr.run("snapshots", "mounts", "--temp", "/target", "flagged")
                    .out();
            assertThat(made).startsWith(bind[0]).endsWith(" /target -o rbind\n");
            assertThat(Path.of(made.split(" ", -1)[3])).isEmptyDirectory();
            Berth.Result again = ctr.run("snapshots", "mounts", "--temp", "/target", "flagged");
            assertThat(again.err()).endsWith(": already exists\n");
            assertThat(again.exit()).isEqualTo(1);
        }
        pair.succeeds("snapshots", "usage", "-b", "flagged"); // nothing holds a view: it may be collected already
        pair.same("snapshots", "label", "flagged");
        pair.same("snapshots", "commit", "flagged");
        pair.same("snapshots", "mounts", "flagged");
        pair.refused("not implemented", "snapshots", "diff", "--media-type", "text/plain", "flagged");
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            ctr.run("snapshots", "rm", "flagged", "seen");
            ctr.run("leases", "rm", "--sync", "snaps");
        }
    }

    @Test
    void objectsOfARegistry() throws IOException, InterruptedException {
        both("content", "fetch", "--plain-http", "--metadata-only", "--label", "a=b", image);
        pair.succeeds("content", "ls", "-q");
        both("content", "fetch", "--plain-http", "--all-platforms", image);
        pair.succeeds("content", "ls", "-q");
        pair.succeeds("content", "fetch-object", "--plain-http", image);
        pair.same("content", "fetch-object", "--plain-http", image + "none");
        pair.succeeds("content", "fetch-blob", "--plain-http", image + "@" + digest, digest);
        pair.same("content", "prune", "references", "--dry", "nothing");
        try (var registry = OwnRegistry.start(pair.berth().folder().resolve("objects"), false)) {
            String there = registry.authority() + "/app@" + digest;
            pair.refused(
                    "not found", "content", "push-object", "--plain-http", there, "sha256:" + "0".repeat(64), MANIFEST);
            pair.same("content", "push-object", "--plain-http", there, digest, MANIFEST); // its parts are not there yet
        }
    }

    @Test
    void contentIsEdited() throws IOException {
        Path editor = Files.writeString(pair.berth().folder().resolve("editor"), "#!/bin/sh\necho edited >\"$1\"\n");
        Files.setPosixFilePermissions(editor, PosixFilePermissions.fromString("rwx------"));
        both("content", "fetch", "--plain-http", image);
        String made = pair.succeeds("content", "edit", "--editor", editor.toString(), digest)
                .text();
        assertThat(pair.succeeds("content", "get", made).out()).isEqualTo("edited\n");
        pair.same("content", "edit", "--editor", "false", digest);
        pair.refused("not found", "content", "edit", "--editor", editor.toString(), "sha256:" + "0".repeat(64));
        pair.both(ctr -> ctr.run("content", "rm", made), "content", "rm");
    }

    @Test
    void leasesWithEveryFlag() {
        pair.succeeds("leases", "create", "--id", "odd / é", "-x", "1h", "a=b", "bare");
        pair.succeeds("leases", "create", "--id", "past", "-x", "-1h");
        pair.same("leases", "create", "--id", "x", "-x", "nonsense");
        sameWords("leases", "ls");
        for (String filter : List.of(
                "id~=|^(odd)|",
                "labels.bare",
                "labels.\"a\"==b",
                "id!=past,labels.a",
                "id~=^\\p{Latin}+.[/]",
                "id~=\\157dd",
                "id~=o{")) {
            pair.succeeds(TIMES, "leases", "ls", "-q", filter);
        }
        for (String filter : List.of("id=past", "id==", "id==|past|", ",id", "id==past id", "!id", "id===past")) {
            pair.refused("invalid argument", "leases", "ls", filter);
        }
        pair.same("leases", "create", "--id", "odd / é", "--nonsense");
        pair.succeeds("leases", "rm", "past");
        pair.refused("not found", "leases", "rm", "--sync", "odd / é", "past");
        pair.succeeds("leases", "ls");
    }

    @Test
    void namesThatCannotBeThere() {
        pair.succeeds("namespaces", "rm", "a..b", "", "a b");
        pair.refused("invalid argument", "namespaces", "create", "a..b");
        pair.refused("failed precondition", "-n", "", "images", "ls");
        pair.refused("invalid argument", "-n", "a b", "images", "ls");
        for (String[] empty : new String[][] {
            {"images", "ls"}, {"content", "ls"}, {"content", "active"}, {"leases", "ls"}, {"snapshots", "ls"}
        }) {
            String[] command =
                    Stream.concat(Stream.of("-n", "nowhere"), Stream.of(empty)).toArray(String[]::new);
            pair.succeeds(command);
        }
        assertThat(pair.succeeds("namespaces", "ls", "-q").text()).doesNotContain("nowhere");
        pair.refused("invalid argument", "events", "topic==");
    }
}
