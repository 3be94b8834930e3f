package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.RemoveImageRequest;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The plug is pulled while images come and go: the daemon's disk is a file on btrfs, which is cloned at some moment, as a whole and at
 * once. What the clone lists is whole to the byte, and what was pulled before and not removed since is listed.
 */
@ExtendWith(Leaks.class)
class PullPowerTest {
    private static final long BTRFS_BYTES = 4L << 30;
    private static final long DISK_BYTES = 1L << 30;
    private static final int CUTS = 5;
    private static final int LONGEST_MILLIS = 1200;
    private static final Ticker TICKER = Ticker.system();

    private Berth berth;
    private WholeImages images;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        assumeTrue(Berth.run(List.of("which", "mkfs.btrfs")).exit() == 0, "mkfs.btrfs is missing (btrfs-progs)");
        assumeTrue(Berth.read(Path.of("/proc/filesystems")).contains("btrfs"), "the kernel has no btrfs");
        assumeTrue(Files.exists(Path.of("/dev/loop-control")), "there are no loop devices");
        berth = Berth.start("", "", PullPowerTest::mount);
        images = new WholeImages(berth.registry(), 5, 60_000);
    }

    private static void mount(Path own) throws IOException {
        Path below = Files.createDirectory(own.resolve("btrfs"));
        file(own.resolve("btrfs.img"), BTRFS_BYTES);
        run("mkfs.btrfs", "-q", own.resolve("btrfs.img").toString());
        run("mount", "-o", "loop", own.resolve("btrfs.img").toString(), below.toString());
        Path disk = below.resolve("disk.img");
        file(disk, DISK_BYTES);
        run("mkfs.ext4", "-q", "-F", disk.toString());
        Path root = Files.createDirectory(own.resolve("root"));
        run("mount", "-o", "loop", disk.toString(), root.toString()); // the loop devices go with the mounts
        Files.createDirectory(own.resolve("clone"));
    }

    private static void file(Path path, long bytes) throws IOException {
        try (var file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(bytes);
        }
    }

    private static void run(String... command) {
        Berth.Result result = Berth.run(List.of(command));
        assertThat(result.exit())
                .as(String.join(" ", command) + ": " + result.err())
                .isZero();
    }

    @AfterEach
    void stop() throws IOException, InterruptedException {
        if (berth == null) {
            return;
        }
        berth.kill();
        Berth.run(List.of("umount", "-l", berth.folder().resolve("clone").toString()));
        Berth.run(List.of("umount", "-l", berth.folder().resolve("root").toString()));
        Berth.until(
                "nobody uses the disk",
                Berth.LIMIT,
                () -> !Berth.read(Path.of("/proc/mounts"))
                                .contains(berth.folder().resolve("btrfs").toString())
                        || Berth.run(List.of(
                                                "umount",
                                                berth.folder().resolve("btrfs").toString()))
                                        .exit()
                                == 0);
        berth.launch();
        berth.close();
    }

    @Test
    void whatIsListedIsWhole() throws Exception {
        long seed = Long.getLong("berth.seed", ProcessHandle.current().pid());
        System.out.println("[bt] seed " + seed);
        var random = new Random(seed);
        var busy = new AtomicBoolean(true);
        Map<String, Long> pulled = new ConcurrentHashMap<>(); // when; and no removal of it has begun
        int wholes = 0;
        Path archive = berth.folder().resolve("images.tar");
        boolean ctr = Peers.path("ctr").isPresent() && export(archive);
        try (var threads = Executors.newCachedThreadPool()) {
            Future<?> load = threads.submit(() -> {
                comeAndGo(new Random(seed), busy, pulled);
                return null;
            });
            Future<?> archives = threads.submit(() -> {
                while (ctr && busy.get()) {
                    importAndRemove(archive, pulled);
                }
                return null;
            });
            try {
                for (int cut = 0; cut < CUTS; cut++) {
                    TICKER.sleep(Duration.ofMillis(200 + random.nextInt(LONGEST_MILLIS)));
                    wholes += cut(pulled, seed);
                }
            } finally {
                busy.set(false);
            }
            load.get();
            archives.get();
        }
        System.out.println("[bt] images found whole after " + CUTS + " cuts: " + wholes);
    }

    /** The image that only comes out of an archive. */
    private String imported() {
        return images.names().getLast();
    }

    private boolean export(Path archive) {
        try (GrpcPods pods = new GrpcPods(berth)) {
            pods.pull(imported());
        }
        ctr("images", "export", archive.toString(), imported());
        ctr("images", "rm", "--sync", imported());
        return true;
    }

    private void importAndRemove(Path archive, Map<String, Long> pulled) throws InterruptedException {
        ctr("images", "import", archive.toString());
        pulled.put(imported(), TICKER.nanos());
        TICKER.sleep(Duration.ofMillis(LONGEST_MILLIS)); // so that a cut may need it
        pulled.remove(imported());
        ctr("images", "rm", "--sync", imported());
    }

    private void ctr(String... arguments) {
        List<String> words = new ArrayList<>(List.of("--namespace", "k8s.io"));
        words.addAll(List.of(arguments));
        new Ctr(berth.state().resolve("berth.sock"))
                .run(words.toArray(String[]::new))
                .text(); // or it fails with what it said
    }

    private void comeAndGo(Random random, AtomicBoolean busy, Map<String, Long> pulled) {
        try (GrpcPods pods = new GrpcPods(berth)) {
            while (busy.get()) {
                String name = images.names().get(random.nextInt(images.names().size() - 1));
                if (pulled.containsKey(name)) {
                    pulled.remove(name);
                    var _ = pods.images()
                            .removeImage(RemoveImageRequest.newBuilder()
                                    .setImage(ImageSpec.newBuilder().setImage(name))
                                    .build());
                } else {
                    pods.pull(name);
                    pulled.put(name, TICKER.nanos());
                }
            }
        }
    }

    /** One pulled plug: answers how many images were listed. */
    private int cut(Map<String, Long> pulled, long seed) throws IOException {
        Path clone = berth.folder().resolve("btrfs/clone.img");
        Map<String, Long> before = new HashMap<>(pulled);
        run("cp", "--reflink=always", berth.folder().resolve("btrfs/disk.img").toString(), clone.toString());
        before.entrySet().retainAll(pulled.entrySet()); // what was there all the time
        Path at = berth.folder().resolve("clone");
        run("mount", "-o", "loop", clone.toString(), at.toString());
        try {
            WholeImages.Left left = images.check(at);
            assertThat(left.names())
                    .as("what was pulled before the cut, seed " + seed)
                    .containsAll(before.keySet());
            return left.names().size();
        } finally {
            run("umount", at.toString());
            Files.delete(clone);
        }
    }
}
