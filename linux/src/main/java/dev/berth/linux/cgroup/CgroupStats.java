package dev.berth.linux.cgroup;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The counters of a cgroup at one moment. Each version keeps its own names, since the metrics messages of containerd do;
 * what both have is answered by the methods here. A counter that the kernel does not offer is 0.
 */
public sealed interface CgroupStats permits CgroupStats.V1, CgroupStats.V2 {
    /** Processor time used so far. */
    long cpuNanos();

    /** Memory in use, page cache included. */
    long memoryBytes();

    /** Page cache that could go at any time. */
    long inactiveFileBytes();

    /** Anonymous memory. */
    long rssBytes();

    long pageFaults();

    long majorPageFaults();

    /** Empty if there is no limit. */
    OptionalLong memoryLimitBytes();

    /** Empty if the kernel does not account swap. */
    OptionalLong swapBytes();

    /** Swap alone, without memory; empty if there is no limit or no accounting. */
    OptionalLong swapLimitBytes();

    /** Number of tasks, threads included. */
    Pids pids();

    List<HugePages> hugePages();

    List<Rdma> rdma();

    /** Memory that cannot be reclaimed easily: what the kubelet evicts by. */
    default long workingSetBytes() {
        return Math.max(0, memoryBytes() - inactiveFileBytes());
    }

    /**
     * Tasks.
     *
     * @param limit {@link Long#MAX_VALUE}: none
     */
    record Pids(long current, long limit) {}

    /** One size of huge pages. */
    record HugePages(String pageSize, long usage, long max, long failures) {}

    /** One RDMA device; a limit of {@link Long#MAX_VALUE} is none. */
    record Rdma(String device, long handles, long objects, long handlesLimit, long objectsLimit) {}

    /** Version 1. */
    record V1(CpuV1 cpu, MemoryV1 memory, Pids pids, List<BlockIo> blockIo, List<HugePages> hugePages, List<Rdma> rdma)
            implements CgroupStats {
        /** From here on the kernel means "no limit": the greatest number of bytes in whole pages. */
        private static final long UNLIMITED = Long.MAX_VALUE - (1 << 16);

        @Override
        public long cpuNanos() {
            return cpu.totalNanos();
        }

        @Override
        public long memoryBytes() {
            return memory.usage().usage();
        }

        @Override
        public long inactiveFileBytes() {
            return memory.stat("total_inactive_file");
        }

        @Override
        public long rssBytes() {
            return memory.stat("total_rss");
        }

        @Override
        public long pageFaults() {
            return memory.stat("total_pgfault");
        }

        @Override
        public long majorPageFaults() {
            return memory.stat("total_pgmajfault");
        }

        @Override
        public OptionalLong memoryLimitBytes() {
            return limit(memory.usage().limit());
        }

        @Override
        public OptionalLong swapBytes() {
            MemoryEntry both = memory.withSwap();
            return both == null
                    ? OptionalLong.empty()
                    : OptionalLong.of(Math.max(0, both.usage() - memory.usage().usage()));
        }

        @Override
        public OptionalLong swapLimitBytes() {
            MemoryEntry both = memory.withSwap();
            if (both == null || both.limit() >= UNLIMITED || memory.usage().limit() >= UNLIMITED) {
                return OptionalLong.empty();
            }
            return OptionalLong.of(Math.max(0, both.limit() - memory.usage().limit()));
        }

        private static OptionalLong limit(long bytes) {
            return bytes >= UNLIMITED || bytes == 0 ? OptionalLong.empty() : OptionalLong.of(bytes);
        }
    }

    /** Processor time of version 1. */
    record CpuV1(long totalNanos, long kernelNanos, long userNanos, List<Long> perCpuNanos, Throttling throttling) {}

    /** How often the quota was used up. */
    record Throttling(long periods, long throttledPeriods, long throttledNanos) {}

    /**
     * Memory of version 1.
     *
     * @param stat {@code memory.stat} as it stands
     * @param withSwap memory and swap together; null if swap is not accounted
     */
    record MemoryV1(
            Map<String, Long> stat,
            MemoryEntry usage,
            @Nullable MemoryEntry withSwap,
            MemoryEntry kernel,
            MemoryEntry kernelTcp,
            OomControl oom) {
        /** One line of {@code memory.stat}; 0 if this kernel has no such line. */
        public long stat(String key) {
            return stat.getOrDefault(key, 0L);
        }
    }

    /** One kind of memory, in bytes. */
    record MemoryEntry(long limit, long usage, long max, long failures) {}

    /** State and number of OOM kills. */
    record OomControl(boolean killDisabled, boolean underOom, long kills) {}

    /** One device and operation of version 1. */
    record BlockIo(Kind kind, String operation, long major, long minor, long value) {
        /** What is counted. */
        public enum Kind {
            SERVICE_BYTES,
            SERVICED
        }
    }

    /** Version 2. */
    record V2(CpuV2 cpu, MemoryV2 memory, Pids pids, IoV2 io, List<HugePages> hugePages, List<Rdma> rdma)
            implements CgroupStats {
        @Override
        public long cpuNanos() {
            return cpu.stat("usage_usec") * 1000;
        }

        @Override
        public long memoryBytes() {
            return memory.usage();
        }

        @Override
        public long inactiveFileBytes() {
            return memory.stat("inactive_file");
        }

        @Override
        public long rssBytes() {
            return memory.stat("anon");
        }

        @Override
        public long pageFaults() {
            return memory.stat("pgfault");
        }

        @Override
        public long majorPageFaults() {
            return memory.stat("pgmajfault");
        }

        @Override
        public OptionalLong memoryLimitBytes() {
            return memory.limit() == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(memory.limit());
        }

        @Override
        public OptionalLong swapBytes() {
            MemoryEntry swap = memory.swap();
            return swap == null ? OptionalLong.empty() : OptionalLong.of(swap.usage());
        }

        @Override
        public OptionalLong swapLimitBytes() {
            MemoryEntry swap = memory.swap();
            return swap == null || swap.limit() == Long.MAX_VALUE
                    ? OptionalLong.empty()
                    : OptionalLong.of(swap.limit());
        }
    }

    /** Processor time of version 2: {@code cpu.stat} as it stands, in microseconds. */
    record CpuV2(Map<String, Long> stat, @Nullable Pressure pressure) {
        /** One line of {@code cpu.stat}; 0 if this kernel has no such line. */
        public long stat(String key) {
            return stat.getOrDefault(key, 0L);
        }
    }

    /**
     * Memory of version 2.
     *
     * @param stat {@code memory.stat} as it stands
     * @param limit {@link Long#MAX_VALUE}: none
     * @param swap null if swap is not accounted
     * @param events {@code memory.events} as it stands
     */
    record MemoryV2(
            Map<String, Long> stat,
            long usage,
            long limit,
            long maxUsage,
            @Nullable MemoryEntry swap,
            MemoryEvents events) {
        /** One line of {@code memory.stat}; 0 if this kernel has no such line. */
        public long stat(String key) {
            return stat.getOrDefault(key, 0L);
        }
    }

    /** What happened at the limits, and how long tasks waited for memory. */
    record MemoryEvents(Map<String, Long> counts, @Nullable Pressure pressure) {
        public long count(String key) {
            return counts.getOrDefault(key, 0L);
        }
    }

    /** Disk traffic of version 2. */
    record IoV2(List<IoDevice> devices, @Nullable Pressure pressure) {}

    /** One device. */
    record IoDevice(long major, long minor, Map<String, Long> counts) {
        /** {@code rbytes}, {@code wbytes}, {@code rios}, {@code wios} …; 0 if there is none. */
        public long count(String key) {
            return counts.getOrDefault(key, 0L);
        }
    }

    /** Pressure stall information; {@code full} is null for kinds that have none. */
    record Pressure(Stall some, @Nullable Stall full) {}

    /** Share of time stalled, in percent over three windows, and the total. */
    record Stall(double avg10, double avg60, double avg300, long totalMicros) {}
}
