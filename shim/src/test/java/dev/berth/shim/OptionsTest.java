package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OptionsTest {
    @Test
    void readsAll() {
        Options options = Options.parse(List.of(
                "--state",
                "/run/x",
                "--root",
                "/var/x",
                "--version",
                "7",
                "--runtime",
                "fast=/opt/crun",
                "--without",
                "own-start"));
        assertThat(options.state()).isEqualTo(Path.of("/run/x"));
        assertThat(options.version()).isEqualTo("7");
        assertThat(options.root()).isEqualTo(Path.of("/var/x"));
        assertThat(options.runtimes()).containsEntry("fast", Path.of("/opt/crun"));
        assertThat(options.shortcuts()).contains(Shortcut.OWN_CGROUPS).doesNotContain(Shortcut.OWN_START);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--root /x",
                "--state relative",
                "--state",
                "--state /x --runtime crun",
                "--state /x --without nothing",
                "--state /x --what ever"
            })
    void refusesTheRest(String line) {
        assertThatThrownBy(() -> Options.parse(List.of(line.split(" ", -1))))
                .hasMessageContaining("Usage: supervisor --state DIR");
    }
}
