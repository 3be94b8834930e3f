package dev.berth.services;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LabelChangeTest {
    private static final Map<String, String> OLD = Map.of("a", "1", "b", "2", "c.d/e", "3");

    @Test
    void withoutAMaskAllAreReplaced() {
        assertThat(LabelChange.of("x", List.of(), OLD, Map.of("f", "4", "g", "")))
                .isEqualTo(Map.of("f", "4"));
        assertThat(LabelChange.of("x", List.of("labels"), OLD, Map.of("f", "4")))
                .isEqualTo(Map.of("f", "4"));
    }

    @Test
    void aMaskNamesThoseThatChangeAndAnEmptyValueTakesAway() {
        assertThat(LabelChange.of("x", List.of("labels.a", "labels.c.d/e"), OLD, Map.of("c.d/e", "5", "b", "6")))
                .isEqualTo(Map.of("b", "2", "c.d/e", "5"));
    }

    @Test
    void otherFieldsDoNotChange() {
        assertThatThrownBy(() -> LabelChange.of("x", List.of("labels.a", "size"), OLD, Map.of()))
                .hasMessageContaining("\"size\" is not a field that can change");
    }
}
