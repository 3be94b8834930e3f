package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
@SuppressWarnings("try") // closes early on purpose
class OrphansTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    @TempDir
    Path folder;

    /** Starts a shell that starts a process and ends; the process is then an orphan. */
    private int orphan(String script) throws Exception {
        Path pidFile = folder.resolve("pid");
        try (Child shell = Child.command("/bin/sh", "-c", script + " & echo $! > " + pidFile)
                .environment(Map.of("PATH", "/usr/bin:/bin"))
                .spawn()) {
            assertThat(shell.await(LIMIT)).contains(new ExitStatus(0, 0));
        }
        return Integer.parseInt(Files.readString(pidFile).strip());
    }

    @Test
    void orphansBecomeOurChildrenAndAreReapedByPidfd() throws Exception {
        Subreaper.enable();
        int pid = orphan("sleep 100");
        try (Pidfd orphan = Pidfd.open(pid)) {
            assertThat(Subreaper.children()).contains(pid);
            assertThat(Subreaper.ended()).doesNotContain(pid);
            assertThat(Subreaper.reap(pid)).isEmpty();
            orphan.signal(Signals.TERM);
            assertThat(orphan.awaitExit(LIMIT)).isTrue();
            assertThat(Subreaper.ended()).contains(pid);
            assertThat(Subreaper.ended()).contains(pid); // looking takes nothing
            assertThat(orphan.reap()).contains(new ExitStatus(0, Signals.TERM));
            assertThat(Subreaper.ended()).doesNotContain(pid);
        }
    }

    @Test
    void anUnknownOrphanIsReapedByNumber() throws Exception {
        Subreaper.enable();
        int pid = orphan("(sleep 0.2; exit 3)");
        try (Pidfd orphan = Pidfd.open(pid)) {
            assertThat(orphan.awaitExit(LIMIT)).isTrue();
        }
        assertThat(Subreaper.reap(pid)).contains(new ExitStatus(3, 0));
        assertThatThrownBy(() -> Subreaper.reap(pid))
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ECHILD));
    }

    @Test
    void aDescriptorIsTakenBackFromAProcess() throws Exception {
        long before = OpenDescriptors.count();
        try (Pipe pipe = Pipe.openBlocking();
                Child holder = Child.command("/bin/sleep", "100")
                        .descriptor(5, pipe.writer())
                        .spawn()) {
            pipe.writer().close();
            try (Fd back = holder.pidfd().getfd(5)) {
                back.write("x".getBytes(StandardCharsets.UTF_8));
                assertThat(pipe.reader().read(new byte[9])).isEqualTo(1);
            }
            assertThatThrownBy(() -> holder.pidfd().getfd(6))
                    .isInstanceOfSatisfying(
                            LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EBADF));
            holder.kill();
            assertThat(holder.await(LIMIT)).isPresent();
        }
        assertThat(OpenDescriptors.count()).isLessThanOrEqualTo(before + 1); // the poller
    }

    @Test
    void theOomScoreIsClamped() throws Exception {
        try (Child child = Child.command("/bin/sleep", "100").spawn()) {
            int own = OomScore.of(ProcessHandle.current().pid());
            assertThat(OomScore.set(child.pid(), 500)).isEqualTo(500);
            assertThat(OomScore.of(child.pid())).isEqualTo(500);
            assertThat(OomScore.set(child.pid(), -999)).isBetween(-999, own);
            child.kill();
            assertThat(child.await(LIMIT)).isPresent();
        }
        assertThatThrownBy(() -> OomScore.clamp(1001)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aSealedCopyOfAProgramRuns() throws Exception {
        try (Fd copy = Memfd.sealedCopy(Path.of("/bin/sh"));
                Child child = Child.command(copy.procPath(), java.util.List.of("sh", "-c", "exit 5"))
                        .spawn()) {
            assertThat(child.await(LIMIT)).contains(new ExitStatus(5, 0));
            try (Fd writable = Fd.open(copy.procPath(), Fd.O_WRONLY)) {
                assertThatThrownBy(() -> writable.write(new byte[1]))
                        .isInstanceOfSatisfying(
                                LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
            }
        }
    }

    @Test
    void aPinnedPidfdTellsTheExitOfAProcessThatIsGone() throws Exception {
        Path pin = Files.createFile(folder.resolve("pin"));
        try (Child child = Child.command("/bin/sh", "-c", "read x; exit 9")
                .descriptor(0, Pipe.openBlocking().reader())
                .spawn()) {
            Assumptions.assumeTrue(child.pidfd().pin(pin), "the kernel is older than 6.14");
            try {
                child.kill();
                assertThat(child.await(LIMIT)).isPresent();
                child.close();
                try (Pidfd again = Pidfd.openPinned(pin, child.pid())) {
                    assertThat(again.exitInfo()).contains(new ExitStatus(0, 9));
                    assertThat(again.awaitExit(LIMIT)).isTrue();
                }
            } finally {
                try (Child umount = Child.command("/bin/umount", pin.toString()).spawn()) {
                    assertThat(umount.await(LIMIT)).contains(new ExitStatus(0, 0));
                }
            }
        }
    }

    @Test
    void signalsAreReadAsPeopleWriteThem() throws Exception {
        assertThat(Signals.parse("SIGTERM")).contains(15);
        assertThat(Signals.parse("term")).contains(15);
        assertThat(Signals.parse(" 9 ")).contains(9);
        assertThat(Signals.parse("SIGRTMIN+3")).contains(37);
        assertThat(Signals.parse("RTMAX-1")).contains(63);
        assertThat(Signals.parse("RTMAX-40")).isEmpty();
        assertThat(Signals.parse("65")).isEmpty();
        assertThat(Signals.parse("0")).isEmpty();
        assertThat(Signals.parse("SIGNONSENSE")).isEmpty();
        assertThatThrownBy(() -> Signals.send(-1, 9)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void blockingCallsRunOnThreadsOfTheirOwn() throws Exception {
        Thread here = Thread.currentThread();
        assertThat(Platform.<Thread, RuntimeException>call("x", Thread::currentThread))
                .isSameAs(here);
        Thread there = Platform.<Thread, RuntimeException>thread("name", Thread::currentThread);
        assertThat(there.getName()).isEqualTo("name");
        assertThatThrownBy(() -> Platform.<Object, LinuxException>thread("x", () -> {
                    throw new LinuxException("test", Errno.EIO);
                }))
                .isInstanceOf(LinuxException.class);
    }
}
