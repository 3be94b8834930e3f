package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** ctr's commands about snapshots, compared with containerd. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CtrSnapshotsTest {
    private static final CtrMask[] TIMES = {CtrMask.TIME};
    private static final CtrMask[] SIZES = {CtrMask.SIZE};
    private static final String TAR = "application/vnd.oci.image.layer.v1.tar";

    private CtrPair pair;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    /** Mounts a snapshot as ctr says and runs a script in it; the mount goes with the process. */
    private static String inside(Ctr ctr, String snapshotter, String key, String script) throws IOException {
        Path target = Files.createTempDirectory("bt-mnt");
        try {
            String mount = ctr.run("snapshots", "--snapshotter", snapshotter, "mounts", target.toString(), key)
                    .text();
            Berth.Result result =
                    Berth.run(List.of("unshare", "-m", "sh", "-ec", mount + "\ncd " + target + "\n" + script));
            assertThat(result.exit()).as(mount + script + "\n" + result.err()).isZero();
            return result.out();
        } finally {
            Files.delete(target);
        }
    }

    private void inBoth(String key, String script) throws IOException {
        inBoth("overlayfs", key, script);
    }

    private void inBoth(String snapshotter, String key, String script) throws IOException {
        String ours = inside(pair.ours(), snapshotter, key, script);
        assertThat(ours).as(script).isEqualTo(inside(pair.theirs(), snapshotter, key, script));
    }

    @Test
    void aLayerIsMadeAndTheNextOneOnIt() throws IOException {
        pair.succeeds("snapshots", "prepare", "first");
        inBoth("first", """
                mkdir -m 755 etc gone; echo one >etc/one; echo two >etc/two; touch gone/file; ln etc/one etc/same
                chmod 4755 etc/two; ln -s /etc/one link; mknod -m 600 null c 1 3; mkfifo -m 644 pipe
                find . -exec touch -h -d @1500000000 {} +
                """);
        pair.succeeds("snapshots", "commit", "base", "first");
        pair.succeeds("snapshots", "prepare", "second", "base");
        inBoth("second", """
                rm -r gone; echo changed >etc/two; mkdir new; echo new >new/file; printf '' >'odd é'
                touch "$(printf 'bad\\377name')"
                find . -exec touch -h -d @1500000000 {} +
                """);
        pair.succeeds("snapshots", "view", "seen", "base");
        inBoth("seen", "find . | sort; cat etc/two; ! touch x 2>/dev/null");
        pair.succeeds("snapshots", "ls");
        pair.succeeds("snapshots", "tree");
        for (String key : List.of("base", "second", "seen")) {
            pair.succeeds(TIMES, "snapshots", "info", key);
        }
        pair.succeeds(new CtrMask[0], "snapshots", "mounts", "/target", "second");
        pair.succeeds(new CtrMask[0], "snapshots", "mounts", "/target", "seen");
        pair.succeeds(SIZES, "snapshots", "usage", "second");
        sameDifference("second");
        sameDifference("base");
        sameDifference("base", "second");
        label("second", "a=b", "c=d");
        label("second", "a=");
        pair.succeeds(TIMES, "snapshots", "info", "second");
        pair.refused("failed precondition", "snapshots", "rm", "base");
        // Nothing holds a view, and containerd's garbage collection may have been there before; so only Berth's end is
        // looked at.
        pair.theirs().run("snapshots", "rm", "seen", "second");
        assertThat(pair.ours().run("snapshots", "rm", "second").exit()).isZero();
        pair.ours().run("snapshots", "rm", "seen");
        assertThat(pair.ours().run("snapshots", "rm", "base").exit()).isZero();
        assertThat(pair.ours().run("snapshots", "ls").text().lines()).hasSize(1);
    }

    /** ctr prints labels in an order that is never the same. */
    private void label(String key, String... labels) {
        var command = new ArrayList<>(List.of("snapshots", "label", key));
        command.addAll(List.of(labels));
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            assertThat(ctr.run(command.toArray(String[]::new)).exit()).isZero();
        }
    }

    /** Not packed, the archives are the same to the last byte. */
    private void sameDifference(String... keys) throws IOException {
        var command = new ArrayList<>(List.of("snapshots", "diff", "--media-type", TAR));
        command.addAll(List.of(keys));
        assertThat(archive(pair.ours(), command)).as(command.toString()).isEqualTo(archive(pair.theirs(), command));
    }

    private static String archive(Ctr ctr, List<String> command) throws IOException {
        Path file = Files.createTempFile("bt-diff", ".tar");
        try {
            var words = new ArrayList<>(List.of("sh", "-c", "out=$1; shift; exec \"$@\" >\"$out\"", "sh"));
            words.add(file.toString());
            words.addAll(ctr.command(command.toArray(String[]::new)));
            Berth.Result result = Berth.run(words);
            assertThat(result.exit()).as(result.err()).isZero();
            return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        } finally {
            Files.delete(file);
        }
    }

    @Test
    void whatCannotBeIsRefused() {
        pair.refused("not found", "snapshots", "info", "none");
        pair.refused("not found", "snapshots", "mounts", "/target", "none");
        pair.refused("not found", "snapshots", "prepare", "orphan", "none");
        pair.refused("not found", "snapshots", "view", "orphan", "none");
        pair.refused("not found", "snapshots", "commit", "made", "none");
        pair.refused("not found", "snapshots", "usage", "none");
        pair.refused("not found", "snapshots", "diff", "none");
        pair.refused("not found", "snapshots", "label", "none", "a=b");
        pair.refused("not found", "snapshots", "rm", "none");
        pair.refused("invalid argument", "snapshots", "--snapshotter", "none", "ls");
        pair.succeeds("snapshots", "prepare", "taken");
        pair.refused("already exists", "snapshots", "prepare", "taken");
        pair.refused("invalid argument", "snapshots", "prepare", "orphan", "taken");
        pair.refused("invalid argument", "snapshots", "view", "orphan", "taken");
        pair.succeeds("snapshots", "rm", "taken");
    }

    private void copies(CtrMask[] masks, String... arguments) {
        var command = new ArrayList<>(List.of("snapshots", "--snapshotter", "native"));
        command.addAll(List.of(arguments));
        pair.succeeds(masks, command.toArray(String[]::new));
    }

    @Test
    void anotherSnapshotterMakesCopies() throws IOException {
        CtrMask[] nothing = {};
        copies(nothing, "ls");
        copies(nothing, "prepare", "first");
        inBoth("native", "first", "mkdir etc; echo one >etc/one; find . -exec touch -h -d @1500000000 {} +");
        copies(nothing, "commit", "base", "first");
        copies(nothing, "prepare", "second", "base");
        inBoth("native", "second", "cat etc/one; echo two >etc/two; rm etc/one; ls etc");
        copies(nothing, "ls");
        copies(nothing, "tree");
        copies(TIMES, "info", "base");
        copies(nothing, "mounts", "/target", "second");
        copies(SIZES, "usage", "second");
        copies(nothing, "view", "seen", "base");
        inBoth("native", "seen", "cat etc/one; ls etc; ! touch x 2>/dev/null");
        pair.refused("failed precondition", "snapshots", "--snapshotter", "native", "rm", "base");
        pair.refused("not found", "snapshots", "info", "base");
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) { // containerd may have collected the view before
            ctr.run("snapshots", "--snapshotter", "native", "rm", "seen");
        }
        copies(nothing, "rm", "second");
        copies(nothing, "rm", "base");
        copies(nothing, "ls");
    }

    @Test
    void namespacesDoNotSeeEachOther() {
        pair.succeeds("-n", "one", "snapshots", "prepare", "mine");
        pair.refused("not found", "-n", "two", "snapshots", "info", "mine");
        pair.succeeds("-n", "two", "snapshots", "ls");
        pair.succeeds("-n", "one", "snapshots", "rm", "mine");
    }
}
