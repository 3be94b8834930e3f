package dev.berth.shim;

import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.wire.shim.cgroups2.CPUStat;
import dev.berth.wire.shim.cgroups2.HugeTlbStat;
import dev.berth.wire.shim.cgroups2.IOEntry;
import dev.berth.wire.shim.cgroups2.IOStat;
import dev.berth.wire.shim.cgroups2.MemoryEvents;
import dev.berth.wire.shim.cgroups2.MemoryStat;
import dev.berth.wire.shim.cgroups2.Metrics;
import dev.berth.wire.shim.cgroups2.PSIData;
import dev.berth.wire.shim.cgroups2.PSIStats;
import dev.berth.wire.shim.cgroups2.PidsStat;
import dev.berth.wire.shim.cgroups2.RdmaEntry;
import dev.berth.wire.shim.cgroups2.RdmaStat;

/** {@code io.containerd.cgroups.v2.Metrics}. No limit is the greatest number there. */
final class MetricsV2 {
    private MetricsV2() {}

    static Metrics message(CgroupStats.V2 stats) {
        Metrics.Builder metrics = Metrics.newBuilder()
                .setPids(PidsStat.newBuilder()
                        .setCurrent(stats.pids().current())
                        .setLimit(
                                stats.pids().limit() == Long.MAX_VALUE
                                        ? 0
                                        : stats.pids().limit()))
                .setCpu(cpu(stats.cpu()))
                .setMemory(memory(stats.memory()))
                .setMemoryEvents(events(stats.memory().events()))
                .setIo(io(stats.io()))
                .setRdma(rdma(stats));
        for (CgroupStats.HugePages pages : stats.hugePages()) {
            metrics.addHugetlb(HugeTlbStat.newBuilder()
                    .setPagesize(pages.pageSize())
                    .setCurrent(pages.usage())
                    .setMax(limit(pages.max()))
                    .setFailcnt(pages.failures()));
        }
        return metrics.build();
    }

    private static long limit(long value) {
        return value == Long.MAX_VALUE ? -1 : value; // all ones: unsigned on the wire
    }

    private static CPUStat cpu(CgroupStats.CpuV2 cpu) {
        CPUStat.Builder message = CPUStat.newBuilder()
                .setUsageUsec(cpu.stat("usage_usec"))
                .setUserUsec(cpu.stat("user_usec"))
                .setSystemUsec(cpu.stat("system_usec"))
                .setNrPeriods(cpu.stat("nr_periods"))
                .setNrThrottled(cpu.stat("nr_throttled"))
                .setThrottledUsec(cpu.stat("throttled_usec"))
                .setNrBursts(cpu.stat("nr_bursts"))
                .setBurstUsec(cpu.stat("burst_usec"));
        CgroupStats.Pressure pressure = cpu.pressure();
        if (pressure != null) {
            message.setPsi(pressure(pressure));
        }
        return message.build();
    }

    private static MemoryStat memory(CgroupStats.MemoryV2 memory) {
        MemoryStat.Builder message = MemoryStat.newBuilder()
                .setAnon(memory.stat("anon"))
                .setFile(memory.stat("file"))
                .setKernelStack(memory.stat("kernel_stack"))
                .setSlab(memory.stat("slab"))
                .setSock(memory.stat("sock"))
                .setShmem(memory.stat("shmem"))
                .setFileMapped(memory.stat("file_mapped"))
                .setFileDirty(memory.stat("file_dirty"))
                .setFileWriteback(memory.stat("file_writeback"))
                .setAnonThp(memory.stat("anon_thp"))
                .setInactiveAnon(memory.stat("inactive_anon"))
                .setActiveAnon(memory.stat("active_anon"))
                .setInactiveFile(memory.stat("inactive_file"))
                .setActiveFile(memory.stat("active_file"))
                .setUnevictable(memory.stat("unevictable"))
                .setSlabReclaimable(memory.stat("slab_reclaimable"))
                .setSlabUnreclaimable(memory.stat("slab_unreclaimable"))
                .setPgfault(memory.stat("pgfault"))
                .setPgmajfault(memory.stat("pgmajfault"))
                .setWorkingsetNodereclaim(memory.stat("workingset_nodereclaim"))
                .setPgrefill(memory.stat("pgrefill"))
                .setPgscan(memory.stat("pgscan"))
                .setPgsteal(memory.stat("pgsteal"))
                .setPgactivate(memory.stat("pgactivate"))
                .setPgdeactivate(memory.stat("pgdeactivate"))
                .setPglazyfree(memory.stat("pglazyfree"))
                .setPglazyfreed(memory.stat("pglazyfreed"))
                .setThpFaultAlloc(memory.stat("thp_fault_alloc"))
                .setThpCollapseAlloc(memory.stat("thp_collapse_alloc"))
                .setWorkingsetRefaultAnon(memory.stat("workingset_refault_anon"))
                .setWorkingsetRefaultFile(memory.stat("workingset_refault_file"))
                .setWorkingsetActivateAnon(memory.stat("workingset_activate_anon"))
                .setWorkingsetActivateFile(memory.stat("workingset_activate_file"))
                .setUsage(memory.usage())
                .setUsageLimit(limit(memory.limit()))
                .setMaxUsage(memory.maxUsage());
        CgroupStats.MemoryEntry swap = memory.swap();
        if (swap != null) {
            message.setSwapUsage(swap.usage()).setSwapLimit(limit(swap.limit())).setSwapMaxUsage(swap.max());
        }
        CgroupStats.Pressure pressure = memory.events().pressure();
        if (pressure != null) {
            message.setPsi(pressure(pressure));
        }
        return message.build();
    }

    private static MemoryEvents events(CgroupStats.MemoryEvents events) {
        return MemoryEvents.newBuilder()
                .setLow(events.count("low"))
                .setHigh(events.count("high"))
                .setMax(events.count("max"))
                .setOom(events.count("oom"))
                .setOomKill(events.count("oom_kill"))
                .setOomGroupKill(events.count("oom_group_kill"))
                .build();
    }

    private static IOStat io(CgroupStats.IoV2 io) {
        IOStat.Builder message = IOStat.newBuilder();
        for (CgroupStats.IoDevice device : io.devices()) {
            message.addUsage(IOEntry.newBuilder()
                    .setMajor(device.major())
                    .setMinor(device.minor())
                    .setRbytes(device.count("rbytes"))
                    .setWbytes(device.count("wbytes"))
                    .setRios(device.count("rios"))
                    .setWios(device.count("wios")));
        }
        CgroupStats.Pressure pressure = io.pressure();
        if (pressure != null) {
            message.setPsi(pressure(pressure));
        }
        return message.build();
    }

    private static PSIStats pressure(CgroupStats.Pressure pressure) {
        PSIStats.Builder message = PSIStats.newBuilder().setSome(stall(pressure.some()));
        CgroupStats.Stall full = pressure.full();
        if (full != null) {
            message.setFull(stall(full));
        }
        return message.build();
    }

    private static PSIData stall(CgroupStats.Stall stall) {
        return PSIData.newBuilder()
                .setAvg10(stall.avg10())
                .setAvg60(stall.avg60())
                .setAvg300(stall.avg300())
                .setTotal(stall.totalMicros())
                .build();
    }

    private static RdmaStat rdma(CgroupStats.V2 stats) {
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
