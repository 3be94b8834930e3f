package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
@SuppressWarnings("try") // closes early on purpose
class PtyTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    @TempDir
    Path folder;

    private static String readUntil(Fd fd, String end) throws Exception {
        StringBuilder text = new StringBuilder();
        byte[] bytes = new byte[100];
        while (text.indexOf(end) < 0) {
            int n = fd.read(bytes);
            if (n > 0) {
                text.append(new String(bytes, 0, n, StandardCharsets.UTF_8));
            } else {
                assertThat(Poller.awaitReadable(fd, LIMIT)).isTrue();
            }
        }
        return text.toString();
    }

    @Test
    void aChildTalksToItsTerminal() throws Exception {
        try (Pty pty = Pty.open();
                Fd slave = pty.openSlave()) {
            pty.resize(new Pty.Size(132, 43));
            assertThat(pty.size()).isEqualTo(new Pty.Size(132, 43));
            try (Child child = Child.command("/bin/sh", "-c", "/bin/stty size; read line; echo got $line")
                    .stdio(slave, slave, slave)
                    .newSession()
                    .spawn()) {
                assertThat(readUntil(pty.master(), "\r\n")).isEqualTo("43 132\r\n");
                pty.master().write("abc\n".getBytes(StandardCharsets.UTF_8));
                assertThat(readUntil(pty.master(), "got abc\r\n")).contains("abc\r\n");
                assertThat(child.await(LIMIT)).contains(new ExitStatus(0, 0));
            }
            slave.close();
            assertThatThrownBy(() -> pty.master().read(new byte[1]))
                    .isInstanceOfSatisfying(
                            LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
        }
    }

    @Test
    void aTerminalComesThroughTheConsoleSocket() throws Exception {
        Path socket = folder.resolve("console.sock");
        long before = OpenDescriptors.count();
        try (UnixListener listener = UnixListener.bind(socket);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Pty> coming = threads.submit(() -> listener.receiveConsole(LIMIT));
            try (Pty made = Pty.open();
                    UnixSocket peer = UnixSocket.connect(socket)) {
                made.resize(new Pty.Size(7, 9));
                peer.send("/dev/ptmx".getBytes(StandardCharsets.UTF_8), List.of(made.master()));
            }
            try (Pty pty = coming.get()) {
                assertThat(pty.size()).isEqualTo(new Pty.Size(7, 9));
            }
        }
        assertThat(Files.exists(socket)).isFalse();
        assertThat(OpenDescriptors.count()).isLessThanOrEqualTo(before + 1); // the poller
    }

    @Test
    void whatIsNoTerminalIsRefusedAndClosed() throws Exception {
        Path socket = folder.resolve("console.sock");
        try (UnixListener listener = UnixListener.bind(socket)) {
            assertThatThrownBy(() -> listener.receiveConsole(Duration.ofMillis(20)))
                    .isInstanceOfSatisfying(
                            LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EAGAIN));
            long before = OpenDescriptors.count();
            try (Pipe pipe = Pipe.open();
                    UnixSocket peer = UnixSocket.connect(socket)) {
                peer.send(new byte[1], List.of(pipe.reader()));
                assertThatThrownBy(() -> listener.receiveConsole(LIMIT)).isInstanceOf(LinuxException.class);
            }
            try (Pipe pipe = Pipe.open();
                    UnixSocket peer = UnixSocket.connect(socket)) {
                peer.send(new byte[1], List.of(pipe.reader(), pipe.writer()));
                assertThatThrownBy(() -> listener.receiveConsole(LIMIT)).isInstanceOf(LinuxException.class);
            }
            assertThat(OpenDescriptors.count()).isEqualTo(before);
        }
    }

    @Test
    void manyDescriptorsAndTheEndOfTheStream() throws Exception {
        Path socket = folder.resolve("s");
        try (UnixListener listener = UnixListener.bind(socket);
                UnixSocket one = UnixSocket.connect(socket);
                UnixSocket other = listener.accept(LIMIT);
                Pipe pipe = Pipe.open()) {
            one.send(new byte[] {1, 2}, java.util.Collections.nCopies(100, pipe.reader()));
            UnixSocket.Message message = other.receive(10, LIMIT);
            assertThat(message.descriptors()).hasSize(100);
            assertThat(message.bytes().remaining()).isEqualTo(2);
            message.descriptors().forEach(Fd::close);
            one.close();
            assertThat(other.receive(10, LIMIT).isEnd()).isTrue();
            assertThatThrownBy(() -> other.send(new byte[1], List.of()))
                    .isInstanceOfSatisfying(
                            LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPIPE));
            assertThatThrownBy(() -> UnixListener.bind(socket)).isInstanceOf(LinuxException.class);
        }
        assertThatThrownBy(() -> UnixSocket.connect(folder.resolve("x".repeat(120))))
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENAMETOOLONG));
    }
}
