package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NotifySocketTest {
    @TempDir
    Path folder;

    @Test
    void aMessageArrivesWhole() throws Exception {
        Path socket = folder.resolve("notify");
        Process listener = new ProcessBuilder(
                        "python3",
                        "-c",
                        "import socket,sys; s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1]);"
                                + " print('bound',flush=True); print(s.recv(100).decode())",
                        socket.toString())
                .start();
        try (var lines = listener.inputReader()) {
            assertThat(lines.readLine()).isEqualTo("bound");
            NotifySocket.send(socket.toString(), "READY=1".getBytes(StandardCharsets.UTF_8));
            assertThat(lines.readLine()).isEqualTo("READY=1");
        } finally {
            listener.destroyForcibly();
        }
    }

    @Test
    void nobodyListens() {
        assertThatThrownBy(() -> NotifySocket.send(folder.resolve("none").toString(), new byte[1]))
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
    }
}
