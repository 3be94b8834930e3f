package dev.berth.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Version 2 with a kernel behind it, as far as this machine has one: a hybrid host mounts it too, with the controllers that
 * version 1 has left. Freezing, killing and processor time need none.
 */
class CgroupV2KernelTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private Path mount;
    private Cgroup cgroup;

    @BeforeEach
    void make() throws IOException {
        mount = Stream.of("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                .map(Path::of)
                .filter(each -> Files.isWritable(each.resolve("cgroup.procs")))
                .findFirst()
                .orElse(Path.of("/"));
        assumeTrue(Files.exists(mount.resolve("cgroup.controllers")), "version 2 is not mounted, or this is not root");
        cgroup = Cgroups.of(List.of("30 24 0:26 / " + mount + " rw - cgroup2 cgroup2 rw"), Ticker.system())
                .cgroup("/bt" + Ids.random().substring(0, 10) + "/leaf");
        cgroup.create();
    }

    @AfterEach
    void remove() throws Exception {
        if (cgroup != null) {
            cgroup.kill(LIMIT);
            assertThat(cgroup.remove(LIMIT)).isTrue();
            Files.deleteIfExists(mount.resolve(cgroup.path().substring(1)).getParent());
        }
    }

    private Process inside(String script) throws IOException {
        Process process = new ProcessBuilder("sh", "-c", "read go; " + script).start();
        cgroup.attach(Math.toIntExact(process.pid()));
        process.outputWriter().write("go\n");
        process.outputWriter().flush();
        return process;
    }

    private static void assertEnds(Process process) throws InterruptedException {
        assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void whatIsFrozenStandsStillUntilItIsThawed() throws Exception {
        Process process = inside("trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done");
        assertThat(process.inputReader().readLine()).isEqualTo("ready");
        assertThat(cgroup.pids()).contains(Math.toIntExact(process.pid()));
        assertThat(cgroup.frozen()).isFalse();
        assertThat(cgroup.freeze(LIMIT)).isTrue();
        assertThat(cgroup.frozen()).isTrue();
        process.destroy(); // what it has a trap for waits, what is fatal would not
        assertThat(process.isAlive()).isTrue();
        cgroup.thaw();
        assertEnds(process);
        assertThat(process.exitValue()).isEqualTo(3);
        assertThat(cgroup.frozen()).isFalse();
    }

    @Test
    void aTreeIsKilledAlsoIfItIsFrozen() throws Exception {
        Process process = inside("sleep 1000 & sleep 1001 & exec sleep 1002");
        assertThat(cgroup.freeze(LIMIT)).isTrue();
        assertThat(cgroup.kill(LIMIT)).isTrue();
        assertEnds(process);
        assertThat(process.exitValue()).isEqualTo(137);
        assertThat(cgroup.pids()).isEmpty();
    }

    @Test
    void processorTimeIsCountedWithoutAnyController() throws Exception {
        Process process = inside("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
        assertEnds(process);
        long used = cgroup.usage().cpuNanos();
        assertThat(used).isPositive();
        assertThat(cgroup.stats().cpuNanos()).isGreaterThanOrEqualTo(used);
        assertThat(cgroup.usage().memoryLimitBytes()).as("nobody has set one").isEmpty();
    }

    @Test
    void hugePagesAreLimited() throws Exception {
        assumeTrue(
                Files.readString(mount.resolve("cgroup.controllers")).contains("hugetlb")
                        && Files.exists(Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB")),
                "hugetlb belongs to version 1 here");
        cgroup.limit(new CgroupLimits(
                CgroupLimits.Cpu.NONE,
                CgroupLimits.Memory.NONE,
                0,
                List.of(new CgroupLimits.HugePages("2MB", 4 << 20)),
                Map.of()));
        var stats = (CgroupStats.V2) cgroup.stats();
        assertThat(stats.hugePages())
                .filteredOn(pages -> pages.pageSize().equals("2MB"))
                .singleElement()
                .satisfies(pages -> assertThat(pages.max()).isEqualTo(4 << 20));
        cgroup.limit(new CgroupLimits(
                CgroupLimits.Cpu.NONE,
                CgroupLimits.Memory.NONE,
                0,
                List.of(),
                Map.of("hugetlb.2MB.max", "0"))); // by the kernel's own name
        assertThat(((CgroupStats.V2) cgroup.stats()).hugePages()).anyMatch(pages -> pages.max() == 0);
    }
}
