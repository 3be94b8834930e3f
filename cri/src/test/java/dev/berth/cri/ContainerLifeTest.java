package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.cri.Container.Life;
import dev.berth.tasks.Exit;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ContainerLifeTest {
    private static final Instant AT = Instant.ofEpochSecond(1_700_000_000, 5);

    @ParameterizedTest
    @CsvSource({
        "0, true, false, Completed",
        "3, true, false, Error",
        "137, true, true, OOMKilled",
        "255, true, false, Error",
        "255, false, false, Unknown",
        "255, false, true, Unknown"
    })
    void anEndHasItsReason(int status, boolean known, boolean oom, String reason) {
        Life running = Life.NEW.started(1, 7);
        Life ended = (oom ? running.oom() : running).ended(new Exit(status, AT, known));
        assertThat(ended.state()).isEqualTo(ContainerState.EXITED);
        assertThat(ended.exitCode()).isEqualTo(status);
        assertThat(ended.reason()).isEqualTo(reason);
        assertThat(ended.finishedAtNanos()).isEqualTo(1_700_000_000_000_000_005L);
    }

    @Test
    void anEndThatNobodySawIs255Unknown() {
        Life ended = Life.NEW.started(1, 7).ended(Exit.unknown(AT));
        assertThat(ended.exitCode()).isEqualTo(255);
        assertThat(ended.reason()).isEqualTo("Unknown");
    }

    /** Whichever of the two is noted first. */
    @Test
    void nothingEndsBeforeItStarts() {
        long end = AT.getEpochSecond() * 1_000_000_000 + AT.getNano();
        Life startFirst = Life.NEW.started(end + 5, 7).ended(Exit.unknown(AT));
        Life endFirst = Life.NEW.ended(Exit.unknown(AT)).started(end + 5, 7);
        assertThat(startFirst.startedAtNanos())
                .isEqualTo(startFirst.finishedAtNanos())
                .isEqualTo(end);
        assertThat(endFirst.startedAtNanos()).isEqualTo(end);
    }

    /** Its daemon was killed before the call that started it returned, and the next one finds that it has ended. */
    @Test
    void whatHasEndedWithACodeHasStarted() {
        Life ended = Life.NEW.ended(new Exit(9, AT));
        assertThat(ended.startedAtNanos()).isEqualTo(ended.finishedAtNanos()).isPositive();
        assertThat(Life.NEW.ended(Exit.unknown(AT)).startedAtNanos()).isZero();
        assertThat(ended.failed(ended.finishedAtNanos(), 128, "no").startedAtNanos())
                .isZero();
    }
}
