package dev.berth.shim;

import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.wire.shim.cgroups1.BlkIOEntry;
import dev.berth.wire.shim.cgroups1.BlkIOStat;
import dev.berth.wire.shim.cgroups1.CPUStat;
import dev.berth.wire.shim.cgroups1.CPUUsage;
import dev.berth.wire.shim.cgroups1.HugetlbStat;
import dev.berth.wire.shim.cgroups1.MemoryEntry;
import dev.berth.wire.shim.cgroups1.MemoryOomControl;
import dev.berth.wire.shim.cgroups1.MemoryStat;
import dev.berth.wire.shim.cgroups1.Metrics;
import dev.berth.wire.shim.cgroups1.PidsStat;
import dev.berth.wire.shim.cgroups1.RdmaEntry;
import dev.berth.wire.shim.cgroups1.RdmaStat;
import dev.berth.wire.shim.cgroups1.Throttle;

/** {@code io.containerd.cgroups.v1.Metrics}. */
final class MetricsV1 {
    private MetricsV1() {}

    static Metrics message(CgroupStats.V1 stats) {
        Metrics.Builder metrics = Metrics.newBuilder()
                .setPids(PidsStat.newBuilder()
                        .setCurrent(stats.pids().current())
                        .setLimit(
                                stats.pids().limit() == Long.MAX_VALUE
                                        ? 0
                                        : stats.pids().limit()))
                .setCpu(cpu(stats.cpu()))
                .setMemory(memory(stats.memory()))
                .setMemoryOomControl(oom(stats.memory().oom()))
                .setBlkio(blockIo(stats))
                .setRdma(rdma(stats));
        for (CgroupStats.HugePages pages : stats.hugePages()) {
            metrics.addHugetlb(HugetlbStat.newBuilder()
                    .setPagesize(pages.pageSize())
                    .setUsage(pages.usage())
                    .setMax(pages.max())
                    .setFailcnt(pages.failures()));
        }
        return metrics.build();
    }

    private static CPUStat cpu(CgroupStats.CpuV1 cpu) {
        CgroupStats.Throttling throttling = cpu.throttling();
        return CPUStat.newBuilder()
                .setUsage(CPUUsage.newBuilder()
                        .setTotal(cpu.totalNanos())
                        .setKernel(cpu.kernelNanos())
                        .setUser(cpu.userNanos())
                        .addAllPerCpu(cpu.perCpuNanos()))
                .setThrottling(Throttle.newBuilder()
                        .setPeriods(throttling.periods())
                        .setThrottledPeriods(throttling.throttledPeriods())
                        .setThrottledTime(throttling.throttledNanos()))
                .build();
    }

    private static MemoryStat memory(CgroupStats.MemoryV1 memory) {
        MemoryStat.Builder message = MemoryStat.newBuilder()
                .setCache(memory.stat("cache"))
                .setRss(memory.stat("rss"))
                .setRssHuge(memory.stat("rss_huge"))
                .setMappedFile(memory.stat("mapped_file"))
                .setDirty(memory.stat("dirty"))
                .setWriteback(memory.stat("writeback"))
                .setPgPgIn(memory.stat("pgpgin"))
                .setPgPgOut(memory.stat("pgpgout"))
                .setPgFault(memory.stat("pgfault"))
                .setPgMajFault(memory.stat("pgmajfault"))
                .setInactiveAnon(memory.stat("inactive_anon"))
                .setActiveAnon(memory.stat("active_anon"))
                .setInactiveFile(memory.stat("inactive_file"))
                .setActiveFile(memory.stat("active_file"))
                .setUnevictable(memory.stat("unevictable"))
                .setHierarchicalMemoryLimit(memory.stat("hierarchical_memory_limit"))
                .setHierarchicalSwapLimit(memory.stat("hierarchical_memsw_limit"));
        totals(message, memory);
        message.setUsage(entry(memory.usage()))
                .setKernel(entry(memory.kernel()))
                .setKernelTcp(entry(memory.kernelTcp()));
        CgroupStats.MemoryEntry swap = memory.withSwap();
        if (swap != null) {
            message.setSwap(entry(swap));
        }
        return message.build();
    }

    private static void totals(MemoryStat.Builder message, CgroupStats.MemoryV1 memory) {
        message.setTotalCache(memory.stat("total_cache"))
                .setTotalRss(memory.stat("total_rss"))
                .setTotalRssHuge(memory.stat("total_rss_huge"))
                .setTotalMappedFile(memory.stat("total_mapped_file"))
                .setTotalDirty(memory.stat("total_dirty"))
                .setTotalWriteback(memory.stat("total_writeback"))
                .setTotalPgPgIn(memory.stat("total_pgpgin"))
                .setTotalPgPgOut(memory.stat("total_pgpgout"))
                .setTotalPgFault(memory.stat("total_pgfault"))
                .setTotalPgMajFault(memory.stat("total_pgmajfault"))
                .setTotalInactiveAnon(memory.stat("total_inactive_anon"))
                .setTotalActiveAnon(memory.stat("total_active_anon"))
                .setTotalInactiveFile(memory.stat("total_inactive_file"))
                .setTotalActiveFile(memory.stat("total_active_file"))
                .setTotalUnevictable(memory.stat("total_unevictable"));
    }

    private static MemoryEntry entry(CgroupStats.MemoryEntry entry) {
        return MemoryEntry.newBuilder()
                .setLimit(entry.limit())
                .setUsage(entry.usage())
                .setMax(entry.max())
                .setFailcnt(entry.failures())
                .build();
    }

    private static MemoryOomControl oom(CgroupStats.OomControl oom) {
        return MemoryOomControl.newBuilder()
                .setOomKillDisable(oom.killDisabled() ? 1 : 0)
                .setUnderOom(oom.underOom() ? 1 : 0)
                .setOomKill(oom.kills())
                .build();
    }

    private static BlkIOStat blockIo(CgroupStats.V1 stats) {
        BlkIOStat.Builder message = BlkIOStat.newBuilder();
        for (CgroupStats.BlockIo entry : stats.blockIo()) {
            BlkIOEntry one = BlkIOEntry.newBuilder()
                    .setOp(entry.operation())
                    .setMajor(entry.major())
                    .setMinor(entry.minor())
                    .setValue(entry.value())
                    .build();
            switch (entry.kind()) {
                case SERVICE_BYTES -> message.addIoServiceBytesRecursive(one);
                case SERVICED -> message.addIoServicedRecursive(one);
            }
        }
        return message.build();
    }

    private static RdmaStat rdma(CgroupStats.V1 stats) {
        RdmaStat.Builder message = RdmaStat.newBuilder();
        for (CgroupStats.Rdma device : stats.rdma()) {
            message.addCurrent(rdma(device.device(), device.handles(), device.objects()));
            message.addLimit(rdma(device.device(), device.handlesLimit(), device.objectsLimit()));
        }
        return message.build();
    }

    private static RdmaEntry rdma(String device, long handles, long objects) {
        return RdmaEntry.newBuilder()
                .setDevice(device)
                .setHcaHandles((int) Math.min(handles, Integer.MAX_VALUE))
                .setHcaObjects((int) Math.min(objects, Integer.MAX_VALUE))
                .build();
    }
}
