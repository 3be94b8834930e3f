package dev.berth.shim.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CriuTest {
    private static final RuntimeProgram RUNC =
            new RuntimeProgram("runc", RuntimeProgram.Kind.RUNC, Path.of("/usr/sbin/runc"), "1.3.0");

    @TempDir
    Path directory;

    @Test
    void itIsMissedUntilItIsInstalled() throws Exception {
        Path later = directory.resolve("later");
        var criu = new Criu(List.of(directory, later), directory.resolve("place"), _ -> "");
        assertThatThrownBy(() -> criu.require("make a checkpoint of c", RUNC))
                .isInstanceOf(Fault.class)
                .hasMessageContaining("there is no program criu in PATH")
                .satisfies(fault -> {
                    assertThat(((Fault) fault).code()).isEqualTo(Fault.Code.FAILED_PRECONDITION);
                    assertThat(((Fault) fault).toString()).contains("Install criu");
                });
        Files.createDirectory(later);
        Path program = Files.createFile(later.resolve("criu"));
        assertThatThrownBy(() -> criu.require("make a checkpoint of c", RUNC)).isInstanceOf(Fault.class);
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        assertThatCode(() -> criu.require("make a checkpoint of c", RUNC)).doesNotThrowAnyException();
    }
}
