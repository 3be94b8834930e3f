package dev.berth.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CgroupPathTest {
    @ParameterizedTest
    @CsvSource({
        "/a/b, /a/b",
        "/a//b/./c/, /a/b/c",
        "/, /",
        "kubepods-burstable-pod1.slice:berth:3f2a, /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/berth-3f2a.scope",
        ":berth:x, /system.slice/berth-x.scope",
        "-.slice:berth:x, /berth-x.scope",
        "a.slice::x, /a.slice/x.scope",
        "a.slice:berth:b.slice, /a.slice/b.slice",
    })
    void bothFormsNameOnePath(String form, String path) {
        assertThat(CgroupPath.resolve(form)).isEqualTo(path);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "a/b",
                "/a/../b",
                "/a/b\n/c",
                "a:b",
                "a.slice:berth:",
                "a:b:c",
                "a.slice:x:y/z",
                "../x.slice:a:b",
                "a--b.slice:c:d",
                "-a.slice:c:d",
                ".slice:c:d"
            })
    void refusesWhatCouldLeaveTheHierarchy(String bad) {
        assertThatThrownBy(() -> CgroupPath.resolve(bad))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void sharesBecomeWeights() {
        assertThat(CgroupLimits.Cpu.weight(0)).isEqualTo(1);
        assertThat(CgroupLimits.Cpu.weight(2)).isEqualTo(1);
        assertThat(CgroupLimits.Cpu.weight(1024)).isEqualTo(100);
        assertThat(CgroupLimits.Cpu.weight(262_144)).isEqualTo(10_000);
        assertThat(CgroupLimits.Cpu.weight(Long.MAX_VALUE)).isEqualTo(10_000);
        long before = 0;
        for (long shares = 2; shares <= 262_144; shares += 31) {
            assertThat(CgroupLimits.Cpu.weight(shares)).isBetween(before, 10_000L);
            before = CgroupLimits.Cpu.weight(shares);
        }
    }

    @Test
    void limitsRefuseNamesThatAreNotFilesOfACgroup() {
        assertThatThrownBy(() -> new CgroupLimits.HugePages("2MB/../../memory", 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new CgroupLimits(
                        CgroupLimits.Cpu.NONE,
                        CgroupLimits.Memory.NONE,
                        0,
                        java.util.List.of(),
                        java.util.Map.of("../memory.max", "1")))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new DeviceRule(true, 'x', 1, 1, "rwm")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new DeviceRule(true, 'c', 1, 1, "rw\nm")).isInstanceOf(IllegalArgumentException.class);
    }
}
