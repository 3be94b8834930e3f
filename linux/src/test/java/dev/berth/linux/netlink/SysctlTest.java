package dev.berth.linux.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.linux.FreshNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SysctlTest {
    @Test
    void valuesOfSeveralDigitsAndWordsAreReadWhole() throws Exception {
        FreshNetwork.run(() -> {
            Sysctl.write("net/ipv4/ip_unprivileged_port_start", "1234");
            assertThat(Sysctl.read("net/ipv4/ip_unprivileged_port_start")).contains("1234");
            Sysctl.write("net/ipv4/ip_local_port_range", "20000 30000");
            assertThat(Sysctl.read("net/ipv4/ip_local_port_range")).contains("20000\t30000");
            Sysctl.write("net/ipv4/conf/lo/forwarding", "0"); // inherited from the host
            assertThat(Sysctl.read("net/ipv4/conf/lo/forwarding")).contains("0");
            assertThat(Sysctl.read("net/ipv4/conf/none/forwarding")).isEmpty();
            return 0;
        });
        assertThat(Sysctl.read("net/ipv4/ip_unprivileged_port_start").orElseThrow())
                .isNotEqualTo("1234");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "/etc/passwd", "net/../kernel/hostname", "../../etc/passwd", "net/./ipv4"})
    void namesThatAreNoneAreRefused(String name) {
        assertThatThrownBy(() -> Sysctl.read(name)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Sysctl.write("net/ipv4/ip_forward", "1\n2"))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
