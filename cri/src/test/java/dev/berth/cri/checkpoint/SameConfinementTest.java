package dev.berth.cri.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.oci.RuntimeSpec;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SameConfinementTest {
    private static final String SPEC = """
            {"ociVersion":"1.0.2","root":{"path":"r","readonly":true},
             "process":{"terminal":false,"user":{"uid":5,"gid":6,"additionalGids":[7]},"args":["a"],"cwd":"/",
               "capabilities":{"bounding":["CAP_CHOWN"],"effective":["CAP_CHOWN"]},"noNewPrivileges":true,
               "apparmorProfile":"aa","selinuxLabel":"label","oomScoreAdj":-997,
               "rlimits":[{"type":"RLIMIT_NOFILE","hard":10,"soft":10}]},
             "mounts":[{"destination":"/data","type":"bind","source":"/one","options":["rbind","nosuid"]}],
             "linux":{"uidMappings":[{"containerID":0,"hostID":1000,"size":10}],
               "namespaces":[{"type":"pid"},{"type":"network","path":"/one"}],
               "seccomp":{"defaultAction":"SCMP_ACT_ERRNO"},"sysctl":{"net.a":"1"},
               "devices":[{"path":"/dev/x","type":"c","major":1,"minor":2}],"maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/bus"]}}
            """;

    private static RuntimeSpec spec(String json) {
        return RuntimeSpec.fromJson(json.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"uid\":5 | \"uid\":0 | user or groups",
                "\"additionalGids\":[7] | \"additionalGids\":[7,0] | user or groups",
                "\"effective\":[\"CAP_CHOWN\"] | \"effective\":[] | capabilities",
                "\"noNewPrivileges\":true | \"noNewPrivileges\":false | no_new_privs",
                "\"aa\" | \"bb\" | AppArmor profile",
                "\"label\" | \"another\" | SELinux label",
                "SCMP_ACT_ERRNO | SCMP_ACT_ALLOW | seccomp profile",
                "\"terminal\":false | \"terminal\":true | terminal",
                "{\"type\":\"pid\"}, | '' | namespaces",
                "\"hostID\":1000 | \"hostID\":2000 | user namespace",
                "\"/proc/kcore\" | '' | masked paths",
                "\"/proc/bus\" | '' | read-only paths",
                "\"readonly\":true | \"readonly\":false | root file system",
                "\"/data\" | \"/elsewhere\" | mounts",
                "\"rbind\",\"nosuid\" | \"rbind\" | mounts",
                "\"rbind\",\"nosuid\" | \"rbind\",\"nosuid\",\"ro\" | mounts",
                "\"bind\" | \"tmpfs\" | mounts",
                "{\"type\":\"pid\"} | {\"type\":\"pid\",\"path\":\"/p\"} | namespaces",
                "-997 | 1000 | score of the OOM killer",
                "\"hard\":10 | \"hard\":20 | rlimits",
                "\"net.a\":\"1\" | \"net.a\":\"2\" | sysctls",
                "\"minor\":2 | \"minor\":3 | devices"
            })
    void whatIsOtherIsNamed(String part, String other, String named) {
        assertThat(SPEC).contains(part);
        RuntimeSpec changed = spec(SPEC.replace(part, other));
        assertThatThrownBy(() -> SameConfinement.require("web", spec(SPEC), changed))
                .hasMessageContaining("asks for other " + named + " than")
                .extracting(e -> ((Fault) e).code())
                .isEqualTo(Fault.Code.FAILED_PRECONDITION);
    }

    @Test
    void whereThingsComeFromMayBeAnother() {
        SameConfinement.require(
                "web", spec(SPEC), spec(SPEC.replace("/one", "/two").replace("\"args\":[\"a\"]", "\"args\":[\"b\"]")));
    }
}
