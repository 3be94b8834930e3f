package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where a container logs to, and what is no such place. */
class LogPathTest {
    @TempDir
    Path directory;

    private static void refused(Fault.Code code, String directory, String path) {
        assertThatThrownBy(() -> ContainerMaking.logPath("c", directory, path))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(code));
    }

    @Test
    void aFileBelowTheDirectory() {
        assertThat(ContainerMaking.logPath("c", directory + "/x/..", "c.log")).isEqualTo(directory + "/c.log");
        assertThat(ContainerMaking.logPath("c", "/", "c.log")).isEqualTo("/c.log");
        assertThat(ContainerMaking.logPath("c", "", "c.log")).isEmpty();
        assertThat(ContainerMaking.logPath("c", "/", "")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"/,.", "/,..", "/tmp,.", "/tmp,a/..", "/tmp,../etc/passwd", "/tmp,/etc/passwd"})
    void noFileBelowTheDirectory(String where, String path) {
        refused(Fault.Code.INVALID_ARGUMENT, where, path);
    }

    @Test
    void aZeroByte() {
        refused(Fault.Code.INVALID_ARGUMENT, "/tmp", "a\0b");
        refused(Fault.Code.INVALID_ARGUMENT, "/tmp\0", "a");
    }

    @Test
    void aDirectoryThatIsNotThere() {
        refused(Fault.Code.FAILED_PRECONDITION, directory.toString(), "none/c.log");
    }
}
