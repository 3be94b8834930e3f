package dev.berth.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MainTest {
    @TempDir
    Path folder;

    @Test
    void exceptionsOfFilesSayMoreThanAName() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        assertThat(Main.said(
                        catchThrowableOfType(IOException.class, () -> Files.createDirectory(Path.of("/proc/none")))))
                .isEqualTo("/proc/none: there is no such file or folder, or it cannot be made there");
        assertThat(Main.said(catchThrowableOfType(IOException.class, () -> Files.createDirectory(file))))
                .isEqualTo(file + ": there is something else with this name");
        assertThat(Main.said(new IOException("as it is"))).isEqualTo("as it is");
    }
}
