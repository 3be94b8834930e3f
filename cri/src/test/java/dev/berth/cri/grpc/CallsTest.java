package dev.berth.cri.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Fault;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CallsTest {
    @ParameterizedTest
    @EnumSource
    void everyKindOfFaultHasItsStatus(Fault.Code code) {
        assertThat(Calls.status(code).getCode()).hasToString(code.name());
    }

    @Test
    void aMessageFitsIntoAHeader() {
        assertThat(Calls.bounded("short")).isEqualTo("short");
        assertThat(Calls.bounded(null)).isEqualTo("null");
        assertThat(Calls.bounded("x".repeat(1 << 20)).length()).isBetween(5000, 6100);
        String cut = Calls.bounded("\ud83d\ude00".repeat(1 << 10));
        assertThat(cut.length()).isLessThan(700);
        assertThat(cut).endsWith("\ude00 ...");
    }

    @Test
    void secondsHaveAnEnd() {
        assertThat(Calls.seconds(-1)).isZero();
        assertThat(Calls.seconds(7)).isEqualTo(Duration.ofSeconds(7));
        assertThat(Calls.seconds(Long.MAX_VALUE)).isEqualTo(Duration.ofDays(365));
    }
}
