package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.Cleaning.Kind;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.store.Leftovers.Leftover;
import dev.berth.store.Store;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(300)
class CleaningTest {
    private static final Duration NEVER = Duration.ofHours(1);
    private static final Duration SOON = Duration.ofMillis(2);
    private static final Duration LONGEST = Duration.ofHours(2);

    private final Store store;
    private final Set<String> broken = ConcurrentHashMap.newKeySet();
    private final AtomicInteger attempts = new AtomicInteger();
    private final CountDownLatch removed = new CountDownLatch(1);
    private final CountDownLatch release = new CountDownLatch(1);
    private final AtomicInteger hanging = new AtomicInteger();
    private final AtomicInteger mostHanging = new AtomicInteger();
    private Cleaning cleaning;

    CleaningTest(@TempDir Path root) {
        store = Store.open(root.resolve("root"), new LinuxDisk(), InstantSource.system());
        cleaning = open(NEVER);
    }

    @AfterEach
    void close() {
        cleaning.close();
        store.close();
    }

    private Cleaning open(Duration firstPause) {
        var opened = new Cleaning(store.metadata(), Ticker.system(), new Pauses(firstPause, LONGEST));
        opened.by(Kind.POD_STOP, this::remove);
        return opened;
    }

    private void remove(String id) throws InterruptedException {
        attempts.incrementAndGet();
        if (id.startsWith("hangs")) {
            int now = hanging.incrementAndGet();
            mostHanging.accumulateAndGet(now, Math::max);
            try {
                release.await();
            } finally {
                hanging.decrementAndGet();
            }
        }
        if (broken.contains(id)) {
            throw Fault.internal("stop pod " + id, "the plugin said no", "");
        }
        removed.countDown();
    }

    private List<Leftover> leftovers() {
        return store.metadata().read(records -> records.leftovers().list());
    }

    private void fail(String id) {
        broken.add(id);
        assertThatThrownBy(() -> cleaning.run(Kind.POD_STOP, id, () -> remove(id)))
                .isInstanceOf(Fault.class);
    }

    @Test
    void whatSucceedsLeavesNoTrace() throws Exception {
        cleaning.run(Kind.POD_STOP, "a", () -> remove("a"));
        assertThat(leftovers()).isEmpty();
        assertThat(cleaning.counts()).containsEntry("pod-stop", 0);
    }

    @Test
    void whatFailsIsWrittenDownWithItsReasonAndCounted() {
        fail("a");
        fail("a");
        fail("b");
        assertThat(leftovers())
                .extracting(Leftover::kind, Leftover::what, Leftover::attempts)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("pod-stop", "a", 2),
                        org.assertj.core.groups.Tuple.tuple("pod-stop", "b", 1));
        assertThat(leftovers().getFirst().lastError()).contains("the plugin said no");
        assertThat(cleaning.counts()).containsEntry("pod-stop", 2).containsEntry("task", 0);
    }

    @Test
    void theCallersOwnRetryEndsIt() throws Exception {
        fail("a");
        broken.clear();
        cleaning.run(Kind.POD_STOP, "a", () -> remove("a"));
        assertThat(leftovers()).isEmpty();
        assertThat(cleaning.counts()).containsEntry("pod-stop", 0);
    }

    @Test
    void itIsTriedAgainUntilItIsDone() throws Exception {
        cleaning.close();
        cleaning = open(SOON);
        cleaning.begin();
        fail("a");
        while (attempts.get() < 4) {
            Ticker.system().sleep(SOON);
        }
        assertThat(cleaning.counts()).containsEntry("pod-stop", 1);
        broken.clear();
        assertThat(removed.await(120, TimeUnit.SECONDS)).isTrue();
        while (cleaning.counts().getOrDefault("pod-stop", 0) > 0 || !leftovers().isEmpty()) {
            Ticker.system().sleep(SOON);
        }
    }

    @Test
    void theNextDaemonTriesAtOnce() throws Exception {
        fail("a");
        cleaning.close();
        broken.clear();
        cleaning = open(NEVER);
        assertThat(cleaning.counts()).containsEntry("pod-stop", 1);
        cleaning.begin();
        assertThat(removed.await(120, TimeUnit.SECONDS)).isTrue();
        while (!leftovers().isEmpty()) {
            Ticker.system().sleep(SOON);
        }
        assertThat(cleaning.counts()).containsEntry("pod-stop", 0);
    }

    @Test
    void whatHangsHoldsUpNobodyElse() throws Exception {
        cleaning.begin();
        cleaning.soon(Kind.POD_STOP, "hangs");
        while (hanging.get() == 0) {
            Ticker.system().sleep(SOON);
        }
        cleaning.soon(Kind.POD_STOP, "hangs"); // it is under way
        cleaning.soon(Kind.POD_STOP, "a");
        assertThat(removed.await(20, TimeUnit.SECONDS)).isTrue();
        awaitCount(1);
        assertThat(attempts).hasValue(2);
        release.countDown();
        awaitCount(0);
        assertThat(attempts).hasValue(2);
        assertThat(leftovers()).isEmpty();
    }

    @Test
    void onlySoManyAreUnderWayAtOnce() throws Exception {
        for (int i = 0; i < 50; i++) {
            cleaning.soon(Kind.POD_STOP, "hangs" + i);
        }
        assertThat(cleaning.counts()).containsEntry("pod-stop", 50);
        cleaning.begin();
        while (hanging.get() < 8) {
            Ticker.system().sleep(SOON);
        }
        release.countDown();
        awaitCount(0);
        assertThat(mostHanging).hasValue(8);
        assertThat(attempts).hasValue(50);
    }

    @Test
    void whatIsBegunSoonAndFailsIsWrittenDown() throws Exception {
        broken.add("a");
        cleaning.soon(Kind.POD_STOP, "a");
        assertThat(leftovers()).isEmpty();
        cleaning.begin();
        while (leftovers().isEmpty()) {
            Ticker.system().sleep(SOON);
        }
        assertThat(leftovers().getFirst().attempts()).isEqualTo(1);
        broken.clear();
        cleaning.run(Kind.POD_STOP, "a", () -> remove("a"));
        assertThat(leftovers()).isEmpty();
    }

    @Test
    void theEndInterruptsWhatHangs() throws Exception {
        cleaning.begin();
        cleaning.soon(Kind.POD_STOP, "hangs");
        while (hanging.get() == 0) {
            Ticker.system().sleep(SOON);
        }
        cleaning.close();
        assertThat(hanging).hasValue(0);
        assertThat(leftovers()).isEmpty();
    }

    private void awaitCount(int count) throws InterruptedException {
        while (cleaning.counts().getOrDefault("pod-stop", 0) != count) {
            Ticker.system().sleep(SOON);
        }
    }

    @Test
    void itIsTriedEverMoreSeldom() throws Exception {
        cleaning.close();
        cleaning = open(Duration.ofMillis(20));
        cleaning.begin();
        long start = Ticker.system().nanos();
        fail("a");
        while (attempts.get() < 5) { // the first one here, then after 20, 40, 80 and 160 ms
            Ticker.system().sleep(SOON);
        }
        assertThat(Ticker.system().since(start)).isGreaterThanOrEqualTo(Duration.ofMillis(300));
    }
}
