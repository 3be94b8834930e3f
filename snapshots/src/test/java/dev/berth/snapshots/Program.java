package dev.berth.snapshots;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.Child;
import dev.berth.linux.ExitStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;

/** Other people's programs, against which ours is compared. */
final class Program {
    private Program() {}

    /** Skips the test if there is no such program. */
    static void needed(String program) {
        Assumptions.assumeTrue(Files.exists(Path.of(program)), program + " is not installed");
    }

    /** Runs a program that must succeed. */
    static void run(String program, String... arguments) throws IOException, InterruptedException {
        try (Child child = Child.command(program, arguments)
                .environment(Map.of("PATH", "/usr/bin:/bin", "LC_ALL", "C.UTF-8", "HOME", "/nonexistent"))
                .spawn()) {
            ExitStatus status = child.await(Duration.ofMinutes(2)).orElseThrow();
            assertThat(status.isSuccess())
                    .as(program + " " + String.join(" ", arguments))
                    .isTrue();
        }
    }
}
