package dev.berth.cri.grpc;

import dev.berth.cri.Container;
import dev.berth.cri.Pod;
import dev.berth.cri.Statistics.ContainerUsage;
import dev.berth.cri.Statistics.PodUsage;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.linux.netlink.Link;
import dev.berth.wire.cri.ContainerAttributes;
import dev.berth.wire.cri.ContainerStats;
import dev.berth.wire.cri.CpuUsage;
import dev.berth.wire.cri.FilesystemIdentifier;
import dev.berth.wire.cri.FilesystemUsage;
import dev.berth.wire.cri.LinuxPodSandboxStats;
import dev.berth.wire.cri.MemoryUsage;
import dev.berth.wire.cri.NetworkInterfaceUsage;
import dev.berth.wire.cri.NetworkUsage;
import dev.berth.wire.cri.PodSandboxAttributes;
import dev.berth.wire.cri.PodSandboxStats;
import dev.berth.wire.cri.ProcessUsage;
import dev.berth.wire.cri.SwapUsage;
import dev.berth.wire.cri.UInt64Value;
import java.util.List;
import java.util.function.ToLongFunction;

/** Usage as CRI shows it. A pod's own is the sum of its containers': nothing else runs in it that is worth counting. */
final class StatsToProto {
    private final String filesystem;

    /** @param filesystem the directory that holds the writable layers */
    StatsToProto(String filesystem) {
        this.filesystem = filesystem;
    }

    ContainerStats container(ContainerUsage usage) {
        Container container = usage.container();
        CgroupStats counters = usage.counters();
        var stats = ContainerStats.newBuilder()
                .setAttributes(ContainerAttributes.newBuilder()
                        .setId(container.id())
                        .setMetadata(ContainerToProto.metadata(container))
                        .putAllLabels(container.config().labels())
                        .putAllAnnotations(container.config().annotations()))
                .setCpu(cpu(usage.atNanos(), counters.cpuNanos(), usage.nanoCores()))
                .setMemory(memory(usage.atNanos(), List.of(counters)))
                .setWritableLayer(FilesystemUsage.newBuilder()
                        .setTimestamp(usage.atNanos())
                        .setFsId(FilesystemIdentifier.newBuilder().setMountpoint(filesystem))
                        .setUsedBytes(number(usage.writableLayer().bytes()))
                        .setInodesUsed(number(usage.writableLayer().inodes())));
        counters.swapBytes().ifPresent(swap -> {
            var built = SwapUsage.newBuilder().setTimestamp(usage.atNanos()).setSwapUsageBytes(number(swap));
            counters.swapLimitBytes()
                    .ifPresent(limit -> built.setSwapAvailableBytes(number(Math.max(0, limit - swap))));
            stats.setSwap(built);
        });
        return stats.build();
    }

    PodSandboxStats pod(PodUsage usage) {
        Pod pod = usage.pod();
        List<CgroupStats> counters =
                usage.containers().stream().map(ContainerUsage::counters).toList();
        long rate =
                usage.containers().stream().mapToLong(ContainerUsage::nanoCores).sum();
        var linux = LinuxPodSandboxStats.newBuilder()
                .setCpu(cpu(usage.atNanos(), sum(counters, CgroupStats::cpuNanos), rate))
                .setMemory(memory(usage.atNanos(), counters))
                .setProcess(ProcessUsage.newBuilder()
                        .setTimestamp(usage.atNanos())
                        .setProcessCount(number(sum(counters, c -> c.pids().current()))))
                .addAllContainers(
                        usage.containers().stream().map(this::container).toList());
        if (!usage.links().isEmpty()) {
            linux.setNetwork(network(usage));
        }
        return PodSandboxStats.newBuilder()
                .setAttributes(PodSandboxAttributes.newBuilder()
                        .setId(pod.id())
                        .setMetadata(PodToProto.metadata(pod.config().metadata()))
                        .putAllLabels(pod.config().labels())
                        .putAllAnnotations(pod.config().annotations()))
                .setLinux(linux)
                .build();
    }

    private static CpuUsage cpu(long at, long nanos, long rate) {
        return CpuUsage.newBuilder()
                .setTimestamp(at)
                .setUsageCoreNanoSeconds(number(nanos))
                .setUsageNanoCores(number(rate))
                .build();
    }

    private static MemoryUsage memory(long at, List<CgroupStats> counters) {
        long working = sum(counters, CgroupStats::workingSetBytes);
        var memory = MemoryUsage.newBuilder()
                .setTimestamp(at)
                .setWorkingSetBytes(number(working))
                .setUsageBytes(number(sum(counters, CgroupStats::memoryBytes)))
                .setRssBytes(number(sum(counters, CgroupStats::rssBytes)))
                .setPageFaults(number(sum(counters, CgroupStats::pageFaults)))
                .setMajorPageFaults(number(sum(counters, CgroupStats::majorPageFaults)));
        if (counters.stream().allMatch(c -> c.memoryLimitBytes().isPresent()) && !counters.isEmpty()) {
            long limit = sum(counters, c -> c.memoryLimitBytes().orElse(0));
            memory.setAvailableBytes(number(Math.max(0, limit - working)));
        }
        return memory.build();
    }

    private static NetworkUsage network(PodUsage usage) {
        var network = NetworkUsage.newBuilder().setTimestamp(usage.atNanos());
        usage.mainLink().ifPresent(link -> network.setDefaultInterface(link(link)));
        usage.links().stream()
                .filter(link -> usage.mainLink().filter(link::equals).isEmpty())
                .filter(link -> !link.name().equals("lo"))
                .forEach(link -> network.addInterfaces(link(link)));
        return network.build();
    }

    private static NetworkInterfaceUsage link(Link link) {
        return NetworkInterfaceUsage.newBuilder()
                .setName(link.name())
                .setRxBytes(number(link.counters().rxBytes()))
                .setRxErrors(number(link.counters().rxErrors()))
                .setTxBytes(number(link.counters().txBytes()))
                .setTxErrors(number(link.counters().txErrors()))
                .build();
    }

    private static long sum(List<CgroupStats> counters, ToLongFunction<CgroupStats> value) {
        return counters.stream().mapToLong(value).sum();
    }

    private static UInt64Value number(long value) {
        return UInt64Value.newBuilder().setValue(value).build();
    }
}
