package dev.berth.shim.stdio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Child;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Pipe;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(300)
class HolderTest {
    private static final Duration SOON = Duration.ofMillis(5);

    private final String owner = "/run/bt" + Ids.random().substring(0, 8);
    private final List<Holder> holders = new ArrayList<>();
    private final List<Child> fakes = new ArrayList<>();

    @AfterEach
    void end() throws Exception {
        holders.forEach(Holder::end);
        for (Child fake : fakes) {
            fake.kill();
            fake.close();
        }
    }

    private Holder holder(String name) throws Exception {
        try (Pipe pipe = Pipe.open()) {
            Holder holder = Holder.start(owner, name, List.of(pipe.reader(), pipe.writer()))
                    .orElseThrow();
            holders.add(holder);
            return holder;
        }
    }

    private void fake(String name, String... command) throws LinuxException {
        fakes.add(Child.command(Path.of(command[0]), List.of(command))
                .environment(Map.of("BERTH_HOLDER", owner + ":" + name))
                .newSession()
                .spawn());
    }

    /** Until so many processes say it; a process's environment can be read only a moment after it was started. */
    private void awaitMarks(String name, int count) throws Exception {
        while (marks(name) < count) {
            Ticker.system().sleep(SOON);
        }
    }

    private int marks(String name) throws IOException {
        int count = 0;
        try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path each : all) {
                try {
                    String text = Files.readString(each.resolve("environ"), StandardCharsets.ISO_8859_1);
                    count += text.startsWith("BERTH_HOLDER=" + owner + ":" + name + "\0") ? 1 : 0;
                } catch (IOException gone) {
                    count += 0;
                }
            }
        }
        return count;
    }

    private Map<String, Holder> found() throws IOException {
        Map<String, Holder> found = Holder.findAll(owner);
        holders.addAll(found.values());
        return found;
    }

    @Test
    void aTrueOneIsFoundAndGivesBackWhatItHolds() throws Exception {
        holder("k8s.io/a");
        awaitMarks("k8s.io/a", 1);
        Map<String, Holder> found = found();
        assertThat(found).containsOnlyKeys("k8s.io/a");
        Objects.requireNonNull(found.get("k8s.io/a")).take(1).close();
    }

    @Test
    void oneInAContainerIsNot() throws Exception {
        String mark = "BERTH_HOLDER=" + owner + ":k8s.io/b";
        String[] inside = {"/usr/bin/env", "-i", mark, "/usr/bin/sleep", "600"};
        List<String> command =
                new ArrayList<>(List.of("/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child"));
        command.addAll(List.of(inside));
        fakes.add(Child.command(Path.of("/usr/bin/unshare"), command)
                .environment(Map.of("PATH", "/usr/bin:/bin"))
                .newSession()
                .spawn());
        awaitMarks("k8s.io/b", 1);
        assertThat(found()).isEmpty();
    }

    @Test
    void anotherProgramOrAnotherUserIsNot() throws Exception {
        fake("k8s.io/c", "/usr/bin/tail", "-f", "/dev/null");
        awaitMarks("k8s.io/c", 1);
        String mark = "BERTH_HOLDER=" + owner + ":k8s.io/d";
        fake(
                "other",
                "/usr/bin/setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "/usr/bin/env",
                "-i",
                mark,
                "/usr/bin/sleep",
                "600");
        awaitMarks("k8s.io/d", 1);
        assertThat(found()).isEmpty();
    }

    @Test
    void ofTwoTheOlderOneIsTaken() throws Exception {
        Holder older = holder("k8s.io/e");
        awaitMarks("k8s.io/e", 1);
        Ticker.system().sleep(Duration.ofMillis(30)); // start times have steps of 10 ms
        fake("k8s.io/e", "/usr/bin/sleep", "600");
        awaitMarks("k8s.io/e", 2);
        Map<String, Holder> found = found();
        assertThat(found).containsOnlyKeys("k8s.io/e");
        Objects.requireNonNull(found.get("k8s.io/e")).end();
        while (marks("k8s.io/e") > 1) { // the imitation stays; a process that was killed may be seen for a moment
            Ticker.system().sleep(SOON);
        }
        assertThat(marks("k8s.io/e")).isEqualTo(1);
        older.end();
    }
}
