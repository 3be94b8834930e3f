package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The daemon is killed while the supervisor that it has just started still boots. */
@ExtendWith(Leaks.class)
class KilledStartTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final List<Duration> LATER = List.of(
            Duration.ZERO,
            Duration.ofMillis(50),
            Duration.ofMillis(100),
            Duration.ofMillis(200),
            Duration.ofMillis(500));

    @BeforeEach
    void tools() {
        Peers.need("crictl");
    }

    @Test
    void theNextDaemonUsesTheSupervisorThatBoots() throws IOException, InterruptedException {
        try (Berth berth = Berth.start()) {
            for (Duration later : LATER) {
                long booting = killWhileItsSupervisorBoots(berth, later);
                berth.launch();
                Berth.until(
                        "containers can be run",
                        LIMIT,
                        () -> berth.crictl("info").out().contains("\"RuntimeReady\""));
                Berth.until(
                        "there is a supervisor",
                        LIMIT,
                        () -> berth.supervisors().findAny().isPresent());
                assertThat(berth.supervisors().map(ProcessHandle::pid))
                        .as("supervisors, killed " + later.toMillis() + " ms after theirs was started")
                        .containsExactly(booting);
                new PodFixture(berth).run("pod" + later.toMillis());
            }
        }
    }

    /** What is left after a reset, whenever it begins: {@link Berth#close} looks. */
    @Test
    void aResetEndsASupervisorThatBoots() throws IOException, InterruptedException {
        for (Duration later : LATER) {
            try (Berth berth = Berth.start()) {
                killWhileItsSupervisorBoots(berth, later);
            }
        }
    }

    private static long killWhileItsSupervisorBoots(Berth berth, Duration later)
            throws IOException, InterruptedException {
        Berth.until(
                "there is a supervisor",
                LIMIT,
                () -> berth.supervisors().findAny().isPresent());
        berth.kill();
        berth.supervisors().forEach(ProcessHandle::destroyForcibly);
        Berth.until("it is gone", LIMIT, () -> berth.supervisors().findAny().isEmpty());
        berth.exec();
        long pid = -1;
        while (pid < 0) {
            pid = berth.supervisors().mapToLong(ProcessHandle::pid).findAny().orElse(-1);
            assertThat(berth.daemon().isAlive()).isTrue();
        }
        Ticker.system().sleep(later);
        berth.kill();
        return pid;
    }
}
