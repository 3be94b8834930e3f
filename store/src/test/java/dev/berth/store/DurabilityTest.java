package dev.berth.store;

import static dev.berth.store.BlobsTest.has;
import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.bytes;
import static dev.berth.store.StoreRoot.digest;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.NioDisk;
import dev.berth.kernel.PassingDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who waits for the disk, and what happens when it refuses. */
@Timeout(60)
final class DurabilityTest {
    /** A disk whose syncs of the log can be held up, counted and refused. */
    private static final class SlowDisk extends PassingDisk {
        private final CountDownLatch reached = new CountDownLatch(1);
        private final AtomicInteger logSyncs = new AtomicInteger();
        private final AtomicBoolean refusing = new AtomicBoolean();
        private volatile CountDownLatch open = new CountDownLatch(0);

        SlowDisk() {
            super(new NioDisk());
        }

        @Override
        public void sync(Path file) throws IOException {
            if (file.toString().endsWith("-wal")) {
                logSyncs.incrementAndGet();
                reached.countDown();
                Waiting.uninterrupted(() -> open.await(30, TimeUnit.SECONDS));
            }
            if (refusing.get()) {
                throw new IOException("Input/output error");
            }
            super.sync(file);
        }
    }

    @TempDir
    Path root;

    private final SlowDisk disk = new SlowDisk();

    @Test
    void aSlowFlushDelaysOnlyWhoAskedForItAndServesAllOfThem() throws Exception {
        try (Store store = StoreRoot.open(root, disk);
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            disk.open = new CountDownLatch(1);
            List<Future<?>> powerful = new ArrayList<>();
            powerful.add(threads.submit(() -> create(store, Durability.POWER, "first")));
            disk.reached.await();

            for (int i = 0; i < 50; i++) {
                create(store, Durability.PROCESS, "quick-" + i); // returns although the flush hangs
                String id = "slow-" + i;
                powerful.add(threads.submit(() -> create(store, Durability.POWER, id)));
            }
            assertThat(store.metadata().<List<Leases.Lease>>read(r -> r.leases().list(K8S)))
                    .hasSizeGreaterThan(50);
            assertThat(powerful).noneMatch(Future::isDone);

            disk.open.countDown();
            for (Future<?> one : powerful) {
                one.get();
            }
            assertThat(disk.logSyncs).as("flushes for 51 transactions").hasValueLessThan(20);
        }
    }

    @Test
    void afterAFailedFlushNothingIsWrittenUntilARestart() throws Exception {
        try (Store store = StoreRoot.open(root, disk)) {
            create(store, Durability.POWER, "before");
            disk.refusing.set(true);
            assertThatThrownBy(() -> create(store, Durability.POWER, "lost"))
                    .satisfies(has(Fault.Code.UNAVAILABLE))
                    .hasMessageContaining("restart");
            disk.refusing.set(false);
            assertThatThrownBy(() -> create(store, Durability.PROCESS, "refused"))
                    .satisfies(has(Fault.Code.UNAVAILABLE));
            assertThat(store.metadata()
                            .<Boolean>read(r -> r.leases().find(K8S, "before").isPresent()))
                    .isTrue();
        }
        try (Store store = StoreRoot.open(root, disk)) {
            create(store, Durability.POWER, "after");
        }
    }

    @Test
    void blobsThatCouldNotBeFlushedAreGone() {
        try (Store store = StoreRoot.open(root, disk)) {
            store.blobs().put(bytes("text"));
            assertThat(store.blobs().put(bytes("text")).size()).as("put again").isEqualTo(4);
            disk.refusing.set(true);
            assertThatThrownBy(() -> store.blobs().flush()).satisfies(has(Fault.Code.UNAVAILABLE));
            disk.refusing.set(false);
            assertThat(store.blobs().find(digest("text"))).isEmpty();
            store.blobs().put(bytes("text"));
            store.blobs().flush();
            assertThat(store.blobs().usage()).isEqualTo(new Blobs.Usage(1, 4));
        }
    }

    @Test
    void transactionsNeverRunOnVirtualThreads() throws InterruptedException, ExecutionException {
        try (Store store = StoreRoot.open(root, disk);
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Boolean> read = threads.submit(() ->
                    store.metadata().<Boolean>read(r -> Thread.currentThread().isVirtual()));
            Future<Boolean> write = threads.submit(() -> store.metadata()
                    .<Boolean>write(
                            Durability.POWER, r -> Thread.currentThread().isVirtual()));
            assertThat(read.get()).isFalse();
            assertThat(write.get()).isFalse();
        }
    }

    @Test
    void aClosedStoreSaysSoAndLeavesNoThread() {
        Store store = StoreRoot.open(root, disk);
        create(store, Durability.POWER, "one");
        store.close();
        assertThatThrownBy(() -> create(store, Durability.PROCESS, "two")).satisfies(has(Fault.Code.UNAVAILABLE));
        assertThatThrownBy(() -> store.metadata()
                        .<List<Leases.Lease>>read(r -> r.leases().list(K8S)))
                .satisfies(has(Fault.Code.UNAVAILABLE));
        store.close();
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.isAlive() && thread.getName().startsWith("store-"));
    }

    @Test
    void anInterruptDoesNotLeaveTheCallerInDoubt() throws InterruptedException {
        try (Store store = StoreRoot.open(root, disk)) {
            AtomicBoolean stillInterrupted = new AtomicBoolean();
            Thread caller = Thread.ofVirtual().start(() -> {
                Thread.currentThread().interrupt();
                create(store, Durability.POWER, "done");
                stillInterrupted.set(Thread.currentThread().isInterrupted());
            });
            caller.join();
            assertThat(stillInterrupted).isTrue();
            assertThat(store.metadata().<List<Leases.Lease>>read(r -> r.leases().list(K8S)))
                    .hasSize(1);
        }
    }

    private static Leases.Lease create(Store store, Durability durability, String id) {
        return store.metadata().write(durability, r -> r.leases().create(Leases.Lease.of(K8S, id)));
    }
}
