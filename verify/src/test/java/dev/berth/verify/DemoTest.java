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
        assertThat(Files.exists(Path.of("/var/lib/berth-demo"))).isFalse();
        Leaks.audit("berth-demo");
        Leaks.audit("berthdemo0");
    }
}
