package dev.berth.cri.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.cri.stats.Usage;
import dev.berth.linux.cgroup.CgroupStats.Pressure;
import dev.berth.linux.cgroup.CgroupStats.Stall;
import dev.berth.wire.cri.PsiData;
import dev.berth.wire.cri.PsiStats;
import java.time.Instant;
import java.util.List;
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
