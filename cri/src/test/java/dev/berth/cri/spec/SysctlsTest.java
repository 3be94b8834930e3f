package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.kernel.Fault;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SysctlsTest {
    private static final NamespaceOptions HOST_NETWORK = new NamespaceOptions(Mode.NODE, Mode.POD, Mode.POD, "", null);
    private static final NamespaceOptions HOST_IPC = new NamespaceOptions(Mode.POD, Mode.POD, Mode.NODE, "", null);

    private static Map<String, String> check(String name, String value) {
        return Sysctls.check(Map.of(name, value), NamespaceOptions.POD);
    }

    @ParameterizedTest
    @CsvSource({
        "kernel.shm_rmid_forced, kernel/shm_rmid_forced",
        "fs.mqueue.msg_max, fs/mqueue/msg_max",
        "net.core.somaxconn, net/core/somaxconn",
        "net/ipv4/ip_forward, net/ipv4/ip_forward",
        "net.ipv4.conf.eth0/100.rp_filter, net/ipv4/conf/eth0.100/rp_filter",
        "net/ipv4/conf/eth0.100/rp_filter, net/ipv4/conf/eth0.100/rp_filter",
    })
    void namesBecomePaths(String name, String path) {
        assertThat(check(name, "1")).containsExactly(Map.entry(path, "1"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "kernel.core_pattern",
                "kernel.hostname",
                "kernel.shm",
                "vm.overcommit_memory",
                "fs.file-max",
                "fs.mqueue",
                "net",
                "",
                ".",
                "net..core",
                "net/../kernel/core_pattern",
                "net.core.x\n",
                "net.core.x+y",
                "kernel.shm_rmid_forced=1+kernel.core_pattern",
                "/net/core/x",
                "net.core.a b",
                "user.max_user_namespaces"
            })
    void foreignAndBentNamesAreRefused(String name) {
        assertThatThrownBy(() -> check(name, "1"))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void valuesAreWordsAndNoLines() {
        assertThat(check("net.ipv4.ip_local_port_range", "1024\t65000")).containsValue("1024\t65000");
        assertThat(check("net.core.somaxconn", "1+kernel.core_pattern=|/x"))
                .as("stays one value")
                .containsExactly(Map.entry("net/core/somaxconn", "1+kernel.core_pattern=|/x"));
        assertThatThrownBy(() -> check("net.core.somaxconn", "1\n2")).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> check("net.core.somaxconn", "1".repeat(2000))).isInstanceOf(Fault.class);
    }

    @Test
    void whatTheNodeSharesIsNotForAPod() {
        Map<String, String> network = Map.of("net.core.somaxconn", "1");
        Map<String, String> ipc = Map.of("kernel.sem", "1 2 3 4");
        assertThatThrownBy(() -> Sysctls.check(network, HOST_NETWORK)).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> Sysctls.check(ipc, HOST_IPC)).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> Sysctls.check(Map.of("fs.mqueue.msg_max", "1"), HOST_IPC))
                .isInstanceOf(Fault.class);
        assertThat(Sysctls.check(network, HOST_IPC)).hasSize(1);
        assertThat(Sysctls.check(ipc, HOST_NETWORK)).hasSize(1);
    }
}
