package dev.berth.shim.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BundleConfigTest {
    private static final String CONFIG = """
            {"ociVersion":"1.0.2","x":[1,{"y":"pod:ipc"}],
             "mounts":[{"destination":"/dev/shm","source":"pod:shm","options":["rbind"]},{"destination":"/proc"}],
             "linux":{"namespaces":[{"type":"ipc","path":"pod:ipc"},{"type":"mount"},{"type":"network","path":"/run/n"}],
                      "sysctl":{"a":"pod:ipc"}}}""";

    @Test
    void namesOfThePodsThingsBecomePaths() {
        Map<String, String> paths = Map.of("pod:ipc", "/proc/1/fd/\"5", "pod:shm", "/run/shm");
        String resolved = BundleConfig.parse(CONFIG)
                .withPodPaths(name -> paths.getOrDefault(name, "none"))
                .toString();
        assertThat(resolved)
                .contains("\"source\":\"/run/shm\"", "\"path\":\"/proc/1/fd/\\\"5\"")
                .contains("\"path\":\"/run/n\"", "{\"type\":\"mount\"}", "{\"destination\":\"/proc\"}")
                .contains("[1,{\"y\":\"pod:ipc\"}]", "\"a\":\"pod:ipc\"") // neither a path nor a source
                .doesNotContain("\"path\":\"pod:", "\"source\":\"pod:");
        assertThat(BundleConfig.parse(resolved).mountSources("/run/")).containsExactly("/run/shm");
    }

    @Test
    void aCommandOfAnyLength() {
        assertThat(BundleConfig.parse("{\"process\":{\"args\":[\"sh\",\"-c\"]}}")
                        .command())
                .isEqualTo("sh");
        for (int megabytes : new int[] {1, 4, 16}) {
            String name = "A".repeat(megabytes << 20);
            assertThat(BundleConfig.parse("{\"process\":{\"args\":[\"" + name + "\"]}}")
                            .command())
                    .isIn("", name);
        }
    }

    @Test
    void aConfigWithoutSuchNamesIsLeftAlone() {
        String plain = "{\"ociVersion\":\"1.0.2\",\"mounts\":[{\"source\":\"/a\"}]}";
        assertThat(BundleConfig.parse(plain)
                        .withPodPaths(name -> {
                            throw new AssertionError(name);
                        })
                        .toString())
                .isEqualTo(plain);
        assertThatThrownBy(() -> BundleConfig.parse("[]")).isInstanceOf(IllegalArgumentException.class);
    }

    /** For a container with a user namespace everything that is bound gets another source, and nothing else changes. */
    @Test
    void sourcesOfBindMounts() {
        String ids = "[{\"containerID\":0,\"hostID\":7000,\"size\":10}]";
        BundleConfig config = BundleConfig.parse("""
                {"mounts":[{"destination":"/proc","type":"proc","source":"proc"},
                  {"destination":"/a","type":"bind","source":"/x","options":["rbind","ro"],"uidMappings":%1$s,"gidMappings":%1$s},
                  {"destination":"/b","source":"/y","options":["bind"]}],
                 "linux":{"uidMappings":%1$s,"gidMappings":[],
                  "namespaces":[{"type":"mount"},{"type":"user","path":"/proc/1/fd/5"}]}}""".formatted(ids));
        assertThat(config.binds())
                .containsExactly(
                        new BundleConfig.Bind(1, "/x", "/a", true, true),
                        new BundleConfig.Bind(2, "/y", "/b", false, false));
        assertThat(config.userNamespace()).contains(Path.of("/proc/1/fd/5"));
        assertThat(config.rootUser()).hasValue(7000);
        assertThat(config.rootGroup()).isEmpty();
        BundleConfig changed = config.withSources(Map.of(1, Path.of("/mnt/1"), 2, Path.of("/mnt/2")));
        assertThat(changed.binds())
                .containsExactly(
                        new BundleConfig.Bind(1, "/mnt/1", "/a", true, false),
                        new BundleConfig.Bind(2, "/mnt/2", "/b", false, false));
        assertThat(changed.toString()).contains("{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}");
        assertThat(BundleConfig.parse("{}").userNamespace()).isEmpty();
    }

    /** No runtime mounts an overlay with ids of its own: it binds what was mounted for it. */
    @Test
    void overlaysWithIds() {
        String ids = "[{\"containerID\":0,\"hostID\":7000,\"size\":10}]";
        BundleConfig config = BundleConfig.parse("""
                {"mounts":[{"destination":"/plain","type":"overlay","source":"overlay","options":["lowerdir=/a:/b","ro"]},
                  {"destination":"/o","type":"overlay","source":"overlay","options":["lowerdir=/a:/b","ro","noexec"],
                   "uidMappings":%1$s,"gidMappings":%1$s}]}""".formatted(ids));
        assertThat(config.overlays())
                .containsExactly(new BundleConfig.Overlay(
                        1, "/o", List.of("lowerdir=/a:/b", "ro", "noexec", "uidmap=0:7000:10", "gidmap=0:7000:10")));
        BundleConfig changed = config.withSources(Map.of(1, Path.of("/mnt/1")));
        assertThat(changed.overlays()).isEmpty();
        assertThat(changed.binds()).containsExactly(new BundleConfig.Bind(1, "/mnt/1", "/o", true, false));
        assertThat(changed.toString())
                .contains("\"options\":[\"rbind\",\"rprivate\",\"ro\",\"noexec\"]", "[\"lowerdir=/a:/b\",\"ro\"]");
    }
}
