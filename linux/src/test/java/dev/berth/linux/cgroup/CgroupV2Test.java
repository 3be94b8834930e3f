package dev.berth.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Version 2 on a tree of plain files: which file gets which text. What a kernel does with it is not shown here, since the
 * hosts that build this run version 1.
 */
class CgroupV2Test {
    @TempDir
    Path mount;

    private Cgroups cgroups;
    private Cgroup cgroup;
    private Path leaf;

    @BeforeEach
    void open() throws IOException {
        cgroups = Cgroups.of(
                List.of("30 24 0:26 / " + mount.toString().replace(" ", "\\040") + " rw,nosuid - cgroup2 cgroup2 rw"),
                Ticker.system());
        put(mount.resolve("cgroup.controllers"), "cpuset cpu io memory pids\n");
        put(mount.resolve("cgroup.subtree_control"), "cpu\n");
        cgroup = cgroups.cgroup("/pods/leaf");
        leaf = mount.resolve("pods/leaf");
    }

    private static void put(Path file, String text) throws IOException {
        Files.writeString(file, text);
    }

    private String get(String file) throws IOException {
        return Files.readString(leaf.resolve(file));
    }

    @Test
    void isDetected() throws IOException {
        assertThat(cgroups.layout()).isEqualTo(Cgroups.Layout.V2);
        assertThat(cgroups.controllers()).containsExactly("cpu", "cpuset", "io", "memory", "pids");
        assertThat(cgroups.threadsMoveAlone()).isFalse();
        assertThatThrownBy(() -> Cgroups.of(List.of("1 2 0:1 / /proc rw - proc proc rw"), Ticker.system()))
                .isInstanceOf(IOException.class);
        Cgroups onlySystemd = Cgroups.of(
                List.of(
                        "1 2 0:1 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd",
                        "1 2 0:1 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"),
                Ticker.system());
        assertThat(onlySystemd.layout()).isEqualTo(Cgroups.Layout.V2);
    }

    @Test
    void controllersAreHandedDown() throws IOException {
        cgroup.create();
        assertThat(Files.isDirectory(leaf)).isTrue();
        assertThat(Files.readString(mount.resolve("cgroup.subtree_control"))).isEqualTo("+cpuset +io +memory +pids");
        cgroup.create();
    }

    @Test
    void limitsUseTheWordsOfVersionTwo() throws IOException {
        cgroup.create();
        for (String file : List.of("memory.swap.max", "hugetlb.2MB.max", "cpu.max")) {
            put(leaf.resolve(file), file.equals("cpu.max") ? "max 100000\n" : "max\n");
        }
        cgroup.limit(new CgroupLimits(
                new CgroupLimits.Cpu(1024, 20_000, 50_000, "0-1", "0"),
                new CgroupLimits.Memory(1000, 1500, 100),
                5,
                List.of(new CgroupLimits.HugePages("2MB", 0), new CgroupLimits.HugePages("1GB", 0)),
                Map.of("memory.high", "900")));
        assertThat(get("cpu.weight")).isEqualTo("100");
        assertThat(get("cpu.max")).isEqualTo("20000 50000");
        assertThat(get("cpuset.cpus")).isEqualTo("0-1");
        assertThat(get("memory.max")).isEqualTo("1000");
        assertThat(get("memory.swap.max")).isEqualTo("500");
        assertThat(get("memory.low")).isEqualTo("100");
        assertThat(get("memory.high")).isEqualTo("900");
        assertThat(get("pids.max")).isEqualTo("5");
        assertThat(get("hugetlb.2MB.max")).isEqualTo("0");
        assertThat(leaf.resolve("hugetlb.1GB.max")).doesNotExist();
        cgroup.limit(new CgroupLimits(
                new CgroupLimits.Cpu(0, -1, 0, "", ""), new CgroupLimits.Memory(-1, -1, 0), -1, List.of(), Map.of()));
        assertThat(get("cpu.max")).isEqualTo("max");
        assertThat(get("memory.max")).isEqualTo("max");
        assertThat(get("memory.swap.max")).isEqualTo("max");
        assertThat(get("pids.max")).isEqualTo("max");
        cgroup.limit(new CgroupLimits(
                new CgroupLimits.Cpu(0, 0, 25_000, "", ""), CgroupLimits.Memory.NONE, 0, List.of(), Map.of()));
        assertThat(get("cpu.max")).isEqualTo("max 25000");
    }

    @Test
    void swapBelowMemoryIsRefused() throws IOException {
        cgroup.create();
        put(leaf.resolve("memory.swap.max"), "max\n");
        assertThatThrownBy(() -> cgroup.limit(new CgroupLimits(
                        CgroupLimits.Cpu.NONE, new CgroupLimits.Memory(1000, 999, 0), 0, List.of(), Map.of())))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("less than");
    }

    @Test
    void devicesAndThreadsAreNotItsBusiness() throws IOException {
        assertThat(cgroup.devices(List.of(DeviceRule.denyAll()))).isFalse();
        assertThatThrownBy(() -> cgroup.attachThisThread()).isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void readsItsCounters() throws IOException {
        cgroup.create();
        put(leaf.resolve("cpu.stat"), "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 1\n");
        put(
                leaf.resolve("cpu.pressure"),
                "some avg10=1.50 avg60=0.25 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n");
        put(leaf.resolve("memory.current"), "1000\n");
        put(leaf.resolve("memory.max"), "max\n");
        put(leaf.resolve("memory.stat"), "anon 400\ninactive_file 300\npgfault 12\npgmajfault 2\n");
        put(leaf.resolve("memory.events"), "low 0\noom 2\noom_kill 1\n");
        put(leaf.resolve("memory.swap.current"), "40\n");
        put(leaf.resolve("memory.swap.max"), "100\n");
        put(leaf.resolve("pids.current"), "3\n");
        put(leaf.resolve("pids.max"), "max\n");
        put(leaf.resolve("io.stat"), "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:0\n");
        put(leaf.resolve("hugetlb.2MB.current"), "0\n");
        put(leaf.resolve("hugetlb.2MB.rsvd.current"), "0\n");
        put(leaf.resolve("rdma.current"), "mlx5_0 hca_handle=1 hca_object=2\n");
        put(leaf.resolve("rdma.max"), "mlx5_0 hca_handle=max hca_object=9\n");
        var stats = (CgroupStats.V2) cgroup.stats();
        assertThat(stats.cpuNanos()).isEqualTo(5000);
        assertThat(stats.cpu().pressure())
                .isEqualTo(new CgroupStats.Pressure(
                        new CgroupStats.Stall(1.5, 0.25, 0, 7), new CgroupStats.Stall(0, 0, 0, 3)));
        assertThat(stats.workingSetBytes()).isEqualTo(700);
        assertThat(stats.rssBytes()).isEqualTo(400);
        assertThat(stats.memoryLimitBytes()).isEmpty();
        assertThat(stats.swapBytes()).isEqualTo(OptionalLong.of(40));
        assertThat(stats.swapLimitBytes()).isEqualTo(OptionalLong.of(100));
        assertThat(stats.pids()).isEqualTo(new CgroupStats.Pids(3, Long.MAX_VALUE));
        assertThat(stats.io().devices().getFirst().count("wbytes")).isEqualTo(2);
        assertThat(stats.hugePages()).hasSize(1);
        assertThat(stats.rdma()).containsExactly(new CgroupStats.Rdma("mlx5_0", 1, 2, Long.MAX_VALUE, 9));
        assertThat(cgroup.oomKills()).isEqualTo(1);
    }

    /** Files as the kernel documents them, written by hand: the machines that run this have version 1, or a hybrid. */
    private static Cgroup wholeTree() throws Exception {
        Path tree = Path.of(CgroupV2Test.class.getResource("/cgroup2").toURI());
        return Cgroups.of(List.of("30 24 0:26 / " + tree + " rw - cgroup2 cgroup2 rw"), Ticker.system())
                .cgroup("/pods/leaf");
    }

    private static void assertUsage(CgroupStats.V2 stats) {
        assertThat(stats.cpuNanos()).isEqualTo(81_234_567_000L);
        assertThat(stats.memoryBytes()).isEqualTo(65_011_712);
        assertThat(stats.workingSetBytes()).isEqualTo(65_011_712 - 15_728_640);
        assertThat(stats.memoryLimitBytes()).isEqualTo(OptionalLong.of(134_217_728));
        assertThat(stats.rssBytes()).isEqualTo(41_943_040);
        assertThat(stats.pageFaults()).isEqualTo(34_567);
        assertThat(stats.majorPageFaults()).isEqualTo(89);
        assertThat(stats.swapBytes()).isEqualTo(OptionalLong.of(1_048_576));
        assertThat(stats.swapLimitBytes()).isEqualTo(OptionalLong.of(67_108_864));
        assertThat(stats.pids().current()).isEqualTo(12);
        assertThat(stats.cpu().pressure())
                .isEqualTo(new CgroupStats.Pressure(
                        new CgroupStats.Stall(1.22, 0.85, 0.31, 9_812_345),
                        new CgroupStats.Stall(1.01, 0.77, 0.28, 8_812_345)));
        assertThat(stats.memory().events().pressure())
                .isEqualTo(new CgroupStats.Pressure(
                        new CgroupStats.Stall(0, 0, 0, 1234), new CgroupStats.Stall(0, 0, 0, 1200)));
        assertThat(stats.io().pressure())
                .isEqualTo(new CgroupStats.Pressure(
                        new CgroupStats.Stall(12.5, 4.03, 0.99, 77_000), new CgroupStats.Stall(11, 3.9, 0.9, 70_000)));
    }

    @Test
    void aTreeIsReadWhole() throws Exception {
        var stats = (CgroupStats.V2) wholeTree().stats();
        assertUsage(stats);
        assertThat(stats.cpu().stat("throttled_usec")).isEqualTo(5_600_000);
        assertThat(stats.memory().maxUsage()).isEqualTo(70_000_640);
        assertThat(stats.memory().events().count("max")).isEqualTo(17);
        assertThat(stats.pids().limit()).isEqualTo(1024);
        assertThat(stats.io().devices()).extracting(CgroupStats.IoDevice::major).containsExactly(8L, 253L, 7L);
        assertThat(stats.hugePages()).containsExactly(new CgroupStats.HugePages("2MB", 2_097_152, Long.MAX_VALUE, 3));
    }

    @Test
    void usageAloneIsTheSameInFewerFiles() throws Exception {
        var usage = (CgroupStats.V2) wholeTree().usage();
        assertUsage(usage);
        assertThat(usage.hugePages()).isEmpty();
        assertThatThrownBy(() -> cgroup.usage()).as("there is none").isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void killsAndFreezesByItsFiles() throws Exception {
        cgroup.create();
        put(leaf.resolve("cgroup.kill"), "");
        put(leaf.resolve("cgroup.procs"), Integer.MAX_VALUE + "\n");
        put(leaf.resolve("cgroup.events"), "populated 1\nfrozen 0\n");
        assertThat(cgroup.kill(Duration.ofMillis(5)))
                .as("the fake process stays")
                .isFalse();
        assertThat(get("cgroup.kill")).isEqualTo("1");
        assertThat(cgroup.freeze(Duration.ofMillis(5))).isFalse();
        assertThat(get("cgroup.freeze")).isEqualTo("1");
        put(leaf.resolve("cgroup.events"), "populated 1\nfrozen 1\n");
        assertThat(cgroup.freeze(Duration.ofMillis(5))).isTrue();
        cgroup.thaw();
        assertThat(get("cgroup.freeze")).isEqualTo("0");
    }
}
