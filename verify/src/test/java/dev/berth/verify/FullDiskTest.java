package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.ImageBuilder.Built;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ExecSyncResponse;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.RemoveContainerRequest;
import dev.berth.wire.cri.RemoveImageRequest;
import dev.berth.wire.cri.StopContainerRequest;
import io.grpc.Status;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** A daemon whose root is a small disk of its own, which is full: what goes on, what is refused, what comes back. */
@ExtendWith(Leaks.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FullDiskTest {
    private static final long DISK_BYTES = 160 << 20;
    private static final int LAYER_BYTES = 12 << 20;
    /** The image twice: packed and unpacked. */
    private static final long IMAGE_BYTES = 2L * 2 * LAYER_BYTES;
    /** The metadata grows a little. */
    private static final long TOLERANCE = 1 << 20;

    private Berth berth;
    private GrpcPods pods;
    private Path ballast;
    private String target;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        Peers.need("ctr");
        berth = Berth.start(
                "",
                "[network]\nmode = \"builtin\"\nbridge = \"%1$s\"\nsubnets = [\"10.88.%2$d.0/24\"]\n",
                FullDiskTest::mount);
        pods = new GrpcPods(berth);
        ballast = berth.root().resolve("ballast");
        Built large = large();
        target = large.target().digest().toString();
        berth.registry().add("large", "latest", large);
        pods.pull(berth.image("busybox"));
    }

    private static void mount(Path folder) throws IOException {
        Path image = folder.resolve("disk.img");
        try (var file = new java.io.RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(DISK_BYTES);
        }
        Path root = Files.createDirectory(folder.resolve("root"));
        run("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", image.toString());
        run("mount", "-o", "loop", image.toString(), root.toString()); // the loop device goes with the mount
    }

    private static void run(String... command) {
        Berth.Result result = Berth.run(List.of(command));
        assertThat(result.exit()).as(result.err()).isZero();
    }

    private static Built large() {
        var builder = new ImageBuilder();
        for (int i = 0; i < 2; i++) {
            byte[] noise = new byte[LAYER_BYTES];
            new Random(i).nextBytes(noise);
            builder.layer(new LayerBuilder().file("noise" + i, 0644, noise).gzip());
        }
        return builder.build();
    }

    @AfterEach
    void room() throws IOException {
        Files.deleteIfExists(ballast);
        pods.removeAll();
    }

    /** A reset empties a disk of its own and leaves it where it is mounted. */
    @AfterAll
    void stop() throws IOException, InterruptedException {
        if (berth == null) {
            return;
        }
        try {
            pods.close();
            berth.daemon().destroy();
            assertThat(berth.daemon().waitFor()).isNotNegative();
            Berth.Result reset = Berth.run(
                    Berth.berth("reset", "--yes", "--config", berth.config().toString())
                            .command());
            assertThat(reset.exit()).as(reset.out() + reset.err()).isZero();
            assertThat(berth.root()).isEmptyDirectory();
        } finally {
            Berth.run(List.of("umount", "-l", berth.root().toString()));
            berth.close();
        }
    }

    private long free() throws IOException {
        FileStore store = Files.getFileStore(berth.root());
        return store.getUsableSpace();
    }

    /** Takes room until so much is left; zero is to the last block. */
    private void leave(long bytes) throws IOException {
        byte[] zeros = new byte[1 << 16];
        try (OutputStream file = Files.newOutputStream(ballast)) {
            while (free() > bytes) {
                file.write(zeros, 0, (int) Math.max(1, Math.min(zeros.length, free() - bytes)));
            }
        } catch (IOException full) {
            assertThat(full).hasMessageContaining("No space left");
        }
    }

    private PodSandboxConfig pod(String name) throws IOException {
        return pods.pod(name)
                .setLogDirectory(
                        Files.createDirectories(berth.root().resolve("podlogs")).toString())
                .build();
    }

    private String log(String name) {
        return Berth.read(berth.root().resolve("podlogs").resolve(name + ".log"));
    }

    private String startedIn(String pod, String name, String script) {
        String id = pods.create(pod, pods.container(name, "sh", "-c", script).build());
        pods.start(id);
        return id;
    }

    private String exec(String id, String... command) {
        ExecSyncResponse said = pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(id)
                        .addAllCmd(List.of(command))
                        .setTimeout(20)
                        .build());
        return said.getStdout().toStringUtf8() + said.getStderr().toStringUtf8();
    }

    @Test
    void anImageThatDoesNotFit() throws Exception {
        String pod = pods.run(pod("beside"), "");
        startedIn(pod, "beside", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done");
        leave(IMAGE_BYTES / 2);
        long before = free();
        String large = berth.image("large");
        for (int i = 0; i < 2; i++) {
            GrpcPods.refused(
                    Status.Code.RESOURCE_EXHAUSTED, () -> pods.pull(large), large, "disk is full", "Make room");
            assertThat(free()).isGreaterThan(before - TOLERANCE);
        }
        int lines = log("beside").length();
        Berth.until("the log goes on", Berth.LIMIT, () -> log("beside").length() > lines);
        Files.delete(ballast);
        pods.pull(large);
        var _ = pods.images()
                .removeImage(RemoveImageRequest.newBuilder()
                        .setImage(ImageSpec.newBuilder().setImage(large))
                        .build());
        pods.remove(pod);
    }

    /** The same over containerd's API: what is refused leaves nothing, and what was there is whole. */
    @Test
    void whatClientsOfContainerdWrite() throws Exception {
        Ctr ctr = new Ctr(berth.state().resolve("berth.sock"));
        String large = berth.image("large");
        Path archive = berth.folder().resolve("large.tar");
        does(ctr, "content", "fetch", "--plain-http", large);
        does(ctr, "images", "export", archive.toString(), large);
        Path noise = berth.folder().resolve("noise");
        byte[] bytes = new byte[LAYER_BYTES];
        new Random(7).nextBytes(bytes);
        Files.write(noise, bytes);

        leave(LAYER_BYTES / 2);
        long before = free();
        refused(before, ctr.run("snapshots", "unpack", target));
        refused(before, ctr.run(noise, "content", "ingest", "noise"));
        assertThat(ctr.run("content", "active").text().lines()).hasSize(1);
        Files.delete(ballast);
        does(ctr, "images", "check", "name==" + large);
        does(ctr, "images", "export", berth.folder().resolve("again.tar").toString(), large);
        assertThat(Files.mismatch(archive, berth.folder().resolve("again.tar"))).isEqualTo(-1);
        does(ctr, "images", "rm", "--sync", large);

        leave(IMAGE_BYTES / 2);
        refused(free(), ctr.run("images", "import", archive.toString()));
        assertThat(ctr.run("images", "ls", "-q").text()).isEmpty();
        assertThat(ctr.run("snapshots", "ls").text().lines()).hasSize(1);
        Files.delete(ballast);

        leave(0);
        int made = 0;
        Berth.Result prepared = ctr.run("snapshots", "prepare", "made" + made);
        while (prepared.exit() == 0) { // until the last block is gone
            made++;
            prepared = ctr.run("snapshots", "prepare", "made" + made);
        }
        assertThat(prepared.err()).contains("disk is full", "resource exhausted");
        assertThat(ctr.run("snapshots", "ls").text().lines()).hasSize(1 + made);
        Files.delete(ballast);
        for (int i = 0; i < made; i++) {
            does(ctr, "snapshots", "rm", "made" + i);
        }
        does(ctr, "images", "import", archive.toString());
        does(ctr, "images", "rm", "--sync", large);
    }

    private static void does(Ctr ctr, String... arguments) {
        Berth.Result result = ctr.run(arguments);
        assertThat(result.exit())
                .as(String.join(" ", arguments) + ": " + result.err())
                .isZero();
    }

    /** For want of room, and then there is as much of it as before. */
    private void refused(long before, Berth.Result result) throws InterruptedException {
        assertThat(result.exit()).isNotZero();
        assertThat(result.err()).contains("disk is full", "resource exhausted");
        Berth.until("the room is back", Berth.LIMIT, () -> spare() > before - TOLERANCE);
    }

    private long spare() {
        try {
            return free();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void notABlockIsFree() throws Exception {
        String stays = pods.run(pod("stays"), "");
        String writer = startedIn(stays, "stays", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done");
        String goes = pods.run(pod("goes"), "");
        String container = startedIn(goes, "goes", "sleep 1000");
        Berth.until("there are lines", Berth.LIMIT, () -> log("stays").contains("line 3\n"));
        leave(0);
        assertThat(berth.crictl("pods").text()).contains("stays", "goes");
        assertThat(berth.crictl("ps").text()).contains("stays", "goes");
        assertThat(berth.crictl("inspect", container).text()).contains("CONTAINER_RUNNING");
        assertThat(berth.crictl("stats").text()).contains("stays");
        assertThat(berth.crictl("imagefsinfo").exit()).isZero();
        assertThat(exec(writer, "echo", "hello")).isEqualTo("hello\n");
        stop(container);
        remove(container);
        pods.stop(goes);
        pods.remove(goes);
        assertThat(berth.crictl("pods").text()).doesNotContain("goes");
        String last = log("stays");
        Files.delete(ballast);
        Berth.until("the log goes on", Berth.LIMIT, () -> log("stays").length() > last.length());
        assertThat(log("stays").lines()).allMatch(line -> line.matches("\\S+ stdout F line [0-9]+"));
        String again = pods.run(pod("again"), "");
        startedIn(again, "again", "sleep 1000");
    }

    private void stop(String container) {
        var _ = pods.runtime()
                .stopContainer(StopContainerRequest.newBuilder()
                        .setContainerId(container)
                        .build());
    }

    private void remove(String container) {
        var _ = pods.runtime()
                .removeContainer(RemoveContainerRequest.newBuilder()
                        .setContainerId(container)
                        .build());
    }

    @Test
    void aContainerThatFillsItsOwnLayer() throws Exception {
        String pod = pods.run(pod("greedy"), "");
        long before = free();
        String greedy = startedIn(pod, "greedy", "while :; do cat /dev/zero >>/hoard; sleep 0.1; done");
        Berth.until("the disk is full", Berth.LIMIT, () -> {
            try {
                return free() < 1 << 16;
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        assertThat(berth.crictl("ps").text()).contains("greedy");
        stop(greedy);
        remove(greedy);
        pods.stop(pod);
        pods.remove(pod);
        Berth.until("the room is back", Berth.LIMIT, () -> {
            try {
                return free() > before - TOLERANCE;
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
    }
}
