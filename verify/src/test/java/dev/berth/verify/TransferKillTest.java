package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The daemon is killed at some moment of an import or of a pull of containerd's clients: what is listed is whole, the same again works,
 * and what was half done goes without a trace.
 */
@ExtendWith(Leaks.class)
class TransferKillTest {
    /** Kills of each way to bring images, spread over the time that it takes. */
    private static final int KILLS = 8;

    private static final Ticker TICKER = Ticker.system();

    private Berth berth;
    private WholeImages images;
    private Path archive;
    private List<List<String>> ways;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        Peers.need("ctr");
        berth = Berth.start();
        images = new WholeImages(berth.registry(), 3, 60_000);
        archive = berth.folder().resolve("images.tar");
        ways = List.of(
                ctr("images", "import", archive.toString()),
                List.of(
                        Project.ROOT.resolve("berth").toString(),
                        "image",
                        "load",
                        "--address",
                        socket().toString(),
                        "--input",
                        archive.toString()),
                ctr("images", "pull", "--plain-http", images.names().getFirst()));
        for (String name : images.names()) {
            succeeds(ctr("images", "pull", "--plain-http", name));
        }
        List<String> export = new ArrayList<>(ctr("images", "export", archive.toString()));
        export.addAll(images.names());
        succeeds(export);
        removeAll();
    }

    @AfterEach
    void stop() throws IOException {
        if (berth != null) {
            berth.close();
        }
    }

    private Path socket() {
        return berth.state().resolve("berth.sock");
    }

    private List<String> ctr(String... words) {
        List<String> all = new ArrayList<>(List.of("--namespace", "k8s.io"));
        all.addAll(Arrays.asList(words));
        return new Ctr(socket()).command(all.toArray(String[]::new));
    }

    private static String succeeds(List<String> command) {
        return Berth.run(command).text();
    }

    private List<String> listed() {
        return succeeds(ctr("images", "ls", "-q")).lines().toList();
    }

    private void removeAll() {
        listed().forEach(name -> succeeds(ctr("images", "rm", "--sync", name)));
    }

    @Test
    void nothingIsHalfThere() throws Exception {
        long seed = Long.getLong("berth.seed", ProcessHandle.current().pid());
        System.out.println("[bt] seed " + seed);
        var random = new Random(seed);
        for (List<String> way : ways) {
            long start = TICKER.nanos();
            succeeds(way);
            long whole = TICKER.since(start).toNanos();
            for (int kill = 0; kill < KILLS; kill++) {
                if (kill % 4 != 3) {
                    removeAll(); // else it is brought over what is there
                }
                long moment = (whole * kill + random.nextLong(whole)) / KILLS;
                String when = "killed " + moment / 1_000_000 + " of " + whole / 1_000_000 + " ms after " + way
                        + " had begun, seed " + seed;
                isWholeAfter(way, Duration.ofNanos(moment), when);
            }
            removeAll();
            endLeases();
            nothingIsLeft(way, seed);
        }
    }

    private void isWholeAfter(List<String> way, Duration moment, String when) throws Exception {
        Process client = new ProcessBuilder(way)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        TICKER.sleep(moment);
        berth.kill();
        assertThat(Berth.ended(client)).as("the client ends, " + when).isTrue();
        WholeImages.Left left = images.check(berth.root());
        berth.launch();
        assertThat(listed().stream().filter(name -> !name.contains("@"))) // as the records are looked at
                .as("what is in the records is listed, " + when)
                .containsExactlyInAnyOrderElementsOf(left.names());
        assertThat(listed())
                .as("the archive itself is no image, " + when)
                .noneMatch(name -> name.startsWith("localhost/loaded"));
        Berth.Result again = Berth.run(way);
        assertThat(again.exit()).as(again.err() + again.out() + ", " + when).isZero();
        assertThat(listed()).as("the next one works, " + when).containsAll(brought(way));
    }

    private List<String> brought(List<String> way) {
        return way.contains("pull") ? List.of(way.getLast()) : images.names();
    }

    /** A client that is cut off cannot end the lease that it has begun; each has an end of its own, which is not waited for here. */
    private void endLeases() {
        for (String lease : succeeds(ctr("leases", "ls", "-q")).lines().toList()) {
            assertThat(succeeds(ctr("leases", "ls", "id==" + lease))).contains("containerd.io/gc.expire=");
            succeeds(ctr("leases", "rm", "--sync", lease));
        }
    }

    private void nothingIsLeft(List<String> way, long seed) throws IOException, InterruptedException {
        berth.kill();
        WholeImages.Left left = images.check(berth.root());
        assertThat(left.names()).isEmpty();
        assertThat(List.of(left.blobs(), left.snapshots(), left.directories(), left.ingests(), left.leases()))
                .as("blobs, snapshots, their directories, ingests and leases that are left of " + way + ", seed "
                        + seed)
                .containsOnly(0);
        berth.launch();
    }
}
