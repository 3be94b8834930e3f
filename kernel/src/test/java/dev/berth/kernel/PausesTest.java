package dev.berth.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PausesTest {
    private final Pauses pauses = new Pauses(Duration.ofSeconds(1), Duration.ofSeconds(30));

    @Test
    void eachIsTwiceAsLongUpToTheLimit() {
        assertThat(IntStream.rangeClosed(1, 8).mapToObj(pauses::after))
                .extracting(Duration::toSeconds)
                .containsExactly(1L, 2L, 4L, 8L, 16L, 30L, 30L, 30L);
    }

    @Test
    void noNumberOfFailuresIsTooLarge() {
        for (int failures : new int[] {31, 62, 63, 64, 65, 1000, Integer.MAX_VALUE}) {
            assertThat(pauses.after(failures)).isEqualTo(Duration.ofSeconds(30));
        }
        var slow = new Pauses(Duration.ofDays(1), Duration.ofSeconds(Long.MAX_VALUE));
        for (int failures = 2; failures < 100; failures++) {
            assertThat(slow.after(failures)).isGreaterThanOrEqualTo(slow.after(failures - 1));
        }
        var fine = new Pauses(Duration.ofNanos(1), Duration.ofNanos(5));
        assertThat(IntStream.rangeClosed(1, 5).mapToObj(fine::after))
                .extracting(Duration::toNanos)
                .containsExactly(1L, 2L, 4L, 5L, 5L);
    }

    @Test
    void onlyTheFirstIsAllowed() {
        var same = new Pauses(Duration.ofMillis(7), Duration.ofMillis(7));
        assertThat(same.after(1)).isEqualTo(same.after(9)).isEqualTo(Duration.ofMillis(7));
    }

    @Test
    void whatMakesNoSenseIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Pauses(Duration.ZERO, Duration.ofSeconds(1)));
        assertThatIllegalArgumentException().isThrownBy(() -> new Pauses(Duration.ofSeconds(2), Duration.ofSeconds(1)));
        assertThatIllegalArgumentException().isThrownBy(() -> pauses.after(0));
    }
}
