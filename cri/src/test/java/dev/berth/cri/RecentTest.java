package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RecentTest {
    private final Recent<String, String> recent = new Recent<>(2);

    @Test
    void theOneUsedLongestAgoGoesFirst() {
        recent.put("a", "1");
        recent.put("b", "2");
        assertThat(recent.get("a")).contains("1");
        recent.put("c", "3");
        assertThat(recent.get("b")).isEmpty();
        assertThat(recent.get("a")).contains("1");
        assertThat(recent.get("c")).contains("3");
    }

    @Test
    void whatIsForgottenIsGone() {
        recent.put("a", "1");
        recent.forget("a");
        assertThat(recent.get("a")).isEmpty();
    }
}
