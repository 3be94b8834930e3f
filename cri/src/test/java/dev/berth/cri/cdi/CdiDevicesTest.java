package dev.berth.cri.cdi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxResources.DeviceRule;
import dev.berth.oci.RuntimeSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Devices by their names: vendors' files as they write them, and what becomes of a container's spec. */
class CdiDevicesTest {
    private static final RuntimeSpec SPEC = RuntimeSpec.fromJson("""
            {"ociVersion": "1.0.2", "process": {"cwd": "/", "args": ["x"], "env": ["A=old", "B=1"], "user": {"uid": 5, "gid": 0}},
             "mounts": [{"destination": "/lib", "type": "bind", "source": "/old"}], "linux": {}}
            """.getBytes(StandardCharsets.UTF_8));

    private static final String YAML = """
            cdiVersion: "0.6.0"
            kind: vendor.com/gpu
            annotations: {for: people}
            containerEdits:
              env: [ALWAYS=yes]
              hooks:
              - hookName: createContainer
                path: /usr/bin/vendor-hook
                args: [vendor-hook, update]
                timeout: 5
            devices:
            - name: "0"
              containerEdits:
                env:
                - A=new
                deviceNodes:
                - path: /dev/gpu0
                  hostPath: /dev/null
                  permissions: rw
                - {path: /dev/made, type: c, major: 7, minor: 8, fileMode: 384, uid: 1, gid: 2}
                mounts:
                - hostPath: /usr/lib/vendor
                  containerPath: /lib
                  options: [ro, rbind]
                additionalGids: [0, 44]
                intelRdt: {closID: fast}
            - name: "1"
              containerEdits: {env: ["C=2"]}
            """;

    @TempDir
    Path folder;

    private Path low;
    private Path high;

    CdiDevicesTest() {
        low = high = Path.of("/");
    }

    @BeforeEach
    void directories() throws IOException {
        low = Files.createDirectories(folder.resolve("etc"));
        high = Files.createDirectories(folder.resolve("run"));
    }

    private RuntimeSpec inject(String... names) {
        return new CdiDevices(List.of(low, high, folder.resolve("none")))
                .inject(SPEC, CdiDevices.names(List.of(names), Map.of()));
    }

    private void refused(Fault.Code code, String word, String... names) {
        assertThatThrownBy(() -> inject(names))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(code))
                .hasMessageContaining(word);
    }

    @Test
    void everythingThatAFileCanSay() throws IOException {
        Files.writeString(low.resolve("vendor.yaml"), YAML);
        RuntimeSpec spec = inject("vendor.com/gpu=0", "vendor.com/gpu=1");
        assertThat(spec.needProcess().env()).containsExactly("A=new", "B=1", "ALWAYS=yes", "C=2");
        assertThat(spec.needProcess().user().additionalGids()).containsExactly(44L);
        assertThat(spec.mounts()).hasSize(1);
        assertThat(spec.mounts().getFirst().source()).isEqualTo("/usr/lib/vendor");
        assertThat(spec.mounts().getFirst().options()).containsExactly("ro", "rbind");
        var hooks = Objects.requireNonNull(spec.hooks()).createContainer();
        assertThat(hooks).as("once, however many devices").hasSize(1);
        assertThat(hooks.getFirst().args()).containsExactly("vendor-hook", "update");
        assertThat(hooks.getFirst().timeout()).isEqualTo(5);
        var nodes = spec.needLinux().devices();
        assertThat(nodes).hasSize(2);
        assertThat(nodes.get(0).major()).isEqualTo(1);
        assertThat(nodes.get(0).minor()).isEqualTo(3);
        assertThat(nodes.get(0).uid()).as("the container's user may use it").isEqualTo(5L);
        assertThat(nodes.get(0).gid()).isNull();
        assertThat(nodes.get(1).fileMode()).isEqualTo(384);
        assertThat(nodes.get(1).uid()).isEqualTo(1L);
        assertThat(Objects.requireNonNull(spec.needLinux().resources()).devices())
                .containsExactly(new DeviceRule(true, "c", 1L, 3L, "rw"), new DeviceRule(true, "c", 7L, 8L, "rwm"));
        assertThat(Objects.requireNonNull(spec.needLinux().intelRdt()).closId()).isEqualTo("fast");
    }

    @Test
    void jsonIsReadToo() throws IOException {
        Files.writeString(low.resolve("v.json"), """
                {"cdiVersion": "1.0.0", "kind": "v.com/c", "devices": [{"name": "d", "containerEdits": {"env": ["X=1"]}}]}""");
        assertThat(inject("v.com/c=d").needProcess().env("X")).contains("1");
        assertThat(inject()).as("nobody asks").isSameAs(SPEC);
    }

    @Test
    void theLaterDirectoryGoesFirstAndTwoFilesOfOneAreAConflict() throws IOException {
        String text = "{cdiVersion: 1.0.0, kind: v.com/c, devices: [{name: d, containerEdits: {env: [X=%s]}}]}";
        Files.writeString(low.resolve("v.yaml"), text.formatted("low"));
        Files.writeString(high.resolve("v.yaml"), text.formatted("high"));
        assertThat(inject("v.com/c=d").needProcess().env("X")).contains("high");
        Files.writeString(high.resolve("w.yaml"), text.formatted("other"));
        refused(Fault.Code.FAILED_PRECONDITION, "w.yaml", "v.com/c=d");
    }

    @Test
    void whatCannotBeHadIsSaid() throws IOException {
        Files.writeString(low.resolve("vendor.yaml"), YAML);
        refused(Fault.Code.FAILED_PRECONDITION, "vendor.com/gpu=7", "vendor.com/gpu=7");
        refused(Fault.Code.FAILED_PRECONDITION, "other.com/gpu=0", "other.com/gpu=0");
        Files.writeString(low.resolve("other.yaml"), "cdiVersion: [");
        refused(Fault.Code.FAILED_PRECONDITION, "other.yaml", "other.com/gpu=0");
        assertThat(inject("vendor.com/gpu=1").needProcess().env("C"))
                .as("whoever needs another is not held up")
                .contains("2");
        Files.writeString(low.resolve("none.yaml"), """
                {cdiVersion: 1.0.0, kind: v.com/c,
                 devices: [{name: d, containerEdits: {deviceNodes: [{path: /dev/no-such-device}]}}]}""");
        refused(Fault.Code.FAILED_PRECONDITION, "/dev/no-such-device", "v.com/c=d");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{kind: v.com/c}",
                "{cdiVersion: 7.0.0, kind: v.com/c}",
                "{cdiVersion: 1.0.0, kind: v.com}",
                "{cdiVersion: 1.0.0, kind: v.com/c, more: 1}",
                "{cdiVersion: 1.0.0, kind: v.com/c, devices: {}}",
                "{cdiVersion: 1.0.0, kind: v.com/c, devices: [{name: '-'}]}",
                "{cdiVersion: 1.0.0, kind: v.com/c, devices: [{name: d}, {name: d}]}",
                "{cdiVersion: 1.0.0, kind: v.com/c, containerEdits: {env: [x]}}",
                "{cdiVersion: 1.0.0, kind: v.com/c, containerEdits: {netDevices: []}}",
                "{cdiVersion: 1.0.0, kind: v.com/c, containerEdits: {hooks: [{hookName: no, path: /x}]}}",
                "{cdiVersion: 1.0.0, kind: v.com/c, containerEdits: {deviceNodes: [{path: x}]}}",
                "{cdiVersion: 1.0.0, kind: v.com/c, containerEdits: {additionalGids: [-1]}}",
                "&a [*a]",
                "- 1",
                ""
            })
    void filesThatAreNoSpecsAreTold(String text) throws IOException {
        Files.writeString(low.resolve("bad.yaml"), text);
        refused(Fault.Code.FAILED_PRECONDITION, "bad.yaml", "v.com/c=d");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a", "v.com/c", "v.com/c=", "v/c=a b", "/c=d", "v.com/c=d\n", "../x=y", "v.com/c=d=e"})
    void namesThatAreNone(String name) {
        refused(Fault.Code.INVALID_ARGUMENT, "CDI device", name);
    }

    @Test
    void annotationsNameDevicesToo() {
        assertThat(CdiDevices.names(List.of("v.com/c=a"), Map.of("cdi.k8s.io/x", "v.com/c=b,v.com/c=a", "other", "no")))
                .isEqualTo(Set.of("v.com/c=a", "v.com/c=b"));
        assertThatThrownBy(() -> CdiDevices.names(List.of(), Map.of("cdi.k8s.io/x", "")))
                .isInstanceOf(Fault.class);
    }
}
