package dev.berth.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.tasks.Handler;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigTest {
    @TempDir
    Path folder;

    private Config read(String toml) throws IOException {
        return Config.read(Files.writeString(folder.resolve("berth.toml"), toml));
    }

    @Test
    void thePrintedDefaultsAreTheDefaults() throws URISyntaxException {
        Path printed = Path.of(
                Objects.requireNonNull(Config.class.getResource("default.toml")).toURI());
        assertThat(Config.read(printed)).isEqualTo(Config.defaults());
    }

    @Test
    void theSocketFollowsTheStateDirectory() throws IOException {
        assertThat(read("state = \"/tmp/x\"").socket()).isEqualTo(Path.of("/tmp/x/berth.sock"));
    }

    @Test
    void aSocketThatLinuxCannotHaveIsRefused() {
        String folder = "/tmp/" + "x".repeat(90);
        assertThatThrownBy(() -> read("state = \"" + folder + "\""))
                .hasMessageContaining("setting state")
                .hasMessageContaining("Linux takes 107");
        assertThatThrownBy(() -> read("socket = \"" + folder + "/berth-of-mine.sock\""))
                .hasMessageContaining("setting socket");
    }

    @Test
    void whatIsNotTomlOrNotThereIsSaidInALine() {
        assertThatThrownBy(() -> read("[network\n"))
                .hasMessageContaining("it is not TOML")
                .hasMessageMatching("[^\\n]*");
        assertThatThrownBy(() -> Config.read(folder.resolve("none")))
                .hasMessageContaining("there is no such file. Give another --config");
    }

    @Test
    void eachStateDirectoryHasACgroupForItsSupervisor() throws IOException {
        assertThat(Config.defaults().runtimes().supervisorCgroup()).isEqualTo("/berth-supervisor");
        String a = read("state = \"/tmp/a\"").runtimes().supervisorCgroup();
        String b = read("state = \"/tmp/b\"").runtimes().supervisorCgroup();
        assertThat(a).startsWith("/berth-supervisor-").isNotEqualTo(b);
        assertThat(read("state = \"/tmp/a/../a\"").runtimes().supervisorCgroup())
                .isEqualTo(a);
        assertThat(read("[runtime]\nsupervisor_cgroup = \"\"").runtimes().supervisorCgroup())
                .isEmpty();
    }

    @Test
    void readsHandlers() throws IOException {
        Config config = read("""
                [runtime]
                default = "kata"
                [runtime.kata]
                path = "containerd-shim-kata-v2"
                [runtime.kata.options]
                config_path = "/etc/kata.toml"
                """);
        assertThat(config.runtimes().handlers())
                .containsOnlyKeys("kata")
                .containsValue(new Config.Handler(
                        "containerd-shim-kata-v2",
                        new Config.Options("/etc/kata.toml", "", "", false, false, false),
                        List.of(),
                        List.of(),
                        "",
                        ""));
    }

    @Test
    void runcsShimIsToldItsOptions() throws IOException {
        Config config = read("""
                [runtime]
                cgroup_driver = "systemd"
                [runtime.gpu]
                path = "/usr/bin/containerd-shim-runc-v2"
                [runtime.gpu.options]
                BinaryName = "/usr/bin/nvidia-container-runtime"
                Root = "/run/gpu"
                NoPivotRoot = true
                NoNewKeyring = true
                [runtime.plain]
                path = "containerd-shim-runc-v2"
                [runtime.ours]
                path = "crun"
                [runtime.ours.options]
                SystemdCgroup = true
                """);
        told(
                config,
                "gpu",
                Handler.ShimOptions.runc("/usr/bin/nvidia-container-runtime", "/run/gpu", true, true, true));
        told(config, "plain", Handler.ShimOptions.runc("", "", true));
    }

    private static void told(Config config, String handler, Handler.ShimOptions expected) {
        var options = Parts.options(
                Objects.requireNonNull(config.runtimes().handlers().get(handler)));
        assertThat(options.typeUrl()).isEqualTo("containerd.runc.v1.Options");
        assertThat(options.value()).isEqualTo(expected.value());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "root = 7|line 1, setting root",
                "[images]%n%n downloads = 0|line 3, setting images.downloads",
                "[ images . verifier ]%nseconds = 0|line 2, setting images.verifier.seconds",
                "[registry.login.\"a.b:5\"]%nusername = 1|line 2, setting registry.login.a.b:5.username",
                "# a%n[netwrok]%nmode = 1|line 2, setting netwrok",
                "state = \"/a\"%nsubnets = [%n 1,%n 2%n]%nroot = %nsocket = 1|line 6: it is not TOML",
                "[network]%nbin_dirs = [%n \"a\"%n]|line 2, setting network.bin_dirs"
            })
    void saysInWhichLine(String toml, String where) {
        assertThatThrownBy(() -> read(String.format(toml))).hasMessageContaining("berth.toml, " + where);
    }

    @Test
    void ipv6NeedsARangeOfItsOwnIfRangesAreNamed() throws IOException {
        assertThat(Parts.bridge(read("[network]\nipv6 = true")).ipv6()).isTrue();
        assertThat(Parts.bridge(read("")).ipv6()).isFalse();
        assertThat(Parts.bridge(read("[network]\nipv6 = true\nsubnets = [\"10.1.0.0/16\", \"fd00::/64\"]"))
                        .subnets())
                .hasSize(2);
        Config half = read("[network]\nipv6 = true\nsubnets = [\"10.1.0.0/16\"]");
        assertThatThrownBy(() -> Parts.bridge(half)).hasMessageContaining("names no range of IPv6");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "sokcet = \"/x\"|setting sokcet: there is no such setting. Did you mean socket?",
                "[netwrok]|setting netwrok: there is no such setting. Did you mean network?",
                "[network]%nmode = \"magic\"|setting network.mode: \"magic\" is not known. Use one of cni, builtin",
                "[runtime]%nsupervisor_cgroup = \"a/../b\"|setting runtime.supervisor_cgroup: \"a/../b\" is not the path of a cgroup. Write it as /berth-supervisor",
                "[runtime]%nsupervisor_cgroup = \"/a/../b\"|setting runtime.supervisor_cgroup: \"/a/../b\" is not the path of a cgroup. Write it as /berth-supervisor",
                "root = \"relative\"|setting root: \"relative\" is not an absolute path. Begin it with /",
                "root = 7|setting root: 7 is not a text in quotes",
                "[images]%ndownloads = 0|setting images.downloads: 0 is out of range. Use 1 to 64",
                "[runtime.kata]%npth = \"x\"|setting runtime.kata.pth: there is no such setting. Did you mean runtime.kata.path?",
                "[runtime.kata]%npath = \"containerd-shim-kata-v2\"%n[runtime.kata.options]%nConfigPath = \"/x\"|setting runtime.kata.options.ConfigPath: there is no such setting. Did you mean runtime.kata.options.config_path?",
                "[runtime.r]%npath = \"containerd-shim-runc-v2\"%n[runtime.r.options]%nBinaryNam = \"x\"|setting runtime.r.options.BinaryNam: there is no such setting. Did you mean runtime.r.options.BinaryName?",
                "[runtime.crun.options]%nNoPivotRoot = true|setting runtime.crun.options.NoPivotRoot: there is no such setting",
                "[runtime.crun.options]%nSystemdCgroup = true|setting runtime.crun.options.SystemdCgroup: runtime.cgroup_driver says otherwise",
                "[runtime.crun.options]%nSystemdCgroup = \"yes\"|is not true or false",
                "root = |it is not TOML"
            })
    void saysWhatIsWrongAndWhatToWrite(String toml, String message) {
        assertThatThrownBy(() -> read(String.format(toml)))
                .isInstanceOf(Fault.class)
                .hasMessageContaining(message);
    }
}
