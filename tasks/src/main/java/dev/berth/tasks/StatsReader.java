package dev.berth.tasks;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.berth.kernel.Fault;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.wire.shim.cgroups1.BlkIOEntry;
import dev.berth.wire.shim.cgroups2.PSIData;
import dev.berth.wire.shim.cgroups2.PSIStats;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Reads the counters that a shim answers, in either of containerd's two messages, into the words of the kernel. */
final class StatsReader {
    private StatsReader() {}

    static CgroupStats read(Any stats) {
        String type = stats.getTypeUrl().substring(stats.getTypeUrl().lastIndexOf('/') + 1);
        try {
            return switch (type) {
                case "io.containerd.cgroups.v1.Metrics" ->
                    v1(dev.berth.wire.shim.cgroups1.Metrics.parseFrom(stats.getValue()));
                case "io.containerd.cgroups.v2.Metrics" ->
                    v2(dev.berth.wire.shim.cgroups2.Metrics.parseFrom(stats.getValue()));
                default -> throw Fault.internal("read stats", "the shim answers in an unknown form: " + type, "");
            };
        } catch (InvalidProtocolBufferException e) {
            throw Fault.internal("read stats", "the shim's answer cannot be read: " + e.getMessage(), "");
        }
    }

    private static CgroupStats v1(dev.berth.wire.shim.cgroups1.Metrics m) {
        var usage = m.getCpu().getUsage();
        var throttling = m.getCpu().getThrottling();
        var cpu = new CgroupStats.CpuV1(
                usage.getTotal(),
                usage.getKernel(),
                usage.getUser(),
                List.copyOf(usage.getPerCpuList()),
                new CgroupStats.Throttling(
                        throttling.getPeriods(), throttling.getThrottledPeriods(), throttling.getThrottledTime()));
        var memory = m.getMemory();
        var oom = m.getMemoryOomControl();
        return new CgroupStats.V1(
                cpu,
                new CgroupStats.MemoryV1(
                        counters(memory, StatsReader::kernelName),
                        entry(memory.getUsage()),
                        memory.hasSwap() ? entry(memory.getSwap()) : null,
                        entry(memory.getKernel()),
                        entry(memory.getKernelTcp()),
                        new CgroupStats.OomControl(
                                oom.getOomKillDisable() != 0, oom.getUnderOom() != 0, oom.getOomKill())),
                pids(m.getPids().getCurrent(), m.getPids().getLimit()),
                blockIo(m.getBlkio()),
                m.getHugetlbList().stream()
                        .map(h -> new CgroupStats.HugePages(h.getPagesize(), h.getUsage(), h.getMax(), h.getFailcnt()))
                        .toList(),
                List.of());
    }

    private static CgroupStats v2(dev.berth.wire.shim.cgroups2.Metrics m) {
        var memory = m.getMemory();
        CgroupStats.MemoryEntry swap = memory.getSwapLimit() == 0 && memory.getSwapUsage() == 0
                ? null
                : new CgroupStats.MemoryEntry(
                        unlimited(memory.getSwapLimit()), memory.getSwapUsage(), memory.getSwapMaxUsage(), 0);
        return new CgroupStats.V2(
                new CgroupStats.CpuV2(
                        counters(m.getCpu(), UnaryOperator.identity()),
                        pressure(m.getCpu().getPsi())),
                new CgroupStats.MemoryV2(
                        counters(memory, UnaryOperator.identity()),
                        memory.getUsage(),
                        unlimited(memory.getUsageLimit()),
                        memory.getMaxUsage(),
                        swap,
                        new CgroupStats.MemoryEvents(
                                counters(m.getMemoryEvents(), UnaryOperator.identity()), pressure(memory.getPsi()))),
                pids(m.getPids().getCurrent(), m.getPids().getLimit()),
                new CgroupStats.IoV2(
                        m.getIo().getUsageList().stream()
                                .map(io -> new CgroupStats.IoDevice(
                                        io.getMajor(), io.getMinor(), counters(io, UnaryOperator.identity())))
                                .toList(),
                        pressure(m.getIo().getPsi())),
                m.getHugetlbList().stream()
                        .map(h ->
                                new CgroupStats.HugePages(h.getPagesize(), h.getCurrent(), h.getMax(), h.getFailcnt()))
                        .toList(),
                List.of());
    }

    /** All number fields of a message by their names; what is 0 is left out. */
    private static Map<String, Long> counters(Message message, UnaryOperator<String> rename) {
        Map<String, Long> counters = new HashMap<>();
        message.getAllFields().forEach((field, value) -> {
            if (value instanceof Long number) {
                counters.put(rename.apply(field.getName()), number);
            }
        });
        return counters;
    }

    /** The message writes "pg_maj_fault" where memory.stat says "pgmajfault". */
    private static String kernelName(String field) {
        return field.replace("pg_pg_", "pgpg")
                .replace("pg_maj_fault", "pgmajfault")
                .replace("pg_fault", "pgfault");
    }

    private static CgroupStats.MemoryEntry entry(dev.berth.wire.shim.cgroups1.MemoryEntry e) {
        return new CgroupStats.MemoryEntry(e.getLimit(), e.getUsage(), e.getMax(), e.getFailcnt());
    }

    private static CgroupStats.Pids pids(long current, long limit) {
        return new CgroupStats.Pids(current, unlimited(limit));
    }

    /** Both messages say "none" by 0 or by the greatest number without a sign. */
    private static long unlimited(long limit) {
        return limit <= 0 ? Long.MAX_VALUE : limit;
    }

    private static List<CgroupStats.BlockIo> blockIo(dev.berth.wire.shim.cgroups1.BlkIOStat stat) {
        List<CgroupStats.BlockIo> all = new ArrayList<>();
        for (BlkIOEntry e : stat.getIoServiceBytesRecursiveList()) {
            all.add(blockIo(CgroupStats.BlockIo.Kind.SERVICE_BYTES, e));
        }
        for (BlkIOEntry e : stat.getIoServicedRecursiveList()) {
            all.add(blockIo(CgroupStats.BlockIo.Kind.SERVICED, e));
        }
        return all;
    }

    private static CgroupStats.BlockIo blockIo(CgroupStats.BlockIo.Kind kind, BlkIOEntry e) {
        return new CgroupStats.BlockIo(kind, e.getOp(), e.getMajor(), e.getMinor(), e.getValue());
    }

    private static CgroupStats.@Nullable Pressure pressure(PSIStats psi) {
        return psi.hasSome()
                ? new CgroupStats.Pressure(stall(psi.getSome()), psi.hasFull() ? stall(psi.getFull()) : null)
                : null;
    }

    private static CgroupStats.Stall stall(PSIData data) {
        return new CgroupStats.Stall(data.getAvg10(), data.getAvg60(), data.getAvg300(), data.getTotal());
    }
}
