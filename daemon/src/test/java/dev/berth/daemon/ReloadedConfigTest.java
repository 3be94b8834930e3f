package dev.berth.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a daemon follows of a config that has changed since it was started. */
class ReloadedConfigTest {
    @TempDir
    Path folder;

    private ConfigFile read(String toml) throws IOException {
        return ConfigFile.read(Files.writeString(folder.resolve("berth.toml"), toml));
    }

    /** Every setting that is said to be followed is, and no other, so that the log does not lie. */
    @Test
    void theSettingsThatAreSaidToBeFollowedAre() throws IOException {
        ConfigFile started = read("[runtime.a]\npath = \"/a\"");
        List<String> others = List.of(
                "root = \"/x\"",
                "state = \"/x\"",
                "socket = \"/x\"",
                "log_level = \"warn\"",
                "log_format = \"json\"",
                "[registry]\nconfig_path = \"/x\"",
                "[registry]\ndocker_config = \"/x\"",
                "[registry]\nlogins_to_mirrors = true",
                "[registry]\nprogress_seconds = 7",
                "[registry]\nconnections = 7",
                "[registry]\nrange_mib = 7",
                "[registry.login.x]\nusername = \"x\"",
                "[network]\nmode = \"builtin\"",
                "[network]\nconf_dir = \"/x\"",
                "[network]\nbin_dirs = [\"/x\"]",
                "[network]\nplugin_seconds = 7",
                "[network]\nbridge = \"x\"",
                "[network]\nsubnets = [\"x\"]",
                "[network]\nipv6 = true",
                "[network]\nspare_namespaces = 7",
                "[metrics]\naddress = \"/x\"",
                "[images]\nsnapshotter = \"native\"",
                "[images]\ndownloads = 7",
                "[images]\ndiscard_unpacked_layers = true",
                "[images.verifier]\nbin_dir = \"/x\"",
                "[images.verifier]\nseconds = 7",
                "[runtime]\ndefault = \"crun\"",
                "[runtime]\ncgroup_driver = \"systemd\"",
                "[runtime]\nsupervisor_cgroup = \"/x\"",
                "[runtime]\nwithout = [\"own-start\"]",
                "[runtime.b]\nsnapshotter = \"native\"",
                "[cri]\ncdi_spec_dirs = [\"/x\"]",
                "[cri]\ndevice_ownership_from_security_context = true",
                "[streaming]\naddress = \"::1\"",
                "[streaming]\nport = 7",
                "[streaming]\ntls_certificate = \"/x\"",
                "[streaming]\nidle_minutes = 7");
        for (String other : others) {
            ConfigFile next = read(other + "\n[runtime.a]\npath = \"/a\"");
            boolean followed = !next.config().after(started.config()).equals(started.config());
            List<String> changed = new ArrayList<>(next.values().keySet());
            changed.removeIf(name ->
                    Objects.equals(next.values().get(name), started.values().get(name)));
            assertThat(changed).as(other).isNotEmpty();
            boolean otherDriver = changed.contains("runtime.cgroup_driver"); // then handlers wait too
            assertThat(changed.stream().anyMatch(name -> Reload.isReloaded(name, otherDriver)))
                    .as(other)
                    .isEqualTo(followed);
        }
    }

    @Test
    void handlersWaitForARestartIfTheCgroupDriverDoes() throws IOException {
        ConfigFile started = read("");
        ConfigFile next = read("[runtime]\ncgroup_driver = \"systemd\"\n[runtime.a]\npath = \"/a\"");
        assertThat(next.config().after(started.config())).isEqualTo(started.config());
    }

    @Test
    void noSecretIsShown() throws IOException {
        ConfigFile file = read("[registry.login.x]\nusername = \"me\"\npassword = \"hidden\"");
        assertThat(file.toString()).doesNotContain("hidden");
        assertThat(file.config().toString()).doesNotContain("hidden");
    }
}
