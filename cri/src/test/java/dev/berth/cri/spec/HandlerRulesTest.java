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
    /** As {@code runc spec} prints it, shortened; it has no hooks. */
    private static final String PRINTED = """
            {"ociVersion": "1.0.2",
             "process": {"terminal": true, "user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/",
               "env": ["PATH=/usr/bin:/bin", "TERM=xterm"], "noNewPrivileges": true,
               "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]},
               "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]},
             "root": {"path": "rootfs", "readonly": true}, "hostname": "runc",
             "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                        {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance"]}],
             "linux": {"resources": {"devices": [{"allow": false, "access": "rwm"}]},
               "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "mount"}],
               "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]}}
            """;

    private final Requests with = new Requests();

    private RuntimeSpec applied(HandlerRules rules) {
        return rules.apply(with.build().spec(), with.pod(), with.config());
    }

    private static HandlerRules letting(String... patterns) {
        var all = Stream.of(patterns).map(HandlerRules::pattern).toList();
        return new HandlerRules(all, List.of(), null, "");
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
        var ofContainers = new HandlerRules(List.of(), List.of(HandlerRules.pattern("*")), null, "");
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
        RuntimeSpec spec = applied(new HandlerRules(List.of(), List.of(), base, ""));
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

    @Test
    void aRequestTakesThePlaceOfTheBasePartByPart() {
        RuntimeSpec base = read("""
                {"ociVersion": "1.0.2", "linux": {"resources": {
                   "devices": [{"allow": false, "access": "rwm"}],
                   "memory": {"limit": 5, "swap": 6, "reservation": 4, "swappiness": 10},
                   "cpu": {"shares": 7, "quota": 30000, "period": 90000, "burst": 11, "cpus": "0"},
                   "unified": {"memory.high": "1", "pids.max": "2"}}}}""");
        with.resources = Requests.resources(0, 0, 512, 1 << 20, 0);
        RuntimeSpec asked = with.build().spec();
        LinuxResources limits =
                Objects.requireNonNull(applied(base, asked).needLinux().resources());
        LinuxResources.Memory memory = Objects.requireNonNull(limits.memory());
        assertThat(memory.limit()).isEqualTo(1 << 20);
        assertThat(memory.swap()).as("the base's could be below the limit").isNotEqualTo(6L);
        assertThat(memory.reservation()).isEqualTo(4);
        assertThat(memory.swappiness()).isEqualTo(10);
        LinuxResources.Cpu cpu = Objects.requireNonNull(limits.cpu());
        assertThat(cpu.shares()).isEqualTo(512);
        assertThat(cpu.quota()).isEqualTo(30_000);
        assertThat(cpu.period()).isEqualTo(90_000);
        assertThat(cpu.burst()).isEqualTo(11);
        assertThat(cpu.cpus()).isEqualTo("0");
        assertThat(limits.unified()).containsEntry("pids.max", "2");
        assertThat(limits.devices())
                .isEqualTo(Objects.requireNonNull(asked.needLinux().resources()).devices());
        with.resources = Requests.resources(0, -1, 0, 0, 0);
        cpu = Objects.requireNonNull(Objects.requireNonNull(
                        applied(base, with.build().spec()).needLinux().resources())
                .cpu());
        assertThat(cpu.quota()).as("-1 asks for none").isNull();
        assertThat(cpu.shares()).isEqualTo(7);
    }

    private static RuntimeSpec read(String json) {
        return RuntimeSpec.fromJson(json.getBytes(StandardCharsets.UTF_8));
    }

    private static RuntimeSpec hooked(RuntimeSpec spec, String hooks) {
        return spec.withHooks(
                read("{\"ociVersion\": \"1.0.2\", \"hooks\": " + hooks + "}").hooks());
    }

    private RuntimeSpec applied(RuntimeSpec base, RuntimeSpec spec) {
        return new HandlerRules(List.of(), List.of(), base, "").apply(spec, with.pod(), with.config());
    }

    private static List<String> paths(List<RuntimeSpec.Hook> hooks) {
        return hooks.stream().map(RuntimeSpec.Hook::path).toList();
    }

    @Test
    void aBaseNeedsNoHooks() {
        RuntimeSpec asked = with.build().spec();
        RuntimeSpec spec = applied(read(PRINTED), asked);
        assertThat(spec.hooks()).isNull();
        assertThat(spec.needProcess().rlimits()).hasSize(1);
        assertThat(spec.needProcess().capabilities())
                .isEqualTo(asked.needProcess().capabilities());
        assertThat(applied(read("{\"ociVersion\": \"1.0.2\"}"), asked)).isEqualTo(asked);
        RuntimeSpec device = hooked(asked, "{\"createContainer\": [{\"path\": \"/bin/ldcache\"}]}");
        assertThat(applied(read(PRINTED), device).hooks()).isEqualTo(device.hooks());
    }

    @Test
    void hooksOfTheBaseRunBeforeThoseOfDevices() {
        RuntimeSpec base = hooked(read(PRINTED), """
                {"prestart": [{"path": "/base/1"}], "createContainer": [{"path": "/base/2"}],
                 "poststop": [{"path": "/base/3"}]}""");
        RuntimeSpec device = hooked(with.build().spec(), """
                {"createRuntime": [{"path": "/device/1"}],
                 "createContainer": [{"path": "/device/2"}, {"path": "/device/3"}],
                 "startContainer": [{"path": "/device/4"}], "poststart": [{"path": "/device/5"}],
                 "poststop": [{"path": "/device/6"}]}""");
        RuntimeSpec.Hooks hooks = Objects.requireNonNull(applied(base, device).hooks());
        assertThat(paths(hooks.prestart())).containsExactly("/base/1");
        assertThat(paths(hooks.createRuntime())).containsExactly("/device/1");
        assertThat(paths(hooks.createContainer())).containsExactly("/base/2", "/device/2", "/device/3");
        assertThat(paths(hooks.startContainer())).containsExactly("/device/4");
        assertThat(paths(hooks.poststart())).containsExactly("/device/5");
        assertThat(paths(hooks.poststop())).containsExactly("/base/3", "/device/6");
        assertThat(applied(base, with.build().spec()).hooks()).isEqualTo(base.hooks());
    }
}
