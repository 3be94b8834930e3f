package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.Busybox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The real nerdctl, for what it does with images, at Berth and at containerd. It works on the side of the client (content, leases,
 * snapshots and diffs, not transfers), so it goes other ways than ctr.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class NerdctlTest {
    private static final CtrMask[] AGES = {CtrMask.DURATION};
    private static final CtrMask[] TIMES = {CtrMask.TIME};

    private CtrPair pair;
    private String image;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("nerdctl");
        pair = CtrPair.start();
        pair.berth()
                .registry()
                .add("labelled", "v1", Busybox.image().env("A=b", "PATH=/bin").build());
        image = pair.berth().registry().authority() + "/labelled:v1";
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    @AfterEach
    void removeAll() {
        for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
            for (String name :
                    run(ctr, "images", "-q").text().lines().distinct().toList()) {
                run(ctr, "rmi", "-f", name);
            }
        }
        succeeds("images", "-q");
    }

    private Berth.Result run(Ctr at, String... arguments) {
        Path home =
                pair.berth().folder().resolve("nerdctl" + at.socket().toString().hashCode());
        var command = new ArrayList<>(List.of("env", "HOME=" + home, "NERDCTL_TOML=" + home.resolve("none")));
        command.addAll(List.of(
                Peers.need("nerdctl").toString(),
                "--address=" + at.socket(),
                "--data-root=" + home,
                "--hosts-dir=" + home,
                "--namespace=nerds",
                "--insecure-registry"));
        command.addAll(List.of(arguments));
        return Berth.run(command);
    }

    private Berth.Result succeeds(CtrMask[] masks, String... arguments) {
        Berth.Result ours = run(pair.ours(), arguments);
        pair.compare(ours, run(pair.theirs(), arguments), masks, arguments);
        assertThat(ours.exit()).as(ours.err()).isZero();
        return ours;
    }

    private Berth.Result succeeds(String... arguments) {
        return succeeds(AGES, arguments);
    }

    /** Where nerdctl tells its progress, which is never the same twice. */
    private void both(String... arguments) {
        pair.both(ctr -> run(ctr, arguments), arguments);
        succeeds("images", "--no-trunc", "--digests");
    }

    @Test
    void pulledNamedAndRemoved() {
        both("pull", "-q", image);
        succeeds(TIMES, "image", "inspect", image);
        succeeds("history", image);
        succeeds("tag", image, "my/other:v1");
        succeeds("images", "my/other");
        assertThat(succeeds("images", "--format", "{{.Repository}}:{{.Tag}}")
                        .text()
                        .lines())
                .contains("my/other:v1", image);
        succeeds("rmi", "my/other:v1");
        succeeds("images");
        succeeds("rmi", image);
        assertThat(succeeds("images", "-q").text()).isEmpty();
    }

    @Test
    void whatIsNotThere() {
        for (String[] command : new String[][] {
            {"pull", "-q", pair.berth().registry().authority() + "/none:v1"}, {"rmi", "none"}, {"tag", "none", "a:b"}
        }) {
            Berth.Result ours = run(pair.ours(), command);
            assertThat(ours.exit())
                    .as(ours.err())
                    .isNotZero()
                    .isEqualTo(run(pair.theirs(), command).exit());
        }
    }

    @Test
    void savedAndLoaded() throws IOException {
        both("pull", "-q", image);
        Path folder = pair.berth().folder();
        for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
            Berth.Result saved = run(ctr, "save", "-o", archive(ctr).toString(), image);
            assertThat(saved.exit()).as(saved.err()).isZero();
        }
        assertThat(Files.mismatch(archive(pair.ours()), archive(pair.theirs())))
                .as("the same archive to the last byte")
                .isEqualTo(-1);
        removeAll();
        both("load", "-i", folder.resolve(archive(pair.ours())).toString());
        succeeds(TIMES, "image", "inspect", image);
    }

    private Path archive(Ctr ctr) {
        return pair.berth().folder().resolve(ctr.equals(pair.ours()) ? "nerd-ours.tar" : "nerd-theirs.tar");
    }

    @Test
    void pushedAndPulledAgain() throws IOException, InterruptedException {
        try (var registry = OwnRegistry.start(pair.berth().folder().resolve("nerd-registry"), false)) {
            both("pull", "-q", image);
            String there = registry.authority() + "/app:v1";
            for (Ctr ctr : new Ctr[] {pair.ours(), pair.theirs()}) {
                assertThat(run(ctr, "tag", image, there).exit()).isZero();
                Berth.Result sent = run(ctr, "push", there);
                assertThat(sent.exit()).as(sent.err()).isZero();
            }
            removeAll();
            both("pull", "-q", there);
        }
    }

    @Test
    void convertedByTheClient() {
        both("pull", "-q", image);
        both("image", "convert", "--uncompress", "--oci", image, "my/plain:v1");
        both("image", "convert", "--zstd", "--oci", image, "my/zstd:v1");
        succeeds(TIMES, "image", "inspect", "my/zstd:v1");
    }

    @Test
    void unusedOnesArePruned() {
        both("pull", "-q", image);
        both("image", "prune", "--all", "--force");
        assertThat(run(pair.ours(), "images", "-q").text()).isEmpty();
    }
}
