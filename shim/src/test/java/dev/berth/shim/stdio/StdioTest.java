package dev.berth.shim.stdio;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Child;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Poller;
import dev.berth.linux.ProcStat;
import dev.berth.linux.Pty;
import dev.berth.linux.Subreaper;
import dev.berth.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(300)
@SuppressWarnings("try") // closes early on purpose
class StdioTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    @TempDir
    Path folder;

    private final String name = "k8s.io/bt" + Ids.random().substring(0, 8) + "/";
    private final List<Child> processes = new ArrayList<>();
    private Stdio stdio;
    private Path stdin;
    private Path stdout;
    private Path stderr;

    @BeforeEach
    void open() throws Exception {
        Subreaper.enable();
        stdin = folder.resolve("stdin");
        stdout = folder.resolve("stdout");
        stderr = folder.resolve("stderr");
        for (Path fifo : List.of(stdin, stdout, stderr)) {
            Fifo.create(fifo, 0600);
        }
        stdio = Stdio.open(folder.resolve("streams"));
    }

    @AfterEach
    void end() throws Exception {
        for (Child process : processes) {
            process.kill();
            process.close();
        }
        stdio.close();
        try (Stdio left = Stdio.open(folder.resolve("streams"))) {
            left.tidy();
        }
    }

    private ProcessIo streams(boolean terminal) {
        return stdio.open(name, terminal, stdin.toString(), stdout.toString(), stderr.toString());
    }

    /** As another supervisor does that comes after this one. */
    private ProcessIo afterDeath(boolean terminal) throws IOException {
        stdio = Stdio.open(folder.resolve("streams"));
        return stdio.reopen(name, terminal, stdin.toString(), stdout.toString(), stderr.toString());
    }

    private Child shell(@Nullable Fd input, @Nullable Fd output, @Nullable Fd error, String script)
            throws LinuxException {
        Child child = Child.command("/bin/sh", "-c", script)
                .environment(Map.of("PATH", "/usr/bin:/bin"))
                .stdio(input, output, error)
                .newSession()
                .spawn();
        processes.add(child);
        return child;
    }

    private static String readUntil(Fd fd, String end) throws Exception {
        StringBuilder text = new StringBuilder();
        byte[] bytes = new byte[1000];
        while (text.indexOf(end) < 0) {
            int n = fd.read(bytes);
            if (n < 0) {
                return text + "<end>";
            }
            text.append(new String(bytes, 0, Math.max(0, n), ISO_8859_1));
            if (n == 0) {
                assertThat(Poller.awaitReadable(fd, LIMIT)).as(text.toString()).isTrue();
            }
        }
        return text.toString();
    }

    private static void write(Fd fd, String text) throws Exception {
        PumpsTest.write(fd, text.getBytes(ISO_8859_1));
    }

    private int holders() throws IOException {
        var found = Holder.findAll(folder.resolve("streams").toString());
        found.values().forEach(Holder::close);
        return found.size();
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.count();
        }
    }

    @Test
    void whatNobodyHasReadIsThereAfterTheProcessHasEnded() throws Exception {
        long before = descriptors();
        try (ProcessIo io = streams(false)) {
            Child child = shell(io.input(), io.output(), io.error(), "echo out; echo err >&2");
            io.attached();
            assertThat(child.await(LIMIT)).contains(new ExitStatus(0, 0));
            try (Fd out = Fifo.openReader(stdout);
                    Fd err = Fifo.openReader(stderr)) {
                assertThat(readUntil(out, "<end>")).isEqualTo("out\n<end>");
                assertThat(readUntil(err, "<end>")).isEqualTo("err\n<end>");
            }
        }
        assertThat(holders()).isZero();
        assertThat(descriptors()).isLessThanOrEqualTo(before + 2); // the poller's own and the child's
    }

    @Test
    void anInputEndsOnlyWhenTheClientAndWeHaveClosed() throws Exception {
        try (ProcessIo io = streams(false);
                Fd out = Fifo.openReader(stdout)) {
            Child child =
                    shell(io.input(), io.output(), io.error(), "while read line; do echo got $line; done; echo end");
            io.attached();
            for (String text : List.of("one", "two")) {
                try (Fd client = Fifo.openWriter(stdin)) {
                    write(client, text + "\n");
                    assertThat(readUntil(out, "\n")).isEqualTo("got " + text + "\n");
                }
            }
            try (Fd client = Fifo.openWriter(stdin)) {
                io.closeStdin();
                write(client, "three\n");
                assertThat(readUntil(out, "\n")).isEqualTo("got three\n");
            }
            assertThat(readUntil(out, "end\n")).isEqualTo("end\n");
            assertThat(child.await(LIMIT)).contains(new ExitStatus(0, 0));
        }
    }

    @Test
    void anInputOutlivesTheSupervisor() throws Exception {
        ProcessIo first = streams(false);
        Child child = shell(
                first.input(), first.output(), first.error(), "while read line; do echo got $line; done; echo end");
        first.attached();
        die(first);
        try (ProcessIo io = afterDeath(false);
                Fd out = Fifo.openReader(stdout)) {
            try (Fd client = Fifo.openWriter(stdin)) {
                write(client, "one\n");
                assertThat(readUntil(out, "\n")).isEqualTo("got one\n");
            }
            io.closeStdin();
            assertThat(readUntil(out, "end\n")).isEqualTo("end\n");
            assertThat(child.await(LIMIT)).contains(new ExitStatus(0, 0));
        }
        assertThat(holders()).isZero();
    }

    /** Closes what a killed process would close, and ends nothing. */
    private void die(ProcessIo io) throws Exception {
        while (holders() == 0) { // its environment can be read only a moment after it was started
            Ticker.system().sleep(Duration.ofMillis(1));
        }
        stdio.close();
        for (var field : io.getClass().getDeclaredFields()) {
            field.setAccessible(true);
            switch (field.get(io)) {
                case Fd fd -> fd.close();
                case Pty pty -> pty.close();
                case List<?> all -> all.forEach(each -> ((Fd) each).close());
                case null, default -> {}
            }
        }
    }

    /** Does what a runtime does: makes a terminal, starts a program in it, sends the other side. */
    private Child runtime(ProcessIo io, String script) throws Exception {
        try (Pty pty = Pty.open();
                Fd slave = pty.openSlave();
                UnixSocket socket = UnixSocket.connect(Objects.requireNonNull(io.consoleSocket()))) {
            Child child = shell(slave, slave, slave, script);
            socket.send("/dev/ptmx".getBytes(ISO_8859_1), List.of(pty.master()));
            return child;
        }
    }

    @Test
    void aTerminalIsRelayedResizedAndEnds() throws Exception {
        try (ProcessIo io = streams(true);
                Fd out = Fifo.openReader(stdout)) {
            Child child = runtime(io, "read line; stty size; echo got $line");
            io.attached();
            io.resize(99, 33);
            try (Fd client = Fifo.openWriter(stdin)) {
                write(client, "hello\n");
                assertThat(readUntil(out, "<end>")).isEqualTo("hello\r\n33 99\r\ngot hello\r\n<end>");
            }
            assertThat(child.await(LIMIT)).contains(new ExitStatus(0, 0));
        }
        assertThat(holders()).isZero();
        assertThat(folder.resolve("streams")).isEmptyDirectory();
    }

    @Test
    void aTerminalOutlivesTheSupervisorWithWhatNobodyHasRead() throws Exception {
        ProcessIo first = streams(true);
        Child child = runtime(first, "echo before; while read line; do echo got $line; done");
        try (Fd probe = Fifo.openReader(stdout)) {
            first.attached();
            assertThat(Poller.awaitReadable(probe, LIMIT)).isTrue();
        }
        die(first);
        assertThat(ProcStat.of(child.pid())).isPresent();
        try (ProcessIo io = afterDeath(true);
                Fd out = Fifo.openReader(stdout);
                Fd client = Fifo.openWriter(stdin)) {
            write(client, "x\n");
            assertThat(readUntil(out, "got x\r\n")).isEqualTo("before\r\nx\r\ngot x\r\n");
            io.resize(10, 10);
            child.kill();
            assertThat(readUntil(out, "<end>")).endsWith("<end>");
            assertThat(child.await(LIMIT)).contains(new ExitStatus(0, 9));
        }
        assertThat(holders()).isZero();
    }

    @Test
    void whatBelongsToNobodyIsEnded() throws Exception {
        ProcessIo first = streams(false);
        first.attached();
        die(first);
        stdio = Stdio.open(folder.resolve("streams"));
        stdio.tidy();
        assertThat(holders()).isZero();
    }

    @Test
    void saysWhatIsMissing() throws Exception {
        Files.delete(stderr);
        assertThatThrownBy(() -> streams(false))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.NOT_FOUND));
        try (ProcessIo io = streams(true)) {
            try (UnixSocket socket = UnixSocket.connect(Objects.requireNonNull(io.consoleSocket()))) {
                socket.send(new byte[1], List.of());
            }
            assertThatThrownBy(io::attached).isInstanceOf(IOException.class);
        }
        try (ProcessIo io = streams(true)) {
            assertThat(io.consoleSocket()).isNotNull();
        }
        assertThat(folder.resolve("streams")).isEmptyDirectory();
    }

    @Test
    void aDirectoryWithALongNameWillDo() throws Exception {
        stdio.close();
        stdio = Stdio.open(folder.resolve("x".repeat(100)));
        try (ProcessIo io = streams(true);
                Fd out = Fifo.openReader(stdout)) {
            runtime(io, "echo hello");
            io.attached();
            assertThat(readUntil(out, "<end>")).isEqualTo("hello\r\n<end>");
        }
    }
}
