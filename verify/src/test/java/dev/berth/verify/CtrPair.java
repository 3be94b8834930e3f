package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A Berth and a containerd 2.4.2, both fresh, to which the same ctr commands are given. Both may ask Berth's registry. Runs of
 * spaces and tabs count as one, since the width of a column depends on what is masked.
 */
final class CtrPair implements AutoCloseable {
    /** How ctr ends when a daemon has refused: its reason is the daemon's own, its kind is containerd's API. */
    private static final Pattern REFUSAL = Pattern.compile("(?m)^ctr: (?:.*: )?([a-z ]+)$");

    private final Berth berth;
    private final Containerd containerd;

    private CtrPair(Berth berth, Containerd containerd) {
        this.berth = berth;
        this.containerd = containerd;
    }

    static CtrPair start() throws IOException, InterruptedException {
        Peers.need("ctr");
        Peers.need("containerd");
        Berth berth = Berth.start();
        try {
            Path folder = berth.folder().resolve("containerd");
            Path certs = berth.folder().resolve("certs.d");
            return new CtrPair(
                    berth, Containerd.start(folder, certs, "none", Files.createDirectories(folder.resolve("cni"))));
        } catch (RuntimeException | IOException | InterruptedException | AssertionError e) {
            berth.close();
            throw e;
        }
    }

    Berth berth() {
        return berth;
    }

    /** ctr at Berth. */
    Ctr ours() {
        return new Ctr(berth.state().resolve("berth.sock"));
    }

    /** ctr at containerd. */
    Ctr theirs() {
        return new Ctr(containerd.socket());
    }

    /** Puts an image of two layers into the registry that both may ask. */
    ImageBuilder.Built serveTwoLayers(String repository) throws IOException, InterruptedException {
        var built = new ImageBuilder()
                .layer(Busybox.layer().gzip())
                .layer(new LayerBuilder()
                        .directory("etc", 0755)
                        .file("etc/second", 0600, "2\n")
                        .gzip())
                .cmd("sh")
                .build();
        berth.registry().add(repository, "latest", built);
        return built;
    }

    /** Takes away all images of both, with what only they need. */
    void removeImages() {
        for (Ctr ctr : List.of(ours(), theirs())) {
            for (String name : ctr.run("images", "ls", "-q").text().lines().toList()) {
                ctr.run("images", "rm", "--sync", name);
            }
        }
    }

    /** Runs on both what tells its progress, which no two daemons do alike: it must succeed. */
    void both(Function<Ctr, Berth.Result> run, String... arguments) {
        for (Ctr ctr : List.of(ours(), theirs())) {
            Berth.Result result = run.apply(ctr);
            assertThat(result.exit())
                    .as(String.join(" ", arguments) + " at " + ctr.socket() + ": " + result.err() + result.out())
                    .isZero();
        }
    }

    /** Runs a command on both and compares all that it prints, and how it ends. What Berth's printed is returned, not masked. */
    Berth.Result same(String... arguments) {
        return same(new CtrMask[0], arguments);
    }

    /** As {@link #same(String...)}, without what is named. */
    Berth.Result same(CtrMask[] masks, String... arguments) {
        return same(masks, null, arguments);
    }

    /** As {@link #same(CtrMask[], String...)}, with a file on standard input. */
    Berth.Result same(CtrMask[] masks, @Nullable Path input, String... arguments) {
        Berth.Result ours = ours().run(input, arguments);
        Berth.Result theirs = theirs().run(input, arguments);
        compare(ours, theirs, masks, arguments);
        return ours;
    }

    /** As {@link #same(String...)}, and it must have succeeded. */
    Berth.Result succeeds(String... arguments) {
        return succeeds(new CtrMask[0], arguments);
    }

    /** As {@link #succeeds(String...)}, without what is named. */
    Berth.Result succeeds(CtrMask[] masks, String... arguments) {
        Berth.Result ours = same(masks, arguments);
        assertThat(ours.exit()).as(() -> command(arguments) + ": " + ours.err()).isZero();
        return ours;
    }

    /** Runs a command that both must refuse for the same kind of reason, in words of their own. */
    Berth.Result refused(String kind, String... arguments) {
        return refused(kind, null, arguments);
    }

    /** As {@link #refused(String, String...)}, with a file on standard input. */
    Berth.Result refused(String kind, @Nullable Path input, String... arguments) {
        Berth.Result ours = ours().run(input, arguments);
        Berth.Result theirs = theirs().run(input, arguments);
        assertThat(kind(theirs))
                .as("what containerd says to " + command(arguments))
                .isEqualTo(kind);
        assertThat(kind(ours)).as("what Berth says to " + command(arguments)).isEqualTo(kind);
        assertThat(ours.exit()).as("exit of " + command(arguments)).isEqualTo(theirs.exit());
        assertThat(masked(ours.out(), new CtrMask[0]))
                .as("output of " + command(arguments))
                .isEqualTo(masked(theirs.out(), new CtrMask[0]));
        return ours;
    }

    /** Compares what was run on both. */
    void compare(Berth.Result ours, Berth.Result theirs, CtrMask[] masks, String... arguments) {
        assertThat(masked(ours.out(), masks))
                .as(() -> "output of " + command(arguments) + "; errors: " + ours.err())
                .isEqualTo(masked(theirs.out(), masks));
        assertThat(masked(ours.err(), masks))
                .as("errors of " + command(arguments))
                .isEqualTo(masked(theirs.err(), masks));
        assertThat(ours.exit()).as("exit of " + command(arguments)).isEqualTo(theirs.exit());
    }

    /** What is compared of a text. */
    static String masked(String text, CtrMask... masks) {
        String masked = CtrMask.FOLDER.apply(text).replaceAll("[ \\t]+", " ").replaceAll("(?m) $", "");
        for (CtrMask mask : masks) {
            masked = mask.apply(masked);
        }
        return masked;
    }

    private static String kind(Berth.Result result) {
        Matcher refusal = REFUSAL.matcher(result.err());
        return refusal.find() ? refusal.group(1) : "exit " + result.exit() + ", " + result.err() + result.out();
    }

    private static String command(String... arguments) {
        return "ctr " + String.join(" ", Arrays.asList(arguments));
    }

    @Override
    public void close() throws IOException {
        try {
            containerd.close();
        } finally {
            berth.close();
        }
    }
}
