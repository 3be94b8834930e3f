package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class TurnsTest {
    @Test
    @Timeout(120)
    void oneRegistryLeavesTurnsToTheOthers() throws InterruptedException {
        var turns = new Turns(8);
        for (int i = 0; i < 6; i++) {
            turns.of("slow.example").take();
        }
        Thread waiting = Thread.ofVirtual().unstarted(() -> {
            try {
                turns.of("slow.example").take();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        waiting.start();
        turns.of("other.example").take();
        turns.of("third.example").take(); // there is no turn left now, and nobody was in the way of these two
        assertThat(waiting.isAlive()).isTrue();
        turns.of("slow.example").giveBack();
        waiting.join();
        waiting.interrupt();
    }
}
