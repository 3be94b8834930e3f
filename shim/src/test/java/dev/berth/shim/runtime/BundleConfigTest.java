package dev.berth.shim.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
}
