package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What ctr shows of a transfer in the end, compared with containerd. On the way each daemon tells what it is at, at its own moments,
 * and ctr stops reading as soon as it has its answer: so a transfer is repeated until ctr has heard the last word of it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CtrProgressTest {
    private CtrPair pair;
    private String image;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
        var _ = pair.serveTwoLayers("told");
        image = pair.berth().image("told");
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

    @Test
    void ofAPull() throws InterruptedException {
        sameEnd("Completed pull from OCI Registry (" + image + ")", ctr -> {
            ctr.run("images", "rm", "--sync", image);
            return ctr.run("images", "pull", "--plain-http", image);
        });
    }

    /** Nothing about a part comes after the last word then, so that ctr does not show it. */
    @Test
    void ofAPullOfWhatIsThere() throws InterruptedException {
        pair.both(ctr -> ctr.run("images", "pull", "--plain-http", image), "images", "pull", image);
        sameEnd("Pulling from OCI Registry (" + image + ")", ctr -> ctr.run("images", "pull", "--plain-http", image));
    }

    @Test
    void ofAPullByTheClientItself() throws InterruptedException {
        sameEnd("elapsed", ctr -> {
            ctr.run("images", "rm", "--sync", image);
            return ctr.run("images", "pull", "--plain-http", "--local", image);
        });
    }

    @Test
    void ofAFetch() throws InterruptedException {
        sameEnd("elapsed", ctr -> ctr.run("content", "fetch", "--plain-http", image));
    }

    @Test
    void ofAPush() throws IOException, InterruptedException {
        try (var registry = OwnRegistry.start(pair.berth().folder().resolve("pushed"), false)) {
            pair.both(ctr -> ctr.run("images", "pull", "--plain-http", image), "images", "pull", image);
            var count = new AtomicInteger();
            sameEnd("Completed push to OCI Registry (PLACE)", ctr -> {
                String there = registry.authority() + "/app" + count.incrementAndGet() + ":v1";
                Berth.Result pushed = ctr.run("images", "push", "--plain-http", there, image);
                return new Berth.Result(pushed.exit(), pushed.out().replace(there, "PLACE"), pushed.err());
            });
        }
    }

    private void sameEnd(String word, Function<Ctr, Berth.Result> run) throws InterruptedException {
        assertThat(end(word, pair.ours(), run)).isEqualTo(end(word, pair.theirs(), run));
    }

    private static List<String> end(String word, Ctr ctr, Function<Ctr, Berth.Result> run) throws InterruptedException {
        var end = new AtomicReference<List<String>>(List.of());
        Berth.until("\"" + word + "\" is shown", Berth.LIMIT, () -> {
            end.set(end(run.apply(ctr).text()));

            return end.get().stream().anyMatch(line -> line.startsWith(word));
        });
        return end.get();
    }

    /** The last of several pictures, of which each ends with the time; its lines without bars, sorted as no daemon sorts them. */
    private static List<String> end(String printed) {
        List<String> lines = CtrPair.masked(
                        printed.replaceAll("\u001b\\[[0-9;]*[A-Za-z]|\\|[+-]*\\||[└├]──", ""),
                        CtrMask.SIZE,
                        CtrMask.DURATION)
                .lines()
                .map(line -> line.replaceAll("elapsed: .*", "elapsed").strip())
                .filter(line -> !line.isEmpty())
                .toList();
        int last = lines.size() - 1;
        while (last >= 0 && !lines.get(last).endsWith("elapsed")) {
            last--;
        }
        int first = last;
        while (first > 0 && !lines.get(first - 1).endsWith("elapsed")) {
            first--;
        }
        return lines.subList(Math.max(first, 0), lines.size()).stream().sorted().toList();
    }
}
