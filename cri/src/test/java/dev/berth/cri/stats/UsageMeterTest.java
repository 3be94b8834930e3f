package dev.berth.cri.stats;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.linux.cgroup.CgroupStats.MemoryEntry;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class UsageMeterTest {
    private static final Instant NOW = Instant.ofEpochSecond(7);
    private static final long UNLIMITED_V1 = 9_223_372_036_854_771_712L;

    /** Time that stands still until it is told. */
    private static final class HandTicker implements Ticker {
        private long now;

        @Override
        public long nanos() {
            return now;
        }

        @Override
        public void sleep(Duration time) {
            now += time.toNanos();
        }
    }

    private final HandTicker ticker = new HandTicker();
    private final UsageMeter meter = new UsageMeter(ticker, InstantSource.fixed(NOW));

    /** As of something that began a second ago. */
    private Usage measure(String id, CgroupStats stats) {
        return meter.measure(id, stats, NOW.minusSeconds(1));
    }

    private static CgroupStats.V1 v1(long nanos, MemoryEntry memory, @Nullable MemoryEntry withSwap) {
        var nothing = new MemoryEntry(0, 0, 0, 0);
        return new CgroupStats.V1(
                new CgroupStats.CpuV1(nanos, 0, 0, List.of(), new CgroupStats.Throttling(0, 0, 0)),
                new CgroupStats.MemoryV1(
                        Map.of(
                                "total_inactive_file",
                                300L,
                                "total_rss",
                                400L,
                                "total_pgfault",
                                5L,
                                "total_pgmajfault",
                                1L),
                        memory,
                        withSwap,
                        nothing,
                        nothing,
                        new CgroupStats.OomControl(false, false, 0)),
                new CgroupStats.Pids(3, Long.MAX_VALUE),
                List.of(),
                List.of(),
                List.of());
    }

    private static CgroupStats.V1 cpuOnly(long nanos) {
        return v1(nanos, new MemoryEntry(UNLIMITED_V1, 1000, 0, 0), null);
    }

    @Test
    void memoryWithALimitAndSwap() {
        Usage usage = measure("a", v1(5, new MemoryEntry(2000, 1000, 1500, 0), new MemoryEntry(2500, 1100, 0, 0)));
        assertThat(usage.memory().workingSet()).isEqualTo(700);
        assertThat(usage.memory().available()).isEqualTo(OptionalLong.of(1300));
        assertThat(usage.memory().usage()).isEqualTo(1000);
        assertThat(usage.memory().rss()).isEqualTo(400);
        assertThat(usage.memory().faults()).isEqualTo(new Usage.Faults(5, 1));
        assertThat(usage.swap()).isEqualTo(new Usage.Swap(OptionalLong.of(400), OptionalLong.of(100)));
        assertThat(usage.processes()).isEqualTo(3);
        assertThat(usage.at()).isEqualTo(Instant.ofEpochSecond(7));
    }

    @Test
    void withoutLimitsNothingIsAvailable() {
        Usage usage = measure("a", cpuOnly(5));
        assertThat(usage.memory().available()).isEmpty();
        assertThat(usage.swap()).isEqualTo(new Usage.Swap(OptionalLong.empty(), OptionalLong.empty()));
        assertThat(usage.io()).isNull();
    }

    @Test
    void theWorkingSetIsNeverNegative() {
        Usage usage = measure("a", v1(5, new MemoryEntry(0, 100, 0, 0), null));
        assertThat(usage.memory().workingSet()).isZero();
    }

    @Test
    void whatIsAboveItsLimitHasNothingLeft() {
        Usage usage = measure("a", v1(5, new MemoryEntry(500, 1000, 0, 0), new MemoryEntry(1000, 2200, 0, 0)));
        assertThat(usage.memory().available()).isEqualTo(OptionalLong.of(0));
        assertThat(usage.swap().available()).isEqualTo(OptionalLong.of(0));
    }

    private static CgroupStats.Pressure pressure(double share) {
        return new CgroupStats.Pressure(new CgroupStats.Stall(share, 2, 3, 4), null);
    }

    @Test
    void aRateIsThatBetweenTwoReadingsAndAtFirstThatSinceTheStart() {
        assertThat(measure("a", cpuOnly(1_000_000)).cpu().nanoCores()).isEqualTo(OptionalLong.of(1_000_000));
        assertThat(meter.measure("new", cpuOnly(9), NOW.minusMillis(50)).cpu().nanoCores())
                .as("too young to tell")
                .isEmpty();
        ticker.sleep(Duration.ofSeconds(2));
        assertThat(measure("a", cpuOnly(501_000_000)).cpu().nanoCores()).isEqualTo(OptionalLong.of(250_000_000));
        ticker.sleep(Duration.ofMillis(50));
        assertThat(measure("a", cpuOnly(551_000_000)).cpu().nanoCores())
                .as("too soon: the rate of before")
                .isEqualTo(OptionalLong.of(250_000_000));
        ticker.sleep(Duration.ofMillis(950));
        assertThat(measure("a", cpuOnly(1_501_000_000)).cpu().nanoCores()).isEqualTo(OptionalLong.of(1_000_000_000));
        assertThat(measure("b", cpuOnly(9)).cpu().nanoCores())
                .as("each id for itself")
                .isEqualTo(OptionalLong.of(9));
    }

    @Test
    void aCgroupMadeAnewStartsOver() {
        measure("a", cpuOnly(1_000_000));
        ticker.sleep(Duration.ofSeconds(1));
        assertThat(measure("a", cpuOnly(10)).cpu().nanoCores()).isEqualTo(OptionalLong.of(10));
        ticker.sleep(Duration.ofSeconds(1));
        meter.forget("a");
        assertThat(measure("a", cpuOnly(20)).cpu().nanoCores()).isEqualTo(OptionalLong.of(20));
    }

    @Test
    void pressureComesThroughOnVersionTwo() {
        var stats = new CgroupStats.V2(
                new CgroupStats.CpuV2(Map.of("usage_usec", 3L), pressure(1)),
                new CgroupStats.MemoryV2(
                        Map.of("inactive_file", 1L),
                        10,
                        Long.MAX_VALUE,
                        0,
                        new MemoryEntry(50, 20, 0, 0),
                        new CgroupStats.MemoryEvents(Map.of(), pressure(2))),
                new CgroupStats.Pids(1, 2),
                new CgroupStats.IoV2(List.of(), pressure(3)),
                List.of(),
                List.of());
        Usage usage = measure("v2", stats);
        assertThat(usage.cpu().coreNanos()).isEqualTo(3000);
        assertThat(usage.cpu().pressure()).isEqualTo(pressure(1));
        assertThat(usage.memory().pressure()).isEqualTo(pressure(2));
        assertThat(usage.io()).isEqualTo(pressure(3));
        assertThat(usage.swap().available()).isEqualTo(OptionalLong.of(30));
    }
}
