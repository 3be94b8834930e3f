package dev.berth.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BandwidthTest {
    private static final String INGRESS = "kubernetes.io/ingress-bandwidth";
    private static final String EGRESS = "kubernetes.io/egress-bandwidth";

    @ParameterizedTest
    @CsvSource({
        "1k,1000",
        "10M,10000000",
        "1.5M,1500000",
        "1Gi,1073741824",
        "1P,1000000000000000",
        "5000,5000",
        "1e9,1000000000",
        "2.5E+6,2500000",
        "5.k,5000"
    })
    void quantities(String text, long bits) {
        assertThat(Bandwidth.of(Map.of(INGRESS, text, EGRESS, "2k"))).contains(new Bandwidth(bits, 2000));
    }

    @Test
    void noneOrOne() {
        assertThat(Bandwidth.of(Map.of("other", "10M"))).isEmpty();
        assertThat(Bandwidth.of(Map.of(EGRESS, "10M"))).contains(new Bandwidth(0, 10_000_000));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "0",
                "999",
                "2P",
                "-1M",
                "10 M",
                "10m",
                "M",
                "1e9k",
                "1e99",
                "1e",
                ".",
                "99999999999999999999"
            })
    void refused(String text) {
        assertThatThrownBy(() -> Bandwidth.of(Map.of(INGRESS, text)))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                .hasMessageContaining(INGRESS);
    }
}
