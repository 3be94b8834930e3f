package dev.berth.store;

import static dev.berth.store.StoreRoot.K8S;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.CrashingDisk;
import dev.berth.kernel.NioDisk;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The database's log is cut or scribbled on: what comes before the damage is there, nothing after it is, no half of anything. */
final class TornLogTest {
    private static final int TRANSACTIONS = 12;

    @TempDir
    Path directory;

    private int places;

    @Test
    void aLogCutAnywhereGivesAPrefix() throws IOException {
        Path left = written();
        long size = Files.size(log(left));
        int before = TRANSACTIONS;
        for (long cut = size; cut > 0; cut -= size / 40) {
            Path root = copy(left);
            try (RandomAccessFile log = new RandomAccessFile(log(root).toFile(), "rw")) {
                log.setLength(cut);
            }
            int found = prefix(root);
            assertThat(found).as("after a cut at " + cut).isLessThanOrEqualTo(before);
            before = found;
        }
        assertThat(before).isZero();
    }

    @Test
    void aLogScribbledOnGivesAPrefix() throws IOException {
        Path left = written();
        long seed = 20260301;
        Random random = new Random(seed);
        int whole = 0;
        for (int i = 0; i < 40; i++) {
            Path root = copy(left);
            try (RandomAccessFile log = new RandomAccessFile(log(root).toFile(), "rw")) {
                long at = (long) (log.length() * random.nextDouble());
                log.seek(at);
                int old = log.read();
                log.seek(at);
                log.write(old ^ 0x55);
            }
            whole += prefix(root) == TRANSACTIONS ? 1 : 0;
        }
        assertThat(whole).as("runs that did not notice, seed " + seed).isLessThan(10);
    }

    private Path written() throws IOException {
        CrashingDisk disk = new CrashingDisk(new NioDisk(), directory.resolve("root"), Integer.MAX_VALUE);
        try (Store store = StoreRoot.open(disk.root(), disk)) {
            for (int i = 0; i < TRANSACTIONS; i++) {
                int number = i;
                store.metadata().apply(Durability.PROCESS, r -> {
                    r.sandboxes()
                            .create(SandboxRecord.of(K8S, "s" + number)
                                    .spec(Payload.of(new byte[3000 * number]))
                                    .build());
                    r.containers()
                            .create(ContainerRecord.of(K8S, "c" + number)
                                    .sandbox("s" + number)
                                    .build());
                });
            }
            Path left = disk.copyAfterKill(directory.resolve("left"));
            cutKeptRoom(log(left));
            return left;
        }
    }

    /** The zeros behind the log say nothing. */
    private static void cutKeptRoom(Path log) throws IOException {
        byte[] bytes = Files.readAllBytes(log);
        int end = bytes.length;
        while (bytes[end - 1] == 0) {
            end--;
        }
        Files.write(log, Arrays.copyOf(bytes, end));
    }

    private static int prefix(Path root) {
        try (Store store = StoreRoot.open(root)) {
            return store.metadata().read(r -> {
                List<ContainerRecord> containers = r.containers().list(K8S);
                List<SandboxRecord> sandboxes = r.sandboxes().list(K8S);
                List<String> expected = IntStream.range(0, containers.size())
                        .mapToObj(i -> "s" + i)
                        .toList();
                assertThat(containers.stream().map(ContainerRecord::sandboxId))
                        .containsExactlyInAnyOrderElementsOf(expected);
                assertThat(sandboxes.stream().map(SandboxRecord::id)).containsExactlyInAnyOrderElementsOf(expected);
                return containers.size();
            });
        }
    }

    private Path copy(Path left) throws IOException {
        Path copy = directory.resolve("copy-" + places++);
        return new CrashingDisk(new NioDisk(), left, Integer.MAX_VALUE).copyAfterKill(copy);
    }

    private static Path log(Path root) {
        return root.resolve("meta/berth.db-wal");
    }
}
