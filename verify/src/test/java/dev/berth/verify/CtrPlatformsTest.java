package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.oci.Platform;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** ctr's commands about an image that is made for several platforms, and about platforms that it is not made for. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CtrPlatformsTest {
    private CtrPair pair;
    private String image;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
        image = ManyPlatforms.add(
                pair.berth(), "both", List.of(Platform.of("linux", "amd64", ""), Platform.of("linux", "arm64", "")));
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
        sameState();
    }

    /** The end of a lease makes go what nobody needs, whenever else each would have it go. */
    private void sameState() {
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            assertThat(ctr.run("leases", "create", "--id", "collect").exit()).isZero();
            assertThat(ctr.run("leases", "rm", "--sync", "collect").exit()).isZero();
        }
        pair.succeeds("content", "ls", "-q");
        pair.succeeds("snapshots", "ls");
        sameOutput("images", "ls");
        sameOutput("images", "check");
    }

    /** ctr complains of images of which parts are missing, with what the daemon says. */
    private void sameOutput(String... arguments) {
        Berth.Result ours = pair.ours().run(arguments);
        Berth.Result theirs = pair.theirs().run(arguments);
        assertThat(CtrPair.masked(ours.out(), CtrMask.TIME))
                .as(String.join(" ", arguments) + ": " + ours.err())
                .isEqualTo(CtrPair.masked(theirs.out(), CtrMask.TIME));
        assertThat(ours.exit()).isEqualTo(theirs.exit());
    }

    private void both(String... arguments) {
        pair.both(ctr -> ctr.run(arguments), arguments);
        sameState();
    }

    @Test
    void pulled() {
        both("images", "pull", "--plain-http", "--platform", "linux/arm64", image);
        both("images", "pull", "--plain-http", "--platform", "linux/amd64", "--platform", "linux/arm64", image);
        both("images", "pull", "--plain-http", "--all-platforms", image);
    }

    /** What it is made for is kept; containerd calls neither an error. */
    @Test
    void pulledForWhatItIsNotMadeFor() {
        both("images", "pull", "--plain-http", "--platform", "linux/s390x", image);
        removeAll();
        both("images", "pull", "--plain-http", "--platform", "linux/amd64", "--platform", "linux/s390x", image);
        removeAll();
        both("images", "pull", "--plain-http", "--skip-metadata", "--platform", "linux/s390x", image);
        removeAll();
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) { // what it prints of its progress differs each time
            Berth.Result result =
                    ctr.run("images", "pull", "--local", "--plain-http", "--platform", "linux/s390x", image);
            assertThat(result.exit()).isEqualTo(1);
            assertThat(result.err()).endsWith("not found\n");
        }
    }

    @Test
    void archivesOfSeveralPlatforms() {
        both("images", "pull", "--plain-http", "--all-platforms", image);
        String archive = pair.berth().folder().resolve("both.tar").toString();
        pair.both(ctr -> ctr.run("images", "export", "--all-platforms", archive, image), "images", "export");
        removeAll();
        for (String platform : List.of("linux/amd64", "linux/arm64", "linux/s390x")) {
            both("images", "import", "--platform", platform, archive);
            removeAll();
        }
        // ctr wants this machine's unpacked; containerd unpacks the others too
        pair.both(ctr -> ctr.run("images", "import", "--all-platforms", archive), "images", "import");
        sameOutput("images", "ls");
        pair.refused("not found", "images", "export", "--platform", "linux/s390x", archive + "x", image);
        removeAll();
        both("images", "import", "--no-unpack", archive);
    }

    @Test
    void aSnapshotterThatThereIsNot() {
        pair.both(
                ctr -> ctr.run("images", "pull", "--plain-http", "--platform", "linux/amd64", image), "images", "pull");
        String archive = pair.berth().folder().resolve("none.tar").toString();
        pair.both(ctr -> ctr.run("images", "export", archive, image), "images", "export");
        removeAll();
        pair.refused("invalid argument", "images", "import", "--snapshotter", "none", archive);
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            Berth.Result result = ctr.run("images", "pull", "--plain-http", "--snapshotter", "none", image);
            assertThat(result.exit()).isEqualTo(1);
            assertThat(result.err()).endsWith("invalid argument\n");
        }
        sameState();
    }
}
