package dev.berth.cri.stats;

import dev.berth.cri.config.Resources;
import dev.berth.linux.BlockDevices;
import dev.berth.linux.FileSystemStat;
import dev.berth.linux.OpenFiles;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.linux.cgroup.CgroupStats.BlockIo;
import dev.berth.linux.cgroup.CgroupStats.IoDevice;
import dev.berth.linux.cgroup.CgroupStats.Pressure;
import dev.berth.linux.cgroup.CgroupStats.Stall;
import dev.berth.linux.netlink.Link;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Gathers the samples of one container or pod, from what each part of the kernel tells of it. */
public final class ContainerSamples {
    private static final long NANOS = 1_000_000_000;
    private static final long MICROS = 1_000_000;
    private static final long DEFAULT_PERIOD = 100_000; // the kernel's own, in microseconds
    private static final long DEFAULT_SHARES = 1024; // likewise

    private final List<Sample> samples = new ArrayList<>();
    private final BlockDevices devices;

    /** @param devices names that are looked up once for many containers */
    public ContainerSamples(BlockDevices devices) {
        this.devices = devices;
    }

    public List<Sample> samples() {
        return List.copyOf(samples);
    }

    /** What the container's cgroup has counted. */
    public ContainerSamples counters(CgroupStats stats) {
        add(Metric.CPU_USAGE, stats.cpuNanos() / NANOS);
        add(Metric.MEMORY_RSS, stats.rssBytes());
        add(Metric.MEMORY_SWAP, stats.swapBytes().orElse(0));
        add(Metric.MEMORY_USAGE, stats.memoryBytes());
        add(Metric.MEMORY_WORKING_SET, stats.workingSetBytes());
        add(Metric.MEMORY_INACTIVE_FILE, stats.inactiveFileBytes());
        add(Metric.THREADS, stats.pids().current());
        add(
                Metric.THREADS_MAX,
                stats.pids().limit() == Long.MAX_VALUE ? 0 : stats.pids().limit());
        faults("hierarchy", stats.pageFaults(), stats.majorPageFaults());
        switch (stats) {
            case CgroupStats.V1 v1 -> version1(v1);
            case CgroupStats.V2 v2 -> version2(v2);
        }
        for (CgroupStats.HugePages pages : stats.hugePages()) {
            add(Metric.HUGETLB_USAGE, pages.usage(), pages.pageSize());
            if (stats instanceof CgroupStats.V1) { // version 2 has the limit there, and no greatest usage
                add(Metric.HUGETLB_MAX, pages.max(), pages.pageSize());
            }
        }
        return this;
    }

    private void version1(CgroupStats.V1 stats) {
        CgroupStats.CpuV1 cpu = stats.cpu();
        cpu(cpu.userNanos() / NANOS, cpu.kernelNanos() / NANOS);
        throttled(
                cpu.throttling().periods(),
                cpu.throttling().throttledPeriods(),
                cpu.throttling().throttledNanos() / NANOS);
        CgroupStats.MemoryV1 memory = stats.memory();
        add(Metric.MEMORY_CACHE, memory.stat("total_cache"));
        add(Metric.MEMORY_MAPPED, memory.stat("total_mapped_file"));
        add(Metric.MEMORY_ACTIVE_FILE, memory.stat("total_active_file"));
        add(Metric.MEMORY_KERNEL, memory.kernel().usage());
        add(Metric.MEMORY_FAILCNT, memory.usage().failures());
        add(Metric.MEMORY_MAX_USAGE, memory.usage().max());
        add(Metric.OOM_EVENTS, memory.oom().kills());
        faults("container", memory.stat("pgfault"), memory.stat("pgmajfault"));
        for (BlockIo io : stats.blockIo()) {
            blockIo(io);
        }
    }

    private void blockIo(BlockIo io) {
        String device = devices.name(io.major(), io.minor());
        boolean bytes = io.kind() == BlockIo.Kind.SERVICE_BYTES;
        if (bytes && !io.operation().equals("Total")) {
            usage(device, io.major(), io.minor(), io.operation(), io.value());
        }
        switch (io.operation()) {
            case "Read" -> add(bytes ? Metric.FS_READ_BYTES : Metric.FS_READS, io.value(), device);
            case "Write" -> add(bytes ? Metric.FS_WRITTEN_BYTES : Metric.FS_WRITES, io.value(), device);
            default -> {} // Sync, Async and Discard count the same bytes by other properties
        }
    }

    private void version2(CgroupStats.V2 stats) {
        CgroupStats.CpuV2 cpu = stats.cpu();
        cpu(cpu.stat("user_usec") / MICROS, cpu.stat("system_usec") / MICROS);
        throttled(cpu.stat("nr_periods"), cpu.stat("nr_throttled"), cpu.stat("throttled_usec") / MICROS);
        CgroupStats.MemoryV2 memory = stats.memory();
        add(Metric.MEMORY_CACHE, memory.stat("file"));
        add(Metric.MEMORY_MAPPED, memory.stat("file_mapped"));
        add(Metric.MEMORY_ACTIVE_FILE, memory.stat("active_file"));
        add(Metric.MEMORY_KERNEL, memory.stat("kernel"));
        add(Metric.MEMORY_FAILCNT, memory.events().count("max"));
        add(Metric.MEMORY_MAX_USAGE, memory.maxUsage());
        add(Metric.OOM_EVENTS, memory.events().count("oom_kill"));
        faults("container", stats.pageFaults(), stats.majorPageFaults());
        for (IoDevice io : stats.io().devices()) {
            device(io);
        }
        pressure(cpu.pressure(), Metric.PRESSURE_CPU_WAITING, Metric.PRESSURE_CPU_STALLED);
        pressure(memory.events().pressure(), Metric.PRESSURE_MEMORY_WAITING, Metric.PRESSURE_MEMORY_STALLED);
        pressure(stats.io().pressure(), Metric.PRESSURE_IO_WAITING, Metric.PRESSURE_IO_STALLED);
    }

    private void device(IoDevice io) {
        String device = devices.name(io.major(), io.minor());
        add(Metric.FS_READ_BYTES, io.count("rbytes"), device);
        add(Metric.FS_READS, io.count("rios"), device);
        add(Metric.FS_WRITTEN_BYTES, io.count("wbytes"), device);
        add(Metric.FS_WRITES, io.count("wios"), device);
        usage(device, io.major(), io.minor(), "Read", io.count("rbytes"));
        usage(device, io.major(), io.minor(), "Write", io.count("wbytes"));
    }

    private void usage(String device, long major, long minor, String operation, long bytes) {
        add(Metric.BLKIO, bytes, device, Long.toString(major), Long.toString(minor), operation);
    }

    private void cpu(long userSeconds, long systemSeconds) {
        add(Metric.CPU_USER, userSeconds);
        add(Metric.CPU_SYSTEM, systemSeconds);
    }

    private void throttled(long periods, long throttledPeriods, long seconds) {
        add(Metric.CPU_PERIODS, periods);
        add(Metric.CPU_THROTTLED_PERIODS, throttledPeriods);
        add(Metric.CPU_THROTTLED, seconds);
    }

    private void faults(String scope, long all, long major) {
        add(Metric.MEMORY_FAULTS, all, "pgfault", scope);
        add(Metric.MEMORY_FAULTS, major, "pgmajfault", scope);
    }

    private void pressure(@Nullable Pressure pressure, Metric waiting, Metric stalled) {
        if (pressure != null) {
            add(waiting, pressure.some().totalMicros() / MICROS);
            Stall full = pressure.full();
            add(stalled, full == null ? 0 : full.totalMicros() / MICROS);
        }
    }

    /** What was asked for when the container was made or last changed. */
    public ContainerSamples limits(@Nullable Resources asked) {
        add(Metric.SPEC_CPU_PERIOD, asked == null || asked.cpuPeriod() == 0 ? DEFAULT_PERIOD : asked.cpuPeriod());
        add(Metric.SPEC_CPU_SHARES, asked == null || asked.cpuShares() == 0 ? DEFAULT_SHARES : asked.cpuShares());
        if (asked != null && asked.cpuQuota() > 0) {
            add(Metric.SPEC_CPU_QUOTA, asked.cpuQuota());
        }
        add(Metric.SPEC_MEMORY_LIMIT, asked == null ? 0 : Math.max(0, asked.memoryLimit()));
        add(Metric.SPEC_MEMORY_RESERVATION, 0); // CRI has no way to ask for one
        add(Metric.SPEC_MEMORY_SWAP, asked == null ? 0 : Math.max(0, asked.memorySwapLimit()));
        return this;
    }

    /** The processes of a container that runs on this kernel. */
    public ContainerSamples processes(int count, OpenFiles open, OptionalLong softLimit) {
        add(Metric.PROCESSES, count);
        add(Metric.FILE_DESCRIPTORS, open.descriptors());
        add(Metric.SOCKETS, open.sockets());
        softLimit.ifPresent(limit -> add(Metric.ULIMITS_SOFT, limit, "max_open_files"));
        return this;
    }

    /** The file system in which its own layer is. */
    public ContainerSamples disk(String device, FileSystemStat filesystem) {
        add(Metric.FS_INODES, filesystem.totalInodes(), device);
        add(Metric.FS_INODES_FREE, filesystem.freeInodes(), device);
        add(Metric.FS_LIMIT, filesystem.totalBytes(), device);
        return this;
    }

    /** What its own layer takes there. */
    public ContainerSamples layer(String device, long bytes) {
        add(Metric.FS_USAGE, bytes, device);
        return this;
    }

    /** Seconds since 1970. */
    public ContainerSamples times(long started, long seen) {
        add(Metric.START_TIME, started);
        add(Metric.LAST_SEEN, seen);
        return this;
    }

    /** The interfaces of a pod, but the one that leads nowhere. */
    public ContainerSamples network(List<Link> links) {
        Map<String, Link.Counters> byName = new TreeMap<>();
        links.forEach(link -> byName.put(link.name(), link.counters()));
        byName.remove("lo");
        byName.forEach((name, counters) -> {
            add(Metric.NETWORK_RECEIVED, counters.rxBytes(), name);
            add(Metric.NETWORK_RECEIVED_PACKETS, counters.rxPackets(), name);
            add(Metric.NETWORK_RECEIVED_DROPS, counters.rxDropped(), name);
            add(Metric.NETWORK_RECEIVED_ERRORS, counters.rxErrors(), name);
            add(Metric.NETWORK_SENT, counters.txBytes(), name);
            add(Metric.NETWORK_SENT_PACKETS, counters.txPackets(), name);
            add(Metric.NETWORK_SENT_DROPS, counters.txDropped(), name);
            add(Metric.NETWORK_SENT_ERRORS, counters.txErrors(), name);
        });
        return this;
    }

    private void add(Metric metric, long value, String... labels) {
        samples.add(Sample.of(metric, value, labels));
    }
}
