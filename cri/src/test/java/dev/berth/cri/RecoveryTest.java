package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecoveryTest {
    private final List<Duration> pauses = new ArrayList<>();
    private int attempts;

    private final Ticker ticker = new Ticker() {
        @Override
        public long nanos() {
            return 0;
        }

        @Override
        public void sleep(Duration time) throws InterruptedException {
            pauses.add(time);
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
        }
    };

    private String afterFailures(int failures) {
        if (attempts++ < failures) {
            throw Fault.unavailable("list tasks", "the supervisor is not up", "");
        }
        return "tasks";
    }

    @Test
    void itAsksUntilThereIsAnAnswerEverMoreSeldom() throws InterruptedException {
        assertThat(Recovery.again(ticker, () -> afterFailures(8))).isEqualTo("tasks");
        assertThat(pauses).extracting(Duration::toSeconds).containsExactly(1L, 2L, 4L, 8L, 16L, 30L, 30L, 30L);
    }

    @Test
    void theFirstAnswerIsTaken() throws InterruptedException {
        assertThat(Recovery.again(ticker, () -> afterFailures(0))).isEqualTo("tasks");
        assertThat(pauses).isEmpty();
    }

    /** A supervisor that hangs while it is asked about a pod is replaced by one that answers. */
    @Test
    void whatMayPassIsAskedAgainAndARefusalIsNot() throws InterruptedException {
        assertThat(Recovery.again(ticker, () -> afterFailures(2), Recovery::mayPass))
                .isEqualTo("tasks");
        assertThat(pauses).hasSize(2);
        assertThatThrownBy(() -> Recovery.again(
                        ticker,
                        () -> {
                            throw Fault.internal("ask", "it cannot", "");
                        },
                        Recovery::mayPass))
                .hasMessageContaining("it cannot");
        assertThat(pauses).hasSize(2);
    }

    @Test
    void closingEndsIt() {
        assertThatThrownBy(() -> Recovery.again(ticker, () -> {
                    Thread.currentThread().interrupt();
                    return afterFailures(1);
                }))
                .isInstanceOf(Fault.class);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(pauses).isEmpty();
    }
}
