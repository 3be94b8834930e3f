package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.DatagramSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class OpenFilesTest {
    private static final int SELF = (int) ProcessHandle.current().pid();
    private static final int NOBODY = Integer.MAX_VALUE;

    @Test
    void countsFilesAndSockets() throws Exception {
        OpenFiles before = OpenFiles.of(List.of(SELF));
        try (var _ = new DatagramSocket();
                var _ = Files.newInputStream(Path.of("/dev/null"))) {
            OpenFiles during = OpenFiles.of(List.of(SELF, NOBODY));
            assertThat(during.sockets()).isGreaterThan(before.sockets());
            assertThat(during.descriptors()).isGreaterThan(during.sockets());
        }
        assertThat(OpenFiles.of(List.of(NOBODY))).isEqualTo(new OpenFiles(0, 0));
    }

    @Test
    void tellsTheSoftLimit() throws Exception {
        String limits = Files.readString(Path.of("/proc/self/limits"));
        assertThat(limits).contains("Max open files");
        assertThat(OpenFiles.softLimit(SELF)).isPresent();
        assertThat(OpenFiles.softLimit(NOBODY)).isEmpty();
    }
}
