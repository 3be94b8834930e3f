package dev.berth.tasks;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.wire.shim.bootstrap.BootstrapResult;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShimAddressTest {
    private static final Path SHIM = Path.of("/usr/bin/containerd-shim-x-v2");

    private static ShimAddress parse(String printed) {
        return ShimAddress.parse(SHIM, printed.getBytes(UTF_8));
    }

    @Test
    void whatShimsPrint() {
        String json = "{\"version\":%d,\"address\":\"unix:///run/s/a\",\"protocol\":\"ttrpc\"}";
        Path a = Path.of("/run/s/a");
        assertThat(parse("unix:///run/s/a")).isEqualTo(new ShimAddress(SHIM, a, 2));
        assertThat(parse("unix:///run/s/a\n")).isEqualTo(new ShimAddress(SHIM, a, 2));
        assertThat(parse("/run/s/a")).isEqualTo(new ShimAddress(SHIM, a, 2));
        assertThat(parse(json.formatted(0))).isEqualTo(new ShimAddress(SHIM, a, 2));
        assertThat(parse(json.formatted(2))).isEqualTo(new ShimAddress(SHIM, a, 2));
        assertThat(parse(json.formatted(3))).isEqualTo(new ShimAddress(SHIM, a, 3));
        assertThat(parse("{\"address\":\"unix:///run/s/a\",\"more\":[1]}")).isEqualTo(new ShimAddress(SHIM, a, 2));
        assertThat(parse(json.formatted(2)).taskService()).isEqualTo("containerd.task.v2.Task");
        assertThat(parse(json.formatted(3)).taskService()).isEqualTo("containerd.task.v3.Task");
    }

    @Test
    void theMessageOfTheNewForm() {
        byte[] printed = BootstrapResult.newBuilder()
                .setVersion(3)
                .setAddress("unix:///run/s/a")
                .setProtocol("ttrpc")
                .build()
                .toByteArray();
        assertThat(ShimAddress.parse(SHIM, printed)).isEqualTo(new ShimAddress(SHIM, Path.of("/run/s/a"), 3));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "hello",
                "unix://relative",
                "unix:///a\0b",
                "{",
                "{}",
                "{\"version\":\"x\"}",
                "{\"version\":4,\"address\":\"unix:///a\",\"protocol\":\"ttrpc\"}",
                "{\"version\":3,\"address\":\"unix:///a\",\"protocol\":\"grpc\"}",
                "{\"version\":3,\"address\":\"vsock://3:4\",\"protocol\":\"ttrpc\"}",
                "[1]"
            })
    void anythingElseIsRefused(String printed) {
        assertThatThrownBy(() -> parse(printed))
                .isInstanceOfSatisfying(
                        Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION));
    }

    @Test
    void isKeptInTheBundle(@TempDir Path bundle) throws Exception {
        assertThat(ShimAddress.load(bundle)).isNull();
        var address = new ShimAddress(SHIM, Path.of("/run/s/a"), 3);
        address.save(bundle);
        assertThat(ShimAddress.load(bundle)).isEqualTo(address);
    }
}
