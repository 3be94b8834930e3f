package dev.berth.cri.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.cri.Pod;
import dev.berth.cri.SamplePod;
import dev.berth.cri.Statistics.PodUsage;
import dev.berth.cri.stats.Usage;
import dev.berth.linux.cgroup.CgroupStats.Pressure;
import dev.berth.linux.cgroup.CgroupStats.Stall;
import dev.berth.linux.netlink.Link;
import dev.berth.wire.cri.MemoryUsage;
import dev.berth.wire.cri.NetworkInterfaceUsage;
import dev.berth.wire.cri.NetworkUsage;
import dev.berth.wire.cri.PodSandboxStats;
import dev.berth.wire.cri.PsiData;
import dev.berth.wire.cri.PsiStats;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class StatsToProtoTest {
    private static final PsiData SOME = PsiData.newBuilder()
            .setAvg10(1.5)
            .setAvg60(2)
            .setAvg300(3)
            .setTotal(40)
            .build();
    private static final Pressure BOTH = new Pressure(new Stall(1.5, 2, 3, 40), new Stall(0, 0, 0, 7));

    private static Usage usage(@Nullable Pressure cpu, @Nullable Pressure memory, @Nullable Pressure io) {
        return new Usage(
                Instant.EPOCH,
                new Usage.Cpu(5, OptionalLong.empty(), cpu),
                new Usage.Memory(1, OptionalLong.empty(), 2, 3, new Usage.Faults(4, 5), memory),
                new Usage.Swap(OptionalLong.empty(), OptionalLong.empty()),
                6,
                io);
    }

    @Test
    void usageOfSeveralIsTheirSum() {
        var both = List.of(usage(null, null, null), usage(null, null, null));
        assertThat(StatsToProto.cpu(9, both).getTimestamp()).isEqualTo(9);
        assertThat(StatsToProto.cpu(9, both).getUsageCoreNanoSeconds().getValue())
                .isEqualTo(10);
        assertThat(StatsToProto.cpu(9, both).hasUsageNanoCores()).isFalse();
        MemoryUsage memory = StatsToProto.memory(9, both);
        assertThat(memory.getTimestamp()).isEqualTo(9);
        assertThat(memory.getWorkingSetBytes().getValue()).isEqualTo(2);
        assertThat(memory.getUsageBytes().getValue()).isEqualTo(4);
        assertThat(memory.getRssBytes().getValue()).isEqualTo(6);
        assertThat(memory.getPageFaults().getValue()).isEqualTo(8);
        assertThat(memory.getMajorPageFaults().getValue()).isEqualTo(10);
        assertThat(memory.hasAvailableBytes()).isFalse();
        assertThat(StatsToProto.memory(9, List.of()).hasAvailableBytes()).isFalse();
    }

    @Test
    void aPodHasAllItsInterfacesButTheOneThatLeadsNowhere() {
        List<Link> links = List.of(link("lo", 100), link("eth0", 10), link("net1", 20));
        PodSandboxStats stats = new StatsToProto("/root")
                .pod(new PodUsage(pod(), 7, Optional.of(usage(null, null, BOTH)), List.of(), links));
        assertThat(stats.getAttributes().getId()).isEqualTo("id");
        assertThat(stats.getAttributes().getLabelsMap()).containsEntry("app", "web");
        assertThat(stats.getAttributes().getAnnotationsMap()).containsEntry("note", "x");
        assertThat(stats.getLinux().getProcess().getProcessCount().getValue()).isEqualTo(6);
        assertThat(stats.getLinux().getIo().getPsi().getFull().getTotal()).isEqualTo(7);
        NetworkUsage network = stats.getLinux().getNetwork();
        assertThat(network.getTimestamp()).isEqualTo(7);
        assertInterface(network.getDefaultInterface(), "eth0", 10);
        assertThat(network.getInterfacesList()).hasSize(1);
        assertInterface(network.getInterfaces(0), "net1", 20);
    }

    private static void assertInterface(NetworkInterfaceUsage usage, String name, long base) {
        assertThat(usage.getName()).isEqualTo(name);
        assertThat(usage.getRxBytes().getValue()).isEqualTo(base + 1);
        assertThat(usage.getRxErrors().getValue()).isEqualTo(base + 3);
        assertThat(usage.getTxBytes().getValue()).isEqualTo(base + 5);
        assertThat(usage.getTxErrors().getValue()).isEqualTo(base + 7);
    }

    private static Link link(String name, long base) {
        return new Link(
                1,
                name,
                "",
                "",
                1500,
                true,
                0,
                0,
                new Link.Counters(base + 1, base + 2, base + 3, base + 4, base + 5, base + 6, base + 7, base + 8));
    }

    private static Pod pod() {
        return SamplePod.with(Map.of("app", "web"), Map.of("note", "x"));
    }

    @Test
    void pressureIsToldWhereTheKernelTellsIt() {
        var alone = List.of(usage(new Pressure(new Stall(1.5, 2, 3, 40), null), BOTH, BOTH));
        assertThat(StatsToProto.cpu(1, alone).getPsi())
                .isEqualTo(PsiStats.newBuilder().setSome(SOME).build());
        PsiStats both = PsiStats.newBuilder()
                .setSome(SOME)
                .setFull(PsiData.newBuilder().setTotal(7))
                .build();
        assertThat(StatsToProto.memory(1, alone).getPsi()).isEqualTo(both);
        assertThat(StatsToProto.psi(alone, Usage::io)).contains(both);
    }

    @Test
    void pressureIsNotInventedWhereItDoesNot() {
        var version1 = List.of(usage(null, null, null));
        assertThat(StatsToProto.cpu(1, version1).hasPsi()).isFalse();
        assertThat(StatsToProto.memory(1, version1).hasPsi()).isFalse();
        assertThat(StatsToProto.psi(version1, Usage::io)).isEmpty();
        var several = List.of(usage(BOTH, BOTH, BOTH), usage(BOTH, BOTH, BOTH));
        assertThat(StatsToProto.cpu(1, several).hasPsi()).isFalse();
    }
}
