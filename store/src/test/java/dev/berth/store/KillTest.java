package dev.berth.store;

import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.bytes;
import static dev.berth.store.StoreRoot.descriptor;
import static dev.berth.store.StoreRoot.digest;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Another process uses the root: it is killed while it writes, or it comes second. */
final class KillTest {
    private static final int ROUNDS = 5;

    @TempDir
    Path root;

    private final List<Process> started = new ArrayList<>();

    @AfterEach
    void endProcesses() {
        started.forEach(Process::destroyForcibly);
    }

    @Test
    void whatWasConfirmedIsThereAfterKillMinusNine() throws Exception {
        int next = 0;
        for (int round = 1; round <= ROUNDS; round++) {
            Process child = start(Integer.toString(next));
            int last = next;
            try (BufferedReader confirmed = child.inputReader()) {
                for (int lines = 0; lines < 20 * round; lines++) {
                    last = Integer.parseInt(confirmed.readLine());
                }
                child.destroyForcibly();
            }
            child.waitFor();
            check(last);
            next = last + 1000 * round; // a number that the killed one cannot have reached unheard
        }
    }

    @Test
    void theSecondOneIsRefusedWithTheNameOfTheFirst() throws Exception {
        try (Store store = StoreRoot.open(root)) {
            Process child = start("0");
            String message = child.inputReader().readLine();
            assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(message)
                    .startsWith("FAILED_PRECONDITION ")
                    .contains("another berth uses it (pid "
                            + ProcessHandle.current().pid() + ")");
            store.metadata().apply(Durability.PROCESS, r -> r.leases().create(Leases.Lease.of(K8S, "still works")));
        }
    }

    private void check(int last) {
        try (Store store = StoreRoot.open(root)) {
            assertThat(store.metadata()
                            .<Boolean>read(
                                    r -> r.containers().find(K8S, "c" + last).isPresent()))
                    .as("record " + last)
                    .isTrue();
            for (Digest digest : store.metadata().read(r -> r.contents().digests())) {
                store.blobs().read(digest, 100);
            }
        }
    }

    private Process start(String first) throws IOException {
        Process child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-Xmx64m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Writing.class.getName(),
                        root.toString(),
                        first)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        started.add(child);
        return child;
    }

    /** The child: writes and says what is done, for ever. */
    static final class Writing {
        private Writing() {}

        public static void main(String[] arguments) {
            try (Store store = StoreRoot.open(Path.of(arguments[0]))) {
                for (int i = Integer.parseInt(arguments[1]); ; i++) {
                    write(store, i);
                    System.out.println(i);
                }
            } catch (Fault e) {
                System.out.println(e.code() + " " + e.getMessage());
            }
        }

        private static void write(Store store, int number) {
            String text = "blob " + number;
            store.blobs().put(bytes(text));
            Durability durability = number % 3 == 0 ? Durability.POWER : Durability.PROCESS;
            if (durability == Durability.POWER) {
                store.blobs().flush();
            }
            store.metadata().apply(durability, r -> {
                r.containers()
                        .create(ContainerRecord.of(K8S, "c" + number)
                                .spec(Payload.of(new byte[20_000]))
                                .build());
                if (durability == Durability.POWER) {
                    r.contents().put(K8S, digest(text), text.length(), Map.of());
                    r.images().create(ImageRecord.of(K8S, "image " + number, descriptor(text), Map.of()));
                }
            });
        }
    }
}
