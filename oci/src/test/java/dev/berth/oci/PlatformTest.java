package dev.berth.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlatformTest {
    @ParameterizedTest
    @CsvSource({
        "linux/x86_64, linux/amd64",
        "linux/arm64/v8, linux/arm64",
        "LINUX/aarch64, linux/arm64",
        "arm64, linux/arm64",
        "linux/armhf, linux/arm/v7",
        "linux/arm, linux/arm/v7",
        "linux/arm/6, linux/arm/v6",
    })
    void normalises(String given, String expected) {
        assertThat(Platform.parse(given)).hasToString(expected);
    }

    @ParameterizedTest
    @CsvSource({
        "linux/amd64, linux/amd64, 0",
        "linux/amd64, linux/amd64/v3, -1",
        "linux/amd64/v3, linux/amd64/v2, 1",
        "linux/amd64, linux/386, 99",
        "linux/amd64, linux/arm64, -1",
        "linux/amd64, windows/amd64, -1",
        "linux/arm/v7, linux/arm/v6, 1",
        "linux/arm/v6, linux/arm/v7, -1",
        "linux/arm64, linux/arm/v7, 93",
    })
    void knowsWhatRunsHere(String here, String image, int distance) {
        assertThat(Platform.parse(here).distanceTo(Platform.parse(image)).orElse(-1))
                .isEqualTo(distance);
    }

    @Test
    void refusesNonsense() {
        assertThatThrownBy(() -> Platform.parse("a/b/c/d")).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> Platform.parse("linux/")).isInstanceOf(Fault.class);
        assertThat(Platform.host().os()).isEqualTo("linux");
        assertThat(Platform.host().architecture()).isNotEmpty();
    }
}
