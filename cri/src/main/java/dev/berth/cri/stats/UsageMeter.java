package dev.berth.cri.stats;

import dev.berth.kernel.Ticker;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.linux.cgroup.CgroupStats.Pressure;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Turns counters into usage, and remembers the last reading of each id for rates. */
public final class UsageMeter {
    /** Two readings that are closer than this say more about the scheduler's tick than about the load. */
    private static final Duration SHORTEST = Duration.ofMillis(100);

    private static final double NANOS = Duration.ofSeconds(1).toNanos();

    private final Map<String, Sample> last = new ConcurrentHashMap<>();
    private final Ticker ticker;
    private final InstantSource clock;

    private record Sample(long ticks, long coreNanos, OptionalLong rate) {}

    public UsageMeter(Ticker ticker, InstantSource clock) {
        this.ticker = ticker;
        this.clock = clock;
    }

    /** Forgets an id whose cgroup is gone. */
    public void forget(String id) {
        last.remove(id);
    }

    /**
     * Measures.
     *
     * @param id of the container or pod, or whatever names the cgroup
     * @param since when it began to count; the first reading of an id has the rate since then, as there is no other
     */
    public Usage measure(String id, CgroupStats stats, Instant since) {
        long swapUsed = stats.swapBytes().orElse(0);
        OptionalLong swapLimit = stats.swapLimitBytes();
        Instant now = clock.instant();
        Duration life = Duration.between(since, now);
        return new Usage(
                now,
                new Usage.Cpu(stats.cpuNanos(), rate(id, stats.cpuNanos(), life), cpuPressure(stats)),
                memory(stats),
                new Usage.Swap(
                        swapLimit.isEmpty()
                                ? OptionalLong.empty()
                                : OptionalLong.of(Math.max(0, swapLimit.getAsLong() - swapUsed)),
                        stats.swapBytes()),
                stats.pids().current(),
                ioPressure(stats));
    }

    private static Usage.Memory memory(CgroupStats stats) {
        long workingSet = stats.workingSetBytes();
        OptionalLong limit = stats.memoryLimitBytes();
        return new Usage.Memory(
                workingSet,
                limit.isEmpty() ? OptionalLong.empty() : OptionalLong.of(Math.max(0, limit.getAsLong() - workingSet)),
                stats.memoryBytes(),
                stats.rssBytes(),
                new Usage.Faults(stats.pageFaults(), stats.majorPageFaults()),
                memoryPressure(stats));
    }

    private OptionalLong rate(String id, long coreNanos, Duration life) {
        long now = ticker.nanos();
        Sample sample = last.compute(id, (_, before) -> next(before, now, coreNanos, life));
        return sample == null ? OptionalLong.empty() : sample.rate();
    }

    /** @return null if it is too early for a first rate: the next reading is to be the first then */
    private static @Nullable Sample next(@Nullable Sample before, long now, long coreNanos, Duration life) {
        if (before == null || coreNanos < before.coreNanos()) { // the first, or of a cgroup made anew
            OptionalLong rate = rate(coreNanos, life.toNanos());
            return rate.isEmpty() ? null : new Sample(now, coreNanos, rate);
        }
        long elapsed = now - before.ticks();
        if (elapsed < SHORTEST.toNanos()) {
            return before;
        }
        return new Sample(now, coreNanos, rate(coreNanos - before.coreNanos(), elapsed));
    }

    private static OptionalLong rate(long coreNanos, long elapsed) {
        if (elapsed < SHORTEST.toNanos()) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(Math.round((double) coreNanos / elapsed * NANOS));
    }

    private static @Nullable Pressure cpuPressure(CgroupStats stats) {
        return stats instanceof CgroupStats.V2 v2 ? v2.cpu().pressure() : null;
    }

    private static @Nullable Pressure memoryPressure(CgroupStats stats) {
        return stats instanceof CgroupStats.V2 v2 ? v2.memory().events().pressure() : null;
    }

    private static @Nullable Pressure ioPressure(CgroupStats stats) {
        return stats instanceof CgroupStats.V2 v2 ? v2.io().pressure() : null;
    }
}
