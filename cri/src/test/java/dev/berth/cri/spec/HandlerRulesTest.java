package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.RuntimeSpec;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HandlerRulesTest {
    private final Requests with = new Requests();

    private RuntimeSpec applied(HandlerRules rules) {
        return rules.apply(with.build().spec(), with.pod(), with.config());
    }

    private static HandlerRules letting(String... patterns) {
        var all = Stream.of(patterns).map(HandlerRules::pattern).toList();
        return new HandlerRules(all, List.of(), null);
    }

    @Test
    void annotationsPassByTheirNames() {
        with.annotations =
                Map.of("io.kata.vcpus", "2", "io.kata/x", "1", "io.kubernetes.cri.sandbox-id", "forged", "other", "3");
        assertThat(applied(HandlerRules.NONE).annotations())
                .isEqualTo(with.build().spec().annotations());
        assertThat(applied(letting("io.kata.*")).annotations())
                .containsEntry("io.kata.vcpus", "2")
                .doesNotContainKeys("io.kata/x", "other");
        assertThat(applied(letting("io.k*", "othe?")).annotations())
                .containsEntry("other", "3")
                .containsEntry("io.kubernetes.cri.sandbox-id", "p1");
        var ofContainers = new HandlerRules(List.of(), List.of(HandlerRules.pattern("*")), null);
        assertThat(applied(ofContainers).annotations()).containsEntry("other", "3");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a[bc]", "{a,b}", "a\\*"})
    void patternsThatCouldMeanSeveralThingsAreRefused(String pattern) {
        assertThatThrownBy(() -> HandlerRules.pattern(pattern))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void theBaseSaysWhatTheRequestDoesNot() {
        RuntimeSpec base = RuntimeSpec.fromJson("""
                {"ociVersion": "1.0.2", "annotations": {"base": "yes"},
                 "process": {"cwd": "/", "args": ["x"], "env": ["PATH=/base", "BASE=1"],
                   "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 9, "soft": 8}]},
                 "mounts": [{"destination": "/base", "type": "tmpfs", "source": "tmpfs"},
                            {"destination": "/proc", "type": "bind", "source": "/etc"}],
                 "hooks": {"prestart": [{"path": "/bin/true"}]},
                 "linux": {"resources": {"pids": {"limit": 77}, "memory": {"limit": 5}}}}
                """.getBytes(StandardCharsets.UTF_8));
        with.resources = Requests.resources(0, 0, 0, 1 << 20, 0);
        RuntimeSpec spec = applied(new HandlerRules(List.of(), List.of(), base));
        assertThat(spec.annotations()).containsEntry("base", "yes").containsKey("io.kubernetes.cri.sandbox-id");
        assertThat(spec.needProcess().args()).containsExactly("sh");
        assertThat(spec.needProcess().env("BASE")).contains("1");
        assertThat(spec.needProcess().env("PATH").orElseThrow()).isNotEqualTo("/base");
        assertThat(spec.needProcess().rlimits()).hasSize(1);
        assertThat(spec.mounts().stream()
                        .filter(m -> m.destination().equals("/proc"))
                        .toList())
                .hasSize(1)
                .allMatch(m -> "proc".equals(m.type()));
        assertThat(spec.mounts()).anyMatch(m -> m.destination().equals("/base"));
        assertThat(Objects.requireNonNull(spec.hooks()).prestart()).hasSize(1);
        LinuxResources limits = Objects.requireNonNull(spec.needLinux().resources());
        assertThat(Objects.requireNonNull(limits.pids()).limit()).isEqualTo(77);
        assertThat(limits.memory()).isEqualTo(LinuxResources.Memory.of(1L << 20, 1L << 20));
    }
}
