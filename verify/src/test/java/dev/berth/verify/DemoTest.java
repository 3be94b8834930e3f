package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The newcomer's first command. */
@ExtendWith(Leaks.class)
class DemoTest {
    @Test
    void showsARealPodAndLeavesNoTrace() throws IOException, InterruptedException {
        var demo = Berth.run(List.of(Project.ROOT.resolve("berth").toString(), "demo"));
        assertThat(demo.exit()).as(demo.out() + demo.err()).isZero();
        assertThat(demo.out())
                .contains("Pulled 127.0.0.1:", "web: ahoy, I am demo")
                .contains("the note in shared memory says: from-web")
                .contains("the page on our loopback says: ahoy from the berth")
                .contains("exit code 0", "eth0", "memory", "ms  network namespace", "Nothing is left");
        nothingIsLeft();
    }

    /** The line that it prints in the end, in one go: the daemon needs a moment to end, and nothing is to be left of anything. */
    @Test
    void whatIsKeptIsTakenAwayByTheLineThatItPrints() throws IOException, InterruptedException {
        var demo = Berth.run(List.of(Project.ROOT.resolve("berth").toString(), "demo", "--keep"));
        String all = demo.out() + demo.err();
        assertThat(demo.exit()).as(all).isZero();
        String line = demo.out()
                .lines()
                .filter(l -> l.strip().startsWith("kill "))
                .findFirst()
                .orElseThrow(() -> new AssertionError(all))
                .strip();
        var end = Berth.run(List.of("sh", "-c", "cd " + Project.ROOT + " && " + line));
        assertThat(end.exit()).as(end.out() + end.err()).isZero();
        nothingIsLeft();
    }

    @Test
    void whoInterruptsItFindsNothingLeft() throws IOException, InterruptedException {
        Process demo = Berth.berth("demo").redirectErrorStream(true).start();
        var said = new StringBuilder();
        try (var lines = demo.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                said.append(line).append('\n');
                if (line.startsWith("Pulled")) {
                    Berth.run(List.of("kill", "-INT", Long.toString(demo.pid())))
                            .text();
                }
            }
        }
        assertThat(demo.waitFor()).as(said.toString()).isNotZero();
        nothingIsLeft();
    }

    private static void nothingIsLeft() throws IOException, InterruptedException {
        assertThat(Files.exists(Path.of("/var/lib/berth-demo"))).isFalse();
        Leaks.audit("berth-demo");
        Leaks.audit("berthdemo0");
    }
}
