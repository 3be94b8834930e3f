package dev.berth.cri.stats;

import dev.berth.linux.cgroup.CgroupStats;
import java.time.Instant;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * What a cgroup uses, all at one moment. Empty means that there is no such figure: no limit, no accounting, no second
 * reading yet.
 *
 * @param processes tasks, threads included
 * @param io how long tasks waited for disks; null on hosts that do not tell
 */
public record Usage(Instant at, Cpu cpu, Memory memory, Swap swap, long processes, CgroupStats.@Nullable Pressure io) {

    /**
     * Processor time.
     *
     * @param coreNanos nanoseconds of one core, since the cgroup was made
     * @param nanoCores billionths of a core in use between the last two readings
     */
    public record Cpu(long coreNanos, OptionalLong nanoCores, CgroupStats.@Nullable Pressure pressure) {}

    /**
     * Memory in bytes.
     *
     * @param workingSet what cannot be given back at once
     * @param available what is left until the limit
     * @param usage with page cache
     * @param rss anonymous memory
     */
    public record Memory(
            long workingSet,
            OptionalLong available,
            long usage,
            long rss,
            Faults faults,
            CgroupStats.@Nullable Pressure pressure) {}

    /** Page faults, and those that had to wait for a disk. */
    public record Faults(long all, long major) {}

    /** Swap in bytes, without memory. */
    public record Swap(OptionalLong available, OptionalLong used) {}
}
