package dev.berth.store;

import static dev.berth.store.StoreRoot.K8S;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.oci.Digest;
import dev.berth.store.Store.Finding;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
            Process child = start(next);
            int last = next;
            try (BufferedReader confirmed = child.inputReader()) {
                for (int lines = 0; lines < 20 * round; lines++) {
                    String[] words = confirmed.readLine().split(" ", -1);
                    last = Integer.parseInt(words[1]);
                }
                child.destroyForcibly();
            }
            child.waitFor();
            check(next, last);
            next = last + 1000 * round; // a number that the killed one cannot have reached unheard
        }
    }

    @Test
    void theSecondOneIsRefusedWithTheNameOfTheFirst() throws Exception {
        try (Store store = StoreRoot.open(root)) {
            Process child = start(0);
            String message = child.inputReader().readLine();
            assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(message)
                    .startsWith("FAILED_PRECONDITION ")
                    .contains("another berth uses it (pid "
                            + ProcessHandle.current().pid() + ")");
            store.metadata().apply(Durability.PROCESS, r -> r.leases().create(Leases.Lease.of(K8S, "still works")));
        }
    }

    private void check(int first, int last) {
        try (Store store = StoreRoot.open(root)) {
            for (int i = first; i <= last; i++) {
                String id = "c" + i;
                assertThat(store.metadata()
                                .<Boolean>read(r -> r.containers().find(K8S, id).isPresent()))
                        .as(id)
                        .isTrue();
            }
            for (Digest digest : store.metadata().read(r -> r.contents().digests())) {
                store.blobs().read(digest, 100);
            }
            assertThat(store.check(true)).extracting(Finding::kind).doesNotContain("database", "record", "blob");
        }
    }

    private Process start(int first) throws IOException {
        Process child = EndlessWriter.command(root, first).start();
        started.add(child);
        return child;
    }
}
