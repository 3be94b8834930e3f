package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class PatienceTest {
    @Test
    void whoDidNotAnswerIsAskedAgainAtOnce() {
        var patience = new Patience(Duration.ofSeconds(100), Duration.ofSeconds(3), Duration.ofSeconds(1));
        assertThat(patience.beforeNext(0)).isEqualTo(Duration.ofSeconds(100));
        assertThat(patience.beforeNext(1)).isZero();
        assertThat(patience.isOver(1)).isFalse();
        assertThat(patience.isOver(2)).isTrue();
        assertThat(patience.longest()).isEqualTo(Duration.ofSeconds(106));
    }

    @Test
    void aHangingSupervisorIsReplacedBeforeAKubeletGivesUp() {
        assertThat(Patience.NORMAL.longest()).isEqualTo(Duration.ofSeconds(30));
        assertThat(Tasks.BACK_WITHIN).isLessThanOrEqualTo(Duration.ofMinutes(1));
    }
}
