package dev.berth.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IdsTest {
    @Test
    void randomIdsAreSixtyFourHexDigits() {
        assertThat(Ids.random()).matches("[0-9a-f]{64}").isNotEqualTo(Ids.random());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "..", "a/b", "-a", "a-", "a\nb", "ü", "a b", "a--b", "a._b"})
    void refusesWhatCouldLeaveADirectory(String bad) {
        assertThatThrownBy(() -> Ids.check("container", bad))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        assertThatThrownBy(() -> new Namespace(bad)).isInstanceOf(Fault.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "3f2a", "my-pod_1.x"})
    void acceptsIdentifiers(String good) {
        assertThat(Ids.check("container", good)).isEqualTo(good);
        assertThat(new Namespace(good).name()).isEqualTo(good);
    }
}
