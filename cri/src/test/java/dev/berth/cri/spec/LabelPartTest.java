package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.SelinuxOptions;
import dev.berth.kernel.Fault;
import org.junit.jupiter.api.Test;

/** Labels as a kernel with the module would get them. */
class LabelPartTest {
    @Test
    void anSelinuxLabelIsItsParts() {
        var whole = new SelinuxOptions("system_u", "system_r", "container_t", "s0:c1,c2");
        assertThat(LabelPart.selinux(whole, true, false)).isEqualTo("system_u:system_r:container_t:s0:c1,c2");
        assertThat(LabelPart.selinux(new SelinuxOptions("u", "r", "t", ""), true, false))
                .isEqualTo("u:r:t");
        assertThat(LabelPart.selinux(whole, false, false)).as("no such module").isNull();
        assertThat(LabelPart.selinux(whole, true, true)).as("privileged").isNull();
        assertThat(LabelPart.selinux(new SelinuxOptions("", "r", "t", "s0"), true, false))
                .isNull();
        assertThatThrownBy(() -> LabelPart.selinux(new SelinuxOptions("u", "r", "t\nx", ""), true, false))
                .isInstanceOf(Fault.class);
    }
}
