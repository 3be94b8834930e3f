package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** ctr's commands about content, compared with containerd. Each test has a namespace of its own. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CtrContentTest {
    private static final String HELLO = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    private static final String NOTHING = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    private static final CtrMask[] AGES = {CtrMask.DURATION};

    private CtrPair pair;
    private Path hello;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
        hello = Files.writeString(pair.berth().folder().resolve("hello"), "hello\n");
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    private void ingest(String namespace, String... more) throws InterruptedException {
        String[] command = new String[4 + more.length];
        System.arraycopy(new String[] {"-n", namespace, "content", "ingest"}, 0, command, 0, 4);
        System.arraycopy(more, 0, command, 4, more.length);
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            // Until it has that label garbage collection, whose moments are each daemon's own, may take it at any time.
            Berth.until("it is there to stay", Berth.LIMIT, () -> {
                assertThat(ctr.run(hello, command).exit()).isZero();
                ctr.run("-n", namespace, "content", "label", HELLO, "containerd.io/gc.root=yes");
                return ctr.run("-n", namespace, "content", "ls", "-q", "labels.\"containerd.io/gc.root\"==yes")
                        .out()
                        .contains(HELLO);
            });
        }
    }

    @Test
    void whatIsIngestedIsListedReadLabelledAndRemoved() throws InterruptedException {
        pair.succeeds("-n", "one", "content", "ls");
        ingest("one", "--expected-digest", HELLO, "--expected-size", "6", "a");
        pair.succeeds(AGES, "-n", "one", "content", "ls");
        assertThat(pair.succeeds("-n", "one", "content", "ls", "-q").text()).isEqualTo(HELLO);
        assertThat(pair.succeeds("-n", "one", "content", "get", HELLO).out()).isEqualTo("hello\n");
        label("one", "a=b", "c=d");
        pair.succeeds(AGES, "-n", "one", "content", "ls", "labels.a==b");
        pair.succeeds(AGES, "-n", "one", "content", "ls", "labels.a==c", "digest~=^sha512");
        label("one", "a=");
        pair.succeeds(AGES, "-n", "one", "content", "ls");
        pair.succeeds("-n", "one", "content", "rm", HELLO);
        pair.succeeds("-n", "one", "content", "ls", "-q");
    }

    /** containerd gives the room back with some later collection. */
    @Test
    void bytesOfWhatIsRemovedGoSoon() throws IOException, InterruptedException {
        Path bytes = Files.writeString(pair.berth().folder().resolve("gone"), "of nobody else\n");
        pair.ours().run(bytes, "-n", "gone", "content", "ingest", "a");
        String digest = pair.ours().run("-n", "gone", "content", "ls", "-q").text();
        Path file = pair.berth().root().resolve("blobs/sha256").resolve(digest.substring("sha256:".length()));
        assertThat(file).hasContent("of nobody else");
        assertThat(pair.ours().run("-n", "gone", "content", "rm", digest).exit())
                .isZero();
        Berth.until("its file is gone", Berth.LIMIT, () -> !Files.exists(file));
    }

    @Test
    void bytesAreSharedAndRecordsAreNot() throws InterruptedException {
        ingest("two", "--expected-digest", HELLO, "--expected-size", "6", "a");
        assertThat(pair.succeeds("-n", "three", "content", "ls", "-q").text()).isEmpty();
        pair.refused("not found", "-n", "three", "content", "get", HELLO);
        ingest("three", "--expected-digest", HELLO, "--expected-size", "6", "a");
        pair.succeeds("-n", "two", "content", "rm", HELLO);
        assertThat(pair.succeeds("-n", "three", "content", "get", HELLO).out()).isEqualTo("hello\n");
        ingest("three", "again"); // what is there already is no error
    }

    @Test
    void whatWasBrokenOffIsActiveInItsNamespace() {
        pair.same(new CtrMask[0], hello, "-n", "four", "content", "ingest", "--expected-size", "3", "short");
        pair.succeeds(AGES, "-n", "four", "content", "active");
        pair.succeeds("-n", "five", "content", "active");
        pair.same(new CtrMask[0], hello, "-n", "four", "content", "ingest", "--expected-size", "9", "long");
        pair.refused(
                "failed precondition", hello, "-n", "four", "content", "ingest", "--expected-digest", NOTHING, "else");
        assertThat(active(pair.ours())).isEqualTo(active(pair.theirs())).contains("short", "long", "else");
    }

    /** The references, in order: ctr prints them as they come. */
    private static List<String> active(Ctr ctr) {
        return ctr.run("-n", "four", "content", "active")
                .text()
                .lines()
                .map(line -> line.replaceAll("\\t.*", ""))
                .sorted()
                .toList();
    }

    /** Labels on both; ctr prints them in an order that is never the same. */
    private void label(String namespace, String... labels) {
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            String[] command = {"-n", namespace, "content", "label", HELLO};
            ctr.run(Stream.concat(Stream.of(command), Stream.of(labels)).toArray(String[]::new))
                    .text();
        }
    }

    /** ctr compares the digest that a commit is answered with. */
    @Test
    void digestsOfTheOtherKind() {
        String longer = "sha512:e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931"
                + "f94aae41edda2c2b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629";
        pair.both(
                ctr -> ctr.run(hello, "-n", "seven", "content", "ingest", "--expected-digest", longer, "a"),
                "content",
                "ingest");
        for (Ctr ctr : List.of(pair.ours(), pair.theirs())) {
            ctr.run("-n", "seven", "content", "label", longer, "containerd.io/gc.root=yes");
        }
        assertThat(pair.succeeds("-n", "seven", "content", "get", longer).out()).isEqualTo("hello\n");
        pair.succeeds("-n", "seven", "content", "rm", longer);
    }

    @Test
    void whatIsWrongIsRefusedAlike() {
        pair.refused("not found", "content", "get", NOTHING);
        pair.refused("not found", "content", "label", NOTHING, "a=b");
        pair.refused("invalid argument", "content", "ls", "labels.x=y");
        pair.refused("invalid argument", "-n", "not/a/name", "content", "ls");
        pair.same("content", "get");
        pair.same("content", "get", "nonsense");
        pair.same("content", "rm", NOTHING);
    }

    @Test
    void anImageIsFetchedFromARegistry() {
        String image = pair.berth().image("busybox");
        Berth.Result ours = pair.ours().run("-n", "six", "content", "fetch", "--plain-http", image);
        Berth.Result theirs = pair.theirs().run("-n", "six", "content", "fetch", "--plain-http", image);
        assertThat(ours.exit()).as(ours.err()).isEqualTo(theirs.exit()).isZero();
        pair.succeeds("-n", "six", "content", "ls", "-q");
        pair.succeeds(AGES, "-n", "six", "content", "ls");
        pair.succeeds("-n", "six", "images", "ls", "-q");
        pair.succeeds("-n", "six", "content", "prune", "references");
        pair.succeeds("-n", "six", "content", "ls", "-q");
    }
}
