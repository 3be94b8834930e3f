package dev.berth.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ReferenceTest {
    private static final String HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    @ParameterizedTest
    @CsvSource({
        "busybox, docker.io/library/busybox:latest",
        "busybox:1.36, docker.io/library/busybox:1.36",
        "user/app, docker.io/user/app:latest",
        "docker.io/busybox, docker.io/library/busybox:latest",
        "index.docker.io/busybox, docker.io/library/busybox:latest",
        "localhost/app, localhost/app:latest",
        "localhost:5000/app, localhost:5000/app:latest",
        "127.0.0.1:5055/e2e-test-images/busybox:1.29-2, 127.0.0.1:5055/e2e-test-images/busybox:1.29-2",
        "[::1]:5000/a/b:t, [::1]:5000/a/b:t",
        "Upper/app, Upper/app:latest",
        "registry.k8s.io/pause:3.9, registry.k8s.io/pause:3.9",
        "a__b/c--d.e_f:T-1.x, docker.io/a__b/c--d.e_f:T-1.x",
    })
    void completesShortForms(String given, String full) {
        assertThat(Reference.parse(given)).hasToString(full);
        assertThat(Reference.parse(full)).isEqualTo(Reference.parse(given));
    }

    @Test
    void digestDecidesOverTag() {
        assertThat(Reference.parse("busybox:1@sha256:" + HEX)).hasToString("docker.io/library/busybox@sha256:" + HEX);
        assertThat(Reference.parseExactly("busybox:1@sha256:" + HEX))
                .hasToString("docker.io/library/busybox:1@sha256:" + HEX);
        assertThat(Reference.parseExactly("busybox")).hasToString("docker.io/library/busybox");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ":",
                "/",
                "a/",
                "/a",
                "Busy",
                "a:",
                "a@",
                "a@sha256:12",
                "a@md5:" + HEX,
                "a b",
                "a:b:c",
                "a//b",
                "a/../b",
                "a/.b",
                "-a",
                "a:.b",
                HEX,
                "host.tld",
                "reg.io/",
                "a:\u0000",
                "a@sha256:" + "A" + "0000",
                "über",
                "a/b\n",
                "x.y:99999999/a",
                "http://a/b",
                ":a",
                "@sha256:" + HEX
            })
    void refusesWhatIsNoReference(String text) {
        if (text.equals("host.tld")) {
            assertThat(Reference.parse(text)).hasToString("docker.io/library/host.tld:latest");
            return;
        }
        assertThatThrownBy(() -> Reference.parse(text))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void refusesLongNames() {
        assertThatThrownBy(() -> Reference.parse("a".repeat(300))).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> Reference.parse("a:" + "b".repeat(129))).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> Reference.parse("a/".repeat(100_000))).isInstanceOf(Fault.class);
        assertThat(Reference.parse("a:" + "b".repeat(128)).target()).hasSize(128);
    }
}
