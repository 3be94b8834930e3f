package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** ctr's commands about leases, containers as records, and events, compared with containerd. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CtrRecordsTest {
    private static final CtrMask[] TIMES = {CtrMask.TIME};

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

    @Test
    void leases() {
        pair.succeeds("leases", "ls");
        pair.succeeds("leases", "create", "--id", "one", "a=b");
        pair.succeeds("leases", "create", "--id", "two", "--expires", "0");
        pair.refused("already exists", "leases", "create", "--id", "one");
        pair.succeeds(TIMES, "leases", "ls");
        pair.succeeds(TIMES, "leases", "ls", "labels.a==b");
        pair.succeeds("leases", "ls", "-q", "id==two");
        pair.refused("invalid argument", "leases", "ls", "id=two");
        assertThat(pair.ours().run("leases", "create").text())
                .as("an id by chance")
                .isNotEmpty();
        pair.succeeds("leases", "delete", "--sync", "one");
        pair.succeeds("leases", "delete", "two");
        pair.refused("not found", "leases", "delete", "two");
    }

    @Test
    void aNamespaceWithRecordsStays() {
        pair.succeeds("-n", "full", "leases", "create", "--id", "one");
        pair.succeeds("-n", "full", "containers", "create", "--rootfs", "/nowhere", "c");
        Berth.Result ours = pair.ours().run("namespaces", "rm", "full");
        Berth.Result theirs = pair.theirs().run("namespaces", "rm", "full");
        assertThat(ours.exit()).isEqualTo(theirs.exit()).isNotZero();
        pair.succeeds("-n", "full", "containers", "rm", "c");
        pair.succeeds("-n", "full", "leases", "delete", "one");
        pair.succeeds("namespaces", "rm", "full");
    }

    @Test
    void containersAsRecords() {
        pair.succeeds("containers", "ls");
        pair.succeeds("containers", "create", "--rootfs", "--label", "a=b", "/nowhere", "one", "sh", "-c", "true");
        pair.refused("already exists", "containers", "create", "--rootfs", "/nowhere", "one");
        pair.succeeds("containers", "ls");
        pair.succeeds("containers", "ls", "-q", "labels.a==b");
        pair.succeeds("containers", "ls", "-q", "labels.a==c");
        pair.succeeds(TIMES, "containers", "info", "one");
        pair.succeeds("containers", "label", "one", "c=d", "a=");
        pair.succeeds(TIMES, "containers", "info", "one");
        pair.refused("not found", "containers", "info", "two");
        pair.refused("not found", "containers", "rm", "two");
        pair.succeeds("containers", "rm", "one");
        pair.succeeds("containers", "ls");
    }

    @Test
    void eventsOfAllThatChanges() throws IOException, InterruptedException {
        Path hello = Files.writeString(pair.berth().folder().resolve("hello"), "hello\n");
        assertThat(heard(pair.ours(), ctr -> makeAndRemove(ctr, hello)))
                .isEqualTo(heard(pair.theirs(), ctr -> makeAndRemove(ctr, hello)));
    }

    private static void makeAndRemove(Ctr ctr, Path hello) {
        ctr.run("namespaces", "label", "heard", "c=d").text();
        ctr.run(hello, "-n", "heard", "content", "ingest", "it").text();
        String digest = ctr.run("-n", "heard", "content", "ls", "-q").text();
        ctr.run("-n", "heard", "content", "rm", digest).text();
        ctr.run("-n", "heard", "containers", "create", "--rootfs", "/nowhere", "one")
                .text();
        ctr.run("-n", "heard", "containers", "label", "one", "x=y").text();
        ctr.run("-n", "heard", "containers", "rm", "one").text();
    }

    /** Layers are unpacked in an order of our own; what is told of names comes in theirs. */
    @Test
    void eventsOfAPull() throws IOException, InterruptedException {
        List<String> ours = heard(pair.ours(), this::pullTwice);
        List<String> theirs = heard(pair.theirs(), this::pullTwice);
        for (String topic : List.of("/content/", "/images/")) {
            assertThat(about(topic, ours)).isEqualTo(about(topic, theirs));
        }
        assertThat(ours).anyMatch(it -> it.contains("\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\""));
    }

    private void pullTwice(Ctr ctr) {
        String image = pair.berth().image("busybox");
        ctr.run("-n", "heard", "images", "pull", "--plain-http", image).text();
        ctr.run("-n", "heard", "images", "pull", "--plain-http", image).text();
        ctr.run("-n", "heard", "images", "tag", image, "docker.io/library/other:v1")
                .text();
        ctr.run("-n", "heard", "images", "rm", "--sync", image, "docker.io/library/other:v1")
                .text();
    }

    private static List<String> about(String topic, List<String> events) {
        var about = events.stream().filter(it -> it.contains(topic));
        return topic.equals("/content/") ? about.sorted().toList() : about.toList();
    }

    /** What a client hears while some things are made and removed: only of its own namespace, and without the times. */
    private List<String> heard(Ctr ctr, Consumer<Ctr> work) throws IOException, InterruptedException {
        Path heard =
                pair.berth().folder().resolve("heard" + ctr.socket().toString().hashCode());
        Process listening = new ProcessBuilder(ctr.command("events", "namespace==heard", "namespace==probe"))
                .redirectErrorStream(true)
                .redirectOutput(heard.toFile())
                .start();
        try {
            Berth.until("it listens", Berth.LIMIT, () -> {
                ctr.run("namespaces", "create", "probe");
                ctr.run("namespaces", "rm", "probe");
                return Berth.read(heard).contains("/namespaces/create");
            });
            ctr.run("namespaces", "create", "heard").text();
            work.accept(ctr);
            Berth.until("the namespace is empty", Berth.LIMIT, () -> {
                ctr.run("-n", "heard", "leases", "create", "--id", "collect");
                ctr.run("-n", "heard", "leases", "rm", "--sync", "collect");
                return ctr.run("namespaces", "rm", "heard").exit() == 0;
            });
            Berth.until(
                    "all is heard",
                    Berth.LIMIT,
                    () -> Berth.read(heard).contains("/namespaces/delete {\"name\":\"heard\"}"));
        } finally {
            listening.destroy();
            Berth.ended(listening);
        }
        return Berth.read(heard)
                .lines()
                .filter(line -> line.contains(" heard /"))
                .map(line -> line.substring(line.indexOf(" heard /")))
                .toList();
    }
}
