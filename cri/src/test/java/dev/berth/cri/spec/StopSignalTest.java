package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StopSignalTest {
    @ParameterizedTest
    @CsvSource({
        ", '', 15",
        ", SIGQUIT, 3",
        ", nonsense, 15",
        ", 9999, 15",
        "SIGINT, SIGQUIT, 2",
        "SIGNAL_SIGCLD, '', 17",
        "SIGNAL_SIGPOLL, '', 29",
        "SIGNAL_SIGRTMIN, '', 34",
        "SIGNAL_SIGRTMINPLUS15, '', 49",
        "SIGNAL_SIGRTMAXMINUS14, '', 50",
        "SIGNAL_SIGRTMAX, '', 64",
        "10, '', 10",
        "'', usr1, 10",
    })
    void theRequestThenTheImageThenSigterm(String asked, String image, int number) {
        assertThat(StopSignal.of(asked, image)).isEqualTo(number);
    }

    @Test
    void aRequestThatMeansNothingIsAnError() {
        assertThatThrownBy(() -> StopSignal.of("SIGNONSENSE", "SIGQUIT")).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> StopSignal.of("0", "")).isInstanceOf(Fault.class);
    }
}
