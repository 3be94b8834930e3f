package dev.berth.cri.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.Resources;
import dev.berth.linux.BlockDevices;
import dev.berth.linux.FileSystemStat;
import dev.berth.linux.OpenFiles;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.linux.cgroup.CgroupStats.MemoryEntry;
import dev.berth.linux.netlink.Link;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class ContainerSamplesTest {
    private static final CgroupStats.Pressure PRESSURE = new CgroupStats.Pressure(
            new CgroupStats.Stall(1, 2, 3, 4_500_000), new CgroupStats.Stall(0, 0, 0, 2_000_000));

    private final ContainerSamples samples = new ContainerSamples(new BlockDevices());

    private static CgroupStats.V1 version1() {
        return new CgroupStats.V1(
                new CgroupStats.CpuV1(
                        9_999_999_999L,
                        3_000_000_000L,
                        6_000_000_000L,
                        List.of(),
                        new CgroupStats.Throttling(10, 4, 2_500_000_000L)),
                new CgroupStats.MemoryV1(
                        Map.of(
                                "total_cache",
                                100L,
                                "total_rss",
                                200L,
                                "total_mapped_file",
                                30L,
                                "total_active_file",
                                40L,
                                "total_inactive_file",
                                50L,
                                "pgfault",
                                6L,
                                "total_pgfault",
                                7L,
                                "total_pgmajfault",
                                2L),
                        new MemoryEntry(1 << 20, 1000, 1500, 11),
                        new MemoryEntry(1 << 21, 1100, 0, 0),
                        new MemoryEntry(0, 77, 0, 0),
                        new MemoryEntry(0, 0, 0, 0),
                        new CgroupStats.OomControl(false, false, 3)),
                new CgroupStats.Pids(5, Long.MAX_VALUE),
                List.of(
                        new CgroupStats.BlockIo(CgroupStats.BlockIo.Kind.SERVICE_BYTES, "Read", 4095, 77, 4096),
                        new CgroupStats.BlockIo(CgroupStats.BlockIo.Kind.SERVICE_BYTES, "Total", 4095, 77, 4096),
                        new CgroupStats.BlockIo(CgroupStats.BlockIo.Kind.SERVICED, "Write", 4095, 77, 2)),
                List.of(new CgroupStats.HugePages("2MB", 1, 2, 0)),
                List.of());
    }

    private static CgroupStats.V2 version2() {
        return new CgroupStats.V2(
                new CgroupStats.CpuV2(
                        Map.of(
                                "usage_usec",
                                9_999_999L,
                                "user_usec",
                                6_000_000L,
                                "system_usec",
                                3_000_000L,
                                "nr_periods",
                                10L,
                                "nr_throttled",
                                4L,
                                "throttled_usec",
                                2_500_000L),
                        PRESSURE),
                new CgroupStats.MemoryV2(
                        Map.of(
                                "file",
                                100L,
                                "anon",
                                200L,
                                "file_mapped",
                                30L,
                                "active_file",
                                40L,
                                "inactive_file",
                                50L,
                                "pgfault",
                                7L,
                                "pgmajfault",
                                2L,
                                "kernel",
                                77L),
                        1000,
                        1 << 20,
                        1500,
                        new MemoryEntry(1 << 20, 100, 0, 0),
                        new CgroupStats.MemoryEvents(Map.of("max", 11L, "oom_kill", 3L), PRESSURE)),
                new CgroupStats.Pids(5, Long.MAX_VALUE),
                new CgroupStats.IoV2(
                        List.of(new CgroupStats.IoDevice(
                                4095, 77, Map.of("rbytes", 4096L, "wbytes", 1L, "rios", 1L, "wios", 2L))),
                        PRESSURE),
                List.of(new CgroupStats.HugePages("2MB", 1, Long.MAX_VALUE, 0)),
                List.of());
    }

    private long value(Metric metric, String... labels) {
        return samples.samples().stream()
                .filter(sample -> sample.metric() == metric && sample.labels().equals(List.of(labels)))
                .mapToLong(Sample::value)
                .reduce((_, _) -> {
                    throw new AssertionError(metric + " is there twice");
                })
                .orElseThrow(() -> new AssertionError("no " + metric + " in " + samples.samples()));
    }

    private Set<Metric> told() {
        return samples.samples().stream().map(Sample::metric).collect(Collectors.toSet());
    }

    private void assertBothVersionsAlike() {
        assertThat(value(Metric.CPU_USAGE)).isEqualTo(9);
        assertThat(value(Metric.CPU_USER)).isEqualTo(6);
        assertThat(value(Metric.CPU_SYSTEM)).isEqualTo(3);
        assertThat(value(Metric.CPU_PERIODS)).isEqualTo(10);
        assertThat(value(Metric.CPU_THROTTLED_PERIODS)).isEqualTo(4);
        assertThat(value(Metric.CPU_THROTTLED)).isEqualTo(2);
        assertThat(value(Metric.MEMORY_CACHE)).isEqualTo(100);
        assertThat(value(Metric.MEMORY_RSS)).isEqualTo(200);
        assertThat(value(Metric.MEMORY_KERNEL)).isEqualTo(77);
        assertThat(value(Metric.MEMORY_MAPPED)).isEqualTo(30);
        assertThat(value(Metric.MEMORY_SWAP)).isEqualTo(100);
        assertThat(value(Metric.MEMORY_FAILCNT)).isEqualTo(11);
        assertThat(value(Metric.MEMORY_USAGE)).isEqualTo(1000);
        assertThat(value(Metric.MEMORY_MAX_USAGE)).isEqualTo(1500);
        assertThat(value(Metric.MEMORY_WORKING_SET)).isEqualTo(950);
        assertThat(value(Metric.MEMORY_ACTIVE_FILE)).isEqualTo(40);
        assertThat(value(Metric.MEMORY_INACTIVE_FILE)).isEqualTo(50);
        assertThat(value(Metric.MEMORY_FAULTS, "pgfault", "hierarchy")).isEqualTo(7);
        assertThat(value(Metric.MEMORY_FAULTS, "pgmajfault", "hierarchy")).isEqualTo(2);
        assertThat(value(Metric.OOM_EVENTS)).isEqualTo(3);
        assertThat(value(Metric.THREADS)).isEqualTo(5);
        assertThat(value(Metric.THREADS_MAX)).as("no limit").isZero();
        assertThat(value(Metric.FS_READ_BYTES, "4095:77")).isEqualTo(4096);
        assertThat(value(Metric.FS_WRITES, "4095:77")).isEqualTo(2);
        assertThat(value(Metric.BLKIO, "4095:77", "4095", "77", "Read")).isEqualTo(4096);
        assertThat(value(Metric.HUGETLB_USAGE, "2MB")).isEqualTo(1);
    }

    @Test
    void countersOfVersionOne() {
        samples.counters(version1());
        assertBothVersionsAlike();
        assertThat(value(Metric.MEMORY_FAULTS, "pgfault", "container")).isEqualTo(6);
        assertThat(value(Metric.HUGETLB_MAX, "2MB")).isEqualTo(2);
        assertThat(told()).doesNotContain(Metric.PRESSURE_CPU_WAITING);
        assertThat(samples.samples()).noneMatch(sample -> sample.labels().contains("Total"));
    }

    @Test
    void countersOfVersionTwo() {
        samples.counters(version2());
        assertBothVersionsAlike();
        for (Metric waiting :
                List.of(Metric.PRESSURE_CPU_WAITING, Metric.PRESSURE_MEMORY_WAITING, Metric.PRESSURE_IO_WAITING)) {
            assertThat(value(waiting)).isEqualTo(4);
        }
        for (Metric stalled :
                List.of(Metric.PRESSURE_CPU_STALLED, Metric.PRESSURE_MEMORY_STALLED, Metric.PRESSURE_IO_STALLED)) {
            assertThat(value(stalled)).isEqualTo(2);
        }
    }

    @Test
    void limitsThatNobodyGaveAreTheKernelsOwn() {
        samples.limits(null);
        assertThat(value(Metric.SPEC_CPU_PERIOD)).isEqualTo(100_000);
        assertThat(value(Metric.SPEC_CPU_SHARES)).isEqualTo(1024);
        assertThat(value(Metric.SPEC_MEMORY_LIMIT)).isZero();
        assertThat(told()).doesNotContain(Metric.SPEC_CPU_QUOTA);
    }

    @Test
    void limitsThatWereAskedToBeNoneAreNone() {
        samples.limits(new Resources(0, -1, 0, -1, 0, "", "", List.of(), Map.of(), -1));
        assertThat(told()).doesNotContain(Metric.SPEC_CPU_QUOTA);
        assertThat(value(Metric.SPEC_MEMORY_LIMIT)).isZero();
        assertThat(value(Metric.SPEC_MEMORY_SWAP)).isZero();
    }

    /** As of the processor of a whole machine, for which old kernels tell only of some. */
    @Test
    void whoNeverStoodStillAltogetherDidSoForNoTime() {
        CgroupStats.V2 all = version2();
        samples.counters(new CgroupStats.V2(
                new CgroupStats.CpuV2(Map.of(), new CgroupStats.Pressure(PRESSURE.some(), null)),
                all.memory(),
                all.pids(),
                all.io(),
                all.hugePages(),
                List.of()));
        assertThat(value(Metric.PRESSURE_CPU_WAITING)).isEqualTo(4);
        assertThat(value(Metric.PRESSURE_CPU_STALLED)).isZero();
    }

    @Test
    void limitsAsAsked() {
        samples.limits(new Resources(50_000, 25_000, 2, 1 << 20, 0, "", "", List.of(), Map.of(), 1 << 21));
        assertThat(value(Metric.SPEC_CPU_PERIOD)).isEqualTo(50_000);
        assertThat(value(Metric.SPEC_CPU_QUOTA)).isEqualTo(25_000);
        assertThat(value(Metric.SPEC_CPU_SHARES)).isEqualTo(2);
        assertThat(value(Metric.SPEC_MEMORY_LIMIT)).isEqualTo(1 << 20);
        assertThat(value(Metric.SPEC_MEMORY_SWAP)).isEqualTo(1 << 21);
        assertThat(value(Metric.SPEC_MEMORY_RESERVATION)).isZero();
    }

    @Test
    void everyMetricIsToldByOneOfTheParts() {
        samples.counters(version1())
                .counters(version2())
                .limits(new Resources(0, 25_000, 0, 0, 0, "", "", List.of(), Map.of(), 0))
                .processes(3, new OpenFiles(12, 4), OptionalLong.of(1024))
                .disk("/dev/sda", new FileSystemStat(1, 100, 50, 40, 10, 9))
                .layer("/dev/sda", 8)
                .times(1, 2)
                .network(List.of(
                        link("lo", Link.Counters.NONE), link("eth0", new Link.Counters(1, 2, 3, 4, 5, 6, 7, 8))));
        assertThat(told()).containsExactlyInAnyOrder(Metric.values());
        assertThat(value(Metric.SOCKETS)).isEqualTo(4);
        assertThat(value(Metric.ULIMITS_SOFT, "max_open_files")).isEqualTo(1024);
        assertThat(value(Metric.FS_LIMIT, "/dev/sda")).isEqualTo(100);
        assertThat(value(Metric.FS_USAGE, "/dev/sda")).isEqualTo(8);
        assertThat(value(Metric.NETWORK_RECEIVED_ERRORS, "eth0")).isEqualTo(3);
        assertThat(value(Metric.NETWORK_SENT_DROPS, "eth0")).isEqualTo(8);
        assertThat(value(Metric.NETWORK_SENT_ERRORS, "eth0")).isEqualTo(7);
        assertThat(value(Metric.NETWORK_RECEIVED_DROPS, "eth0")).isEqualTo(4);
        assertThat(value(Metric.NETWORK_RECEIVED_PACKETS, "eth0")).isEqualTo(2);
        assertThat(value(Metric.NETWORK_SENT_PACKETS, "eth0")).isEqualTo(6);
        assertThat(samples.samples()).noneMatch(sample -> sample.labels().contains("lo"));
    }

    private static Link link(String name, Link.Counters counters) {
        return new Link(1, name, "", "", 1500, true, 0, 0, counters);
    }

    @Test
    void namesAreToldOnceAndLabelsAlwaysFit() {
        assertThat(Arrays.stream(Metric.values()).map(Metric::id)).doesNotHaveDuplicates();
        assertThat(Metric.values()).allSatisfy(metric -> {
            assertThat(metric.help()).isNotBlank();
            assertThat(metric.counter() || metric == Metric.FS_INODES)
                    .isEqualTo(metric.id().endsWith("_total") || metric == Metric.MEMORY_FAILCNT);
        });
        assertThatThrownBy(() -> new Sample(Metric.FS_LIMIT, List.of(), 1)).hasMessageContaining("device");
    }
}
