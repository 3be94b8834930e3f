package dev.berth.cri.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Fault;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CallsTest {
    @ParameterizedTest
    @EnumSource
    void everyKindOfFaultHasItsStatus(Fault.Code code) {
        assertThat(Calls.status(code).getCode()).hasToString(code.name());
    }
}
