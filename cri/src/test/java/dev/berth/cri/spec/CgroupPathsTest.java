package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CgroupPathsTest {
    @ParameterizedTest
    @ValueSource(strings = {"", "/", "/kubepods/burstable/pod1", "/a//./b", "/with space"})
    void parentsOfCgroupfs(String parent) {
        assertThatCode(() -> CgroupPaths.check(parent, false)).doesNotThrowAnyException();
    }

    /** And one that a record has all the same counts for nothing: it must not take the others' figures with it. */
    @ParameterizedTest
    @CsvSource({
        "relative,false",
        "/../../x,false",
        "../x,false",
        "kubepods.slice,false",
        "system.slice:berth:1,false",
        "/kubepods/pod1,true",
        "a--b.slice,true",
        "-a.slice,true"
    })
    void parentsBelowWhichNothingCanBe(String parent, boolean systemd) {
        assertThatThrownBy(() -> CgroupPaths.check(parent, systemd))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        assertThat(CgroupPaths.ofPod(parent, systemd)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"'',true,true", "'',false,false", "/kubepods/pod1,true,false", "kubepods-pod1.slice,false,true"})
    void aPodKeepsTheDriverThatItWasMadeWith(String parent, boolean ours, boolean its) {
        assertThat(CgroupPaths.isSystemd(parent, ours)).isEqualTo(its);
    }
}
