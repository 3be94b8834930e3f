package dev.berth.cri.grpc;

import dev.berth.cri.Container;
import dev.berth.cri.Pod;
import dev.berth.cri.Statistics.ContainerUsage;
import dev.berth.cri.Statistics.PodUsage;
import dev.berth.cri.Statistics.Resting;
import dev.berth.cri.Statistics.WritableLayer;
import dev.berth.cri.stats.Usage;
import dev.berth.linux.cgroup.CgroupStats.Pressure;
import dev.berth.linux.cgroup.CgroupStats.Stall;
import dev.berth.linux.netlink.Link;
import dev.berth.wire.cri.ContainerAttributes;
import dev.berth.wire.cri.ContainerStats;
import dev.berth.wire.cri.CpuUsage;
import dev.berth.wire.cri.FilesystemIdentifier;
import dev.berth.wire.cri.FilesystemUsage;
import dev.berth.wire.cri.IoUsage;
import dev.berth.wire.cri.LinuxPodSandboxStats;
import dev.berth.wire.cri.MemoryUsage;
import dev.berth.wire.cri.NetworkInterfaceUsage;
import dev.berth.wire.cri.NetworkUsage;
import dev.berth.wire.cri.PodSandboxAttributes;
import dev.berth.wire.cri.PodSandboxStats;
import dev.berth.wire.cri.ProcessUsage;
import dev.berth.wire.cri.PsiData;
import dev.berth.wire.cri.PsiStats;
import dev.berth.wire.cri.SwapUsage;
import dev.berth.wire.cri.UInt64Value;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** Usage as CRI shows it. Of a pod without a cgroup of its own it is the sum of its containers'. */
final class StatsToProto {
    private final String filesystem;

    /** @param filesystem the directory that holds the writable layers */
    StatsToProto(String filesystem) {
        this.filesystem = filesystem;
    }

    ContainerStats container(ContainerUsage reading) {
        Container container = reading.container();
        Usage usage = reading.usage();
        long at = nanos(usage.at());
        var stats = files(container, reading.writableLayer())
                .setCpu(cpu(at, List.of(usage)))
                .setMemory(memory(at, List.of(usage)));
        usage.swap().used().ifPresent(used -> {
            var swap = SwapUsage.newBuilder().setTimestamp(at).setSwapUsageBytes(number(used));
            usage.swap().available().ifPresent(left -> swap.setSwapAvailableBytes(number(left)));
            stats.setSwap(swap);
        });
        psi(List.of(usage), Usage::io)
                .ifPresent(
                        psi -> stats.setIo(IoUsage.newBuilder().setTimestamp(at).setPsi(psi)));
        return stats.build();
    }

    ContainerStats container(Resting reading) {
        return files(reading.container(), reading.writableLayer()).build();
    }

    /** Whose they are, and what its files take. */
    private ContainerStats.Builder files(Container container, @Nullable WritableLayer layer) {
        var stats = ContainerStats.newBuilder()
                .setAttributes(ContainerAttributes.newBuilder()
                        .setId(container.id())
                        .setMetadata(ContainerToProto.metadata(container))
                        .putAllLabels(container.config().labels())
                        .putAllAnnotations(container.config().annotations()));
        if (layer != null) {
            stats.setWritableLayer(FilesystemUsage.newBuilder()
                    .setTimestamp(nanos(layer.at()))
                    .setFsId(FilesystemIdentifier.newBuilder().setMountpoint(filesystem))
                    .setUsedBytes(number(layer.usage().bytes()))
                    .setInodesUsed(number(layer.usage().inodes())));
        }
        return stats;
    }

    PodSandboxStats pod(PodUsage reading) {
        Pod pod = reading.pod();
        List<Usage> usages = reading.own()
                .map(List::of)
                .orElseGet(() ->
                        reading.containers().stream().map(ContainerUsage::usage).toList());
        long at = reading.atNanos();
        var linux = LinuxPodSandboxStats.newBuilder()
                .setCpu(cpu(at, usages))
                .setMemory(memory(at, usages))
                .setProcess(ProcessUsage.newBuilder().setTimestamp(at).setProcessCount(sum(usages, Usage::processes)))
                .addAllContainers(
                        reading.containers().stream().map(this::container).toList());
        psi(usages, Usage::io)
                .ifPresent(
                        psi -> linux.setIo(IoUsage.newBuilder().setTimestamp(at).setPsi(psi)));
        if (!reading.links().isEmpty()) {
            linux.setNetwork(network(reading));
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

    /** A rate is told once there is one for every part. */
    static CpuUsage cpu(long at, List<Usage> usages) {
        var cpu = CpuUsage.newBuilder()
                .setTimestamp(at)
                .setUsageCoreNanoSeconds(sum(usages, usage -> usage.cpu().coreNanos()));
        if (usages.stream().allMatch(usage -> usage.cpu().nanoCores().isPresent())) {
            cpu.setUsageNanoCores(sum(usages, usage -> usage.cpu().nanoCores().orElse(0)));
        }
        psi(usages, usage -> usage.cpu().pressure()).ifPresent(cpu::setPsi);
        return cpu.build();
    }

    static MemoryUsage memory(long at, List<Usage> usages) {
        var memory = MemoryUsage.newBuilder()
                .setTimestamp(at)
                .setWorkingSetBytes(sum(usages, usage -> usage.memory().workingSet()))
                .setUsageBytes(sum(usages, usage -> usage.memory().usage()))
                .setRssBytes(sum(usages, usage -> usage.memory().rss()))
                .setPageFaults(sum(usages, usage -> usage.memory().faults().all()))
                .setMajorPageFaults(sum(usages, usage -> usage.memory().faults().major()));
        boolean limited = !usages.isEmpty()
                && usages.stream().allMatch(usage -> usage.memory().available().isPresent());
        if (limited) {
            memory.setAvailableBytes(
                    sum(usages, usage -> usage.memory().available().orElse(0)));
        }
        psi(usages, usage -> usage.memory().pressure()).ifPresent(memory::setPsi);
        return memory.build();
    }

    /** How long tasks waited. Of one cgroup only: the time in which some of several waited cannot be had from theirs. */
    static Optional<PsiStats> psi(List<Usage> usages, Function<Usage, @Nullable Pressure> kind) {
        Pressure pressure = usages.size() == 1 ? kind.apply(usages.getFirst()) : null;
        if (pressure == null) {
            return Optional.empty();
        }
        var psi = PsiStats.newBuilder().setSome(stall(pressure.some()));
        Stall full = pressure.full();
        if (full != null) {
            psi.setFull(stall(full));
        }
        return Optional.of(psi.build());
    }

    private static PsiData stall(Stall stall) {
        return PsiData.newBuilder()
                .setTotal(stall.totalMicros())
                .setAvg10(stall.avg10())
                .setAvg60(stall.avg60())
                .setAvg300(stall.avg300())
                .build();
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

    private static UInt64Value sum(List<Usage> usages, ToLongFunction<Usage> value) {
        return number(usages.stream().mapToLong(value).sum());
    }

    private static long nanos(Instant at) {
        return at.getEpochSecond() * 1_000_000_000L + at.getNano();
    }

    private static UInt64Value number(long value) {
        return UInt64Value.newBuilder().setValue(value).build();
    }
}
