package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class ChildTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    @TempDir
    Path folder;

    /** Runs a shell script whose output goes to a file and returns the output. */
    private String run(Child.Command command) throws Exception {
        Path output = folder.resolve("output");
        try (Fd out = Fd.open(output, Fd.O_WRONLY | Fd.O_CREAT | Fd.O_TRUNC, 0600);
                Child child = command.descriptor(1, out).spawn()) {
            assertThat(child.await(LIMIT)).contains(new ExitStatus(0, 0));
        }
        return Files.readString(output);
    }

    @Test
    void reportsCodesAndSignals() throws Exception {
        try (Child child = Child.command("/bin/sh", "-c", "exit 42").spawn()) {
            assertThat(child.await(LIMIT)).contains(new ExitStatus(42, 0));
            assertThatThrownBy(() -> child.await(LIMIT))
                    .isInstanceOfSatisfying(
                            LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ECHILD));
            assertThat(child.pidfd().signal(Signals.TERM)).isFalse();
        }
        try (Child child = Child.command("/bin/sleep", "100").spawn()) {
            assertThat(child.await(Duration.ofMillis(10))).isEmpty();
            child.kill();
            assertThat(child.await(LIMIT).orElseThrow().number()).isEqualTo(137);
        }
    }

    @Test
    void givesExactlyTheEnvironmentArgumentsAndDirectory() throws Exception {
        String output = run(Child.command(
                        Path.of("/bin/sh"), List.of("name", "-c", "/usr/bin/env; echo $0 $1; /bin/pwd", "ä", "b c"))
                .environment(Map.of("KEY", "välue x"))
                .directory(folder));
        assertThat(output.lines().filter(line -> !line.startsWith("PWD=") && !line.startsWith("_=")))
                .containsExactly("KEY=välue x", "ä b c", folder.toRealPath().toString());
    }

    @Test
    void hasExactlyTheDescriptorsGiven() throws Exception {
        Files.writeString(folder.resolve("three"), "3");
        Files.writeString(folder.resolve("five"), "5");
        try (FileChannel leaky = FileChannel.open(folder.resolve("five"), StandardOpenOption.READ);
                Fd three = Fd.open(folder.resolve("three"), Fd.O_RDONLY);
                Fd five = Fd.open(folder.resolve("five"), Fd.O_RDONLY)) {
            assertThat(leaky.isOpen()).isTrue(); // NIO does not make it close-on-exec
            String output = run(Child.command(Path.of("/bin/ls"), List.of("ls", "-l", "/proc/self/fd"))
                    .descriptor(7, five)
                    .descriptor(3, three));
            assertThat(output.lines()
                            .filter(line -> line.contains("->"))
                            .map(line -> line.replaceAll(".* (\\d+ -> )", "$1")))
                    .containsExactly(
                            "0 -> /dev/null",
                            "1 -> " + folder.resolve("output"),
                            "2 -> /dev/null",
                            "3 -> " + folder.resolve("three"),
                            "4 -> "
                                    + output.lines()
                                            .filter(l -> l.contains(" 4 -> "))
                                            .findFirst()
                                            .orElseThrow()
                                            .replaceAll(".*4 -> ", ""),
                            "7 -> " + folder.resolve("five"));
        }
    }

    @Test
    void swapsDescriptorsWithoutMixingThem() throws Exception {
        Files.writeString(folder.resolve("a"), "A");
        Files.writeString(folder.resolve("b"), "B");
        try (Fd a = Fd.open(folder.resolve("a"), Fd.O_RDONLY);
                Fd b = Fd.open(folder.resolve("b"), Fd.O_RDONLY)) {
            String output = run(Child.command(
                            Path.of("/bin/sh"),
                            List.of(
                                    "sh",
                                    "-c",
                                    "cat /proc/self/fd/" + b.number() + "; cat /proc/self/fd/" + a.number()))
                    .descriptor(b.number(), a)
                    .descriptor(a.number(), b));
            assertThat(output).isEqualTo("AB");
        }
    }

    @Test
    void hasDefaultSignalsAndNoMask() throws Exception {
        String output = run(Child.command("/bin/cat", "/proc/self/status"));
        assertThat(output).contains("SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000");
    }

    @Test
    void leadsItsOwnSessionIfAsked() throws Exception {
        try (Child child = Child.command("/bin/sleep", "100").newSession().spawn()) {
            String stat = Files.readString(Path.of("/proc/" + child.pid() + "/stat"));
            assertThat(stat.substring(stat.lastIndexOf(')')).split(" ", -1)[4]).isEqualTo("" + child.pid());
            child.kill();
            assertThat(child.await(LIMIT)).contains(new ExitStatus(0, 9));
        }
    }

    @Test
    void takesWhatItHasStartedWithIt() throws Exception {
        Path note = folder.resolve("grandchild");
        String script = "sleep 600 & echo $! > " + note + ".new; mv " + note + ".new " + note + "; wait";
        try (Child child = Child.command("/bin/sh", "-c", script).newSession().spawn()) {
            while (!Files.exists(note)) {
                assertThat(child.await(Duration.ofMillis(5))).isEmpty();
            }
            try (Pidfd grandchild =
                    Pidfd.open(Integer.parseInt(Files.readString(note).strip()))) {
                child.killSession();
                assertThat(child.await(LIMIT)).contains(new ExitStatus(0, 9));
                assertThat(grandchild.awaitExit(LIMIT)).isTrue();
            }
        }
    }

    @Test
    void namesWhyItCannotStart() throws IOException {
        long before = OpenDescriptors.count();
        assertThatThrownBy(() -> Child.command("/absent/program").spawn())
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT))
                .hasMessageContaining("/absent/program");
        assertThatThrownBy(() -> Child.command("/etc/passwd").spawn())
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EACCES));
        assertThatThrownBy(() -> Child.command("/bin/true")
                        .directory(folder.resolve("absent"))
                        .spawn())
                .isInstanceOf(LinuxException.class);
        assertThatThrownBy(() -> Child.command("/bin/true", "zero\0byte").spawn())
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(OpenDescriptors.count()).isEqualTo(before);
    }

    @Test
    void isRecognisedByItsStartTime() throws Exception {
        try (Child child = Child.command("/bin/sleep", "100").spawn()) {
            ProcStat stat = ProcStat.of(child.pid()).orElseThrow();
            assertThat(stat.parent()).isEqualTo((int) ProcessHandle.current().pid());
            assertThat(stat.startTime()).isPositive();
            assertThat(stat.isZombie()).isFalse();
            child.kill();
            child.pidfd().awaitExit(LIMIT);
            assertThat(ProcStat.of(child.pid()).map(ProcStat::isZombie)).contains(true);
            assertThat(child.await(LIMIT)).isPresent();
            assertThat(ProcStat.of(child.pid())).isEmpty();
            assertThatThrownBy(() -> Pidfd.open(child.pid())).isInstanceOf(LinuxException.class);
        }
    }

    @Test
    void theKernelKeepsTheExitOfWhatSomebodyElseReaped() throws Exception {
        try (Child child = Child.command("/bin/sh", "-c", "exit 7").spawn();
                Pidfd other = Pidfd.open(child.pid())) {
            assertThat(child.await(LIMIT)).isPresent();
            Optional<ExitStatus> kept = other.exitInfo();
            if (kept.isPresent()) { // 6.15 and later
                assertThat(kept).contains(new ExitStatus(7, 0));
            }
        }
    }
}
