package dev.berth.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** On the real kernel, in cgroups of its own. Needs root and version 1 controllers; skips elsewhere. */
class CgroupV1Test {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final List<Process> processes = new ArrayList<>();
    private final String name = "/bt" + Ids.random().substring(0, 10);
    private Cgroups cgroups;
    private Cgroup cgroup;

    @BeforeEach
    void open() throws IOException {
        assumeTrue(Files.isWritable(Path.of("/sys/fs/cgroup/freezer")), "needs root and cgroup version 1");
        cgroups = Cgroups.detect(Ticker.system());
        cgroup = cgroups.cgroup(name + "/leaf");
    }

    @AfterEach
    void clean() throws Exception {
        for (Process process : processes) {
            process.destroyForcibly().waitFor();
        }
        if (cgroups != null) {
            Cgroup top = cgroups.cgroup(name);
            top.kill(LIMIT);
            assertThat(top.remove(LIMIT)).isTrue();
            assertThat(top.exists()).isFalse();
        }
    }

    private Process start(String... command) throws IOException {
        Process process = new ProcessBuilder(command).start();
        processes.add(process);
        return process;
    }

    private String file(String controller, String file) throws IOException {
        return Files.readString(Path.of("/sys/fs/cgroup", controller, name, "leaf", file))
                .strip();
    }

    @Test
    void detectsTheHost() throws IOException {
        assertThat(cgroups.layout()).isIn(Cgroups.Layout.V1, Cgroups.Layout.HYBRID);
        assertThat(cgroups.controllers()).contains("cpu", "memory", "pids", "devices", "freezer");
        assertThat(cgroups.threadsMoveAlone()).isTrue();
        assertThat(Cgroups.of((int) ProcessHandle.current().pid())).containsKeys("memory", "pids");
        assertThat(Cgroups.of(Integer.MAX_VALUE)).isEmpty();
    }

    @Test
    void limitsAreWrittenChangedAndLifted() throws Exception {
        cgroup.create();
        cgroup.create(); // may be repeated
        assertThat(cgroup.exists()).isTrue();
        cgroup.limit(limits(512, 20_000, 50_000, 64 << 20, 64 << 20));
        assertThat(file("cpu", "cpu.shares")).isEqualTo("512");
        assertThat(file("cpu", "cpu.cfs_quota_us")).isEqualTo("20000");
        assertThat(file("cpu", "cpu.cfs_period_us")).isEqualTo("50000");
        assertThat(file("memory", "memory.limit_in_bytes")).isEqualTo("" + (64 << 20));
        assertThat(file("pids", "pids.max")).isEqualTo("10");
        cgroup.limit(limits(512, 20_000, 50_000, 128 << 20, 256 << 20)); // up: swap must go first
        assertThat(file("memory", "memory.limit_in_bytes")).isEqualTo("" + (128 << 20));
        cgroup.limit(limits(512, 20_000, 50_000, 32 << 20, 32 << 20)); // down: memory must go first
        assertThat(file("memory", "memory.limit_in_bytes")).isEqualTo("" + (32 << 20));
        if (Files.exists(Path.of("/sys/fs/cgroup/memory", name, "leaf/memory.memsw.limit_in_bytes"))) {
            assertThat(file("memory", "memory.memsw.limit_in_bytes")).isEqualTo("" + (32 << 20));
        }
        cgroup.limit(new CgroupLimits(
                new CgroupLimits.Cpu(0, 0, 0, "0", "0"),
                new CgroupLimits.Memory(96 << 20, 0, 16 << 20),
                0,
                List.of(),
                Map.of()));
        assertThat(file("memory", "memory.limit_in_bytes")).isEqualTo("" + (96 << 20));
        assertThat(file("memory", "memory.soft_limit_in_bytes")).isEqualTo("" + (16 << 20));
        assertThat(file("cpuset", "cpuset.cpus")).isEqualTo("0");
        assertThat(file("pids", "pids.max")).as("0 leaves it").isEqualTo("10");
        cgroup.limit(new CgroupLimits(
                new CgroupLimits.Cpu(0, -1, 0, "", ""), new CgroupLimits.Memory(-1, -1, 0), -1, List.of(), Map.of()));
        assertThat(file("cpu", "cpu.cfs_quota_us")).isEqualTo("-1");
        assertThat(file("pids", "pids.max")).isEqualTo("max");
        assertThat(cgroup.stats().memoryLimitBytes()).isEmpty();
    }

    private static CgroupLimits limits(long shares, long quota, long period, long memory, long swap) {
        return new CgroupLimits(
                new CgroupLimits.Cpu(shares, quota, period, "", ""),
                new CgroupLimits.Memory(memory, swap, 0),
                10,
                List.of(new CgroupLimits.HugePages("2MB", 0)),
                Map.of());
    }

    @Test
    void refusesWhatVersionOneLacksAndWhatTheKernelRefuses() throws IOException {
        cgroup.create();
        assertThatThrownBy(() -> cgroup.limit(new CgroupLimits(
                        CgroupLimits.Cpu.NONE, CgroupLimits.Memory.NONE, 0, List.of(), Map.of("memory.high", "1"))))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("memory.high");
        assertThatThrownBy(() -> cgroup.limit(new CgroupLimits(
                        new CgroupLimits.Cpu(0, 0, 0, "9999", ""), CgroupLimits.Memory.NONE, 0, List.of(), Map.of())))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("cpuset.cpus");
        assertThatThrownBy(() -> cgroup.attach(Integer.MAX_VALUE)).isInstanceOf(IOException.class);
    }

    @Test
    void aParentThatHasJustBeenMadeAndHasNothingYetIsFilledToo() throws Exception {
        Files.createDirectory(Path.of("/sys/fs/cgroup/cpuset", name));
        cgroup.create();
        Process sleeper = start("sleep", "600");
        cgroup.attach((int) sleeper.pid());
        assertThat(cgroup.pids()).containsExactly((int) sleeper.pid());
    }

    @Test
    void aProcessJoinsAndIsCounted() throws Exception {
        cgroup.create();
        Process sleeper = start("sleep", "600");
        cgroup.attach((int) sleeper.pid());
        assertThat(cgroup.pids()).containsExactly((int) sleeper.pid());
        assertThat(cgroups.cgroup(name).pids()).as("seen from above").containsExactly((int) sleeper.pid());
        Map<String, String> places = Cgroups.of((int) sleeper.pid());
        for (String controller : List.of("cpu", "cpuset", "memory", "pids", "devices", "freezer", "blkio")) {
            assertThat(places).containsEntry(controller, name + "/leaf");
        }
        CgroupStats.V1 stats = (CgroupStats.V1) cgroup.stats();
        assertThat(stats.pids().current()).isEqualTo(1);
        assertThat(stats.memory().stat())
                .containsKeys("cache", "rss", "total_inactive_file", "hierarchical_memory_limit");
        assertThat(stats.cpu().perCpuNanos()).isNotEmpty();
        assertThat(stats.workingSetBytes()).isLessThanOrEqualTo(stats.memoryBytes());
    }

    @Test
    void usageAloneHasTheSameFigures() throws Exception {
        assertThatThrownBy(() -> cgroup.usage()).as("there is none").isInstanceOf(NoSuchFileException.class);
        cgroup.create();
        cgroup.limit(new CgroupLimits(
                CgroupLimits.Cpu.NONE, new CgroupLimits.Memory(64 << 20, 0, 0), 0, List.of(), Map.of()));
        Process sleeper = start("sleep", "600");
        cgroup.attach((int) sleeper.pid());
        CgroupStats usage = cgroup.usage();
        CgroupStats all = cgroup.stats();
        assertThat(usage.pids().current()).isEqualTo(1);
        assertThat(usage.cpuNanos()).isLessThanOrEqualTo(all.cpuNanos());
        assertThat(usage.memoryLimitBytes()).isEqualTo(all.memoryLimitBytes()).hasValue(64 << 20);
        assertThat(usage.swapBytes().isPresent()).isEqualTo(all.swapBytes().isPresent());
        assertThat(((CgroupStats.V1) usage).memory().stat()).containsKey("total_inactive_file");
    }

    @Test
    void whatAThreadSpawnsAfterItJoinedIsBornInside() throws Exception {
        cgroup.create();
        var child = new AtomicReference<Process>();
        var failure = new AtomicReference<Throwable>();
        Thread mover = Thread.ofPlatform().name("mover").start(() -> {
            try {
                cgroup.attachThisThread();
                child.set(start("sleep", "600"));
            } catch (Throwable e) {
                failure.set(e);
            }
        });
        mover.join();
        assertThat(failure.get()).isNull();
        assertThat(cgroup.until(LIMIT, () -> !cgroup.holdsUs()))
                .as("the thread has left by its end")
                .isTrue();
        assertThat(cgroup.pids()).contains((int) child.get().pid());
        int self = (int) ProcessHandle.current().pid();
        assertThat(Cgroups.of(self)).as("the other threads stay").doesNotContainValue(name + "/leaf");
    }

    @Test
    void nobodyFreezesOrKillsAThreadOfOurs() throws Exception {
        cgroup.create();
        var inside = new CountDownLatch(1);
        var leave = new CountDownLatch(1);
        Thread mover = Thread.ofPlatform().name("mover").start(() -> {
            try {
                cgroup.attachThisThread();
                inside.countDown();
                leave.await();
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        inside.await();
        assertThat(cgroup.pids()).isEmpty();
        assertThat(cgroup.freeze(Duration.ofMillis(20))).isFalse();
        assertThat(cgroup.kill(Duration.ofMillis(20))).isFalse();
        leave.countDown();
        mover.join();
        assertThat(cgroup.kill(LIMIT)).isTrue();
    }

    @Test
    void signalsEverybody() throws Exception {
        cgroup.create();
        Process sleeper = start("sleep", "600");
        cgroup.attach((int) sleeper.pid());
        cgroup.signal(15);
        assertThat(sleeper.waitFor()).isEqualTo(128 + 15);
    }

    @Test
    void aVirtualThreadMayNotMoveItsCarrier() throws Exception {
        cgroup.create();
        var failure = new AtomicReference<Throwable>();
        Thread.ofVirtual()
                .start(() -> {
                    try {
                        cgroup.attachThisThread();
                    } catch (Throwable e) {
                        failure.set(e);
                    }
                })
                .join();
        assertThat(failure.get()).isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void devicesAreDeniedAndAllowed() throws Exception {
        cgroup.create();
        assertThat(cgroup.devices(List.of(DeviceRule.denyAll(), new DeviceRule(true, 'c', 1, 3, "rw"))))
                .isTrue();
        assertThat(file("devices", "devices.list")).isEqualTo("c 1:3 rw");
        Process reader = start("sh", "-c", "read go; cat /dev/null && ! cat /dev/zero");
        cgroup.attach((int) reader.pid());
        reader.getOutputStream().write('\n');
        reader.getOutputStream().close();
        assertThat(reader.waitFor()).isZero();
    }

    @Test
    void freezesAndThaws() throws Exception {
        cgroup.create();
        Process sleeper = start("sleep", "600");
        cgroup.attach((int) sleeper.pid());
        assertThat(cgroup.freeze(LIMIT)).isTrue();
        assertThat(cgroup.frozen()).isTrue();
        cgroup.thaw();
        assertThat(cgroup.frozen()).isFalse();
    }

    @Test
    void killsAForkBombWhichIsFrozenAndNested() throws Exception {
        cgroup.create();
        cgroup.limit(limits(0, 0, 0, 0, 0));
        Cgroup inner = cgroups.cgroup(name + "/leaf/a/b");
        inner.create();
        Process bomb = start("sh", "-c", "read go; while :; do (sleep 600 & sleep 600 &) 2>/dev/null; done");
        inner.attach((int) bomb.pid());
        bomb.getOutputStream().write('\n');
        bomb.getOutputStream().flush();
        assertThat(cgroup.until(LIMIT, () -> cgroup.pids().size() >= 8)).isTrue();
        assertThat(cgroup.freeze(LIMIT)).isTrue();
        assertThat(cgroup.kill(LIMIT)).isTrue();
        assertThat(cgroup.pids()).isEmpty();
        assertThat(bomb.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(cgroup.remove(LIMIT)).isTrue();
        assertThat(inner.exists()).isFalse();
        assertThat(cgroup.remove(LIMIT)).as("again").isTrue();
    }

    @Test
    void doesNotRemoveWhatIsInUse() throws Exception {
        cgroup.create();
        Process sleeper = start("sleep", "600");
        cgroup.attach((int) sleeper.pid());
        assertThat(cgroup.remove(Duration.ofMillis(20))).isFalse();
        assertThat(cgroup.removeIfEmpty()).isFalse();
        assertThat(cgroups.cgroup(name).removeIfEmpty())
                .as("a parent with children")
                .isFalse();
        assertThatThrownBy(() -> cgroups.cgroup("/").remove(LIMIT)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void whatARuntimeMadeInTheUnifiedTreeGoesToo() throws Exception {
        Path unified = Path.of("/sys/fs/cgroup/unified", name, "leaf");
        assumeTrue(cgroups.layout() == Cgroups.Layout.HYBRID, "needs a hybrid host");
        cgroup.create();
        Files.createDirectories(unified.resolve("inner"));
        assertThat(cgroup.remove(LIMIT)).isTrue();
        assertThat(unified).doesNotExist();
        assertThat(cgroup.exists()).isFalse();
    }

    @Test
    void countsOomKillsAlsoBelow() throws Exception {
        cgroup.create();
        cgroup.limit(limits(0, 0, 0, 8 << 20, 8 << 20));
        Cgroup inner = cgroups.cgroup(name + "/leaf/inner");
        inner.create();
        assertThat(cgroup.oomKills()).isZero();
        Process eater = start("sh", "-c", "read go; exec tail /dev/zero");
        inner.attach((int) eater.pid());
        eater.getOutputStream().write('\n');
        eater.getOutputStream().close();
        assertThat(eater.waitFor()).isEqualTo(137);
        assertThat(cgroup.oomKills()).isEqualTo(1);
        assertThat(((CgroupStats.V1) cgroup.stats()).memory().usage().max()).isPositive();
    }

    @Test
    void tellsOfOomKills() throws Exception {
        cgroup.create();
        cgroup.limit(limits(0, 0, 0, 8 << 20, 8 << 20));
        var told = new LinkedBlockingQueue<Long>();
        try (OomWatch watch = cgroup.watchOom()) {
            Thread waiter = Thread.ofVirtual().start(() -> {
                try {
                    long kills = watch.await();
                    told.add(kills);
                    while (kills > 0) {
                        kills = watch.await();
                        told.add(kills);
                    }
                } catch (IOException | InterruptedException e) {
                    told.add(-1L);
                }
            });
            Process eater = start("sh", "-c", "read go; exec tail /dev/zero");
            cgroup.attach((int) eater.pid());
            eater.getOutputStream().write('\n');
            eater.getOutputStream().close();
            assertThat(eater.waitFor()).isEqualTo(137);
            assertThat(told.poll(10, TimeUnit.SECONDS)).isEqualTo(1);
            assertThat(watch.fresh()).isZero();
            assertThat(cgroup.remove(LIMIT)).isTrue();
            assertThat(told.poll(10, TimeUnit.SECONDS)).as("the cgroup is gone").isZero();
            waiter.join();
        }
    }

    @Test
    void aMissingCgroupIsQuiet() throws Exception {
        assertThat(cgroup.exists()).isFalse();
        assertThat(cgroup.pids()).isEmpty();
        assertThat(cgroup.oomKills()).isZero();
        assertThat(cgroup.kill(LIMIT)).isTrue();
        assertThat(cgroup.stats().memoryBytes()).isZero();
    }
}
