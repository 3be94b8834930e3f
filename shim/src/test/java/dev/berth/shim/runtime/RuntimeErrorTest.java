package dev.berth.shim.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RuntimeErrorTest {
    @TempDir
    Path directory;

    private Fault fault(String log) throws IOException {
        Path file = directory.resolve("log");
        Files.writeString(file, log);
        return RuntimeError.of("OCI runtime create failed", "/x", file, "status 1");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "executable file `foo` not found in $PATH: No such file or directory"
                        + "|INVALID_ARGUMENT|unable to start container process: exec: \"foo\": executable file not found in $PATH",
                "executable file `/bin/foo` not found in $PATH: No such file or directory"
                        + "|INVALID_ARGUMENT|unable to start container process: exec: \"/bin/foo\": stat /bin/foo: no such file or directory",
                "open executable: Permission denied"
                        + "|PERMISSION_DENIED|unable to start container process: exec: \"/x\": permission denied",
                "runc create failed: unable to start container process: exec: \\\"foo\\\": executable file not found in $PATH"
                        + "|INVALID_ARGUMENT|unable to start container process: exec: \"foo\": executable file not found in $PATH",
                "exec failed: unable to start container process: exec: \\\"/x\\\": permission denied"
                        + "|PERMISSION_DENIED|unable to start container process: exec: \"/x\": permission denied",
                "runc create failed: unable to start container process: error during container init: exec: \\\"/x\\\": stat /x: no such file or directory"
                        + "|INVALID_ARGUMENT|unable to start container process: exec: \"/x\": stat /x: no such file or directory",
                "container does not exist|NOT_FOUND|container does not exist",
                "mount tmpfs: No space left on device|RESOURCE_EXHAUSTED|mount tmpfs: No space left on device",
                "mount `/etc/hostname` to `etc`: Not a directory"
                        + "|INVALID_ARGUMENT|mount `/etc/hostname` to `etc`: Not a directory. Mount a directory over a directory",
                "mkdir `/etc/passwd/x`: Not a directory"
                        + "|INVALID_ARGUMENT|mkdir `/etc/passwd/x`: Not a directory. Mount a directory over a directory",
                "chdir `/etc/passwd`: Not a directory"
                        + "|INVALID_ARGUMENT|chdir `/etc/passwd`: Not a directory. Give the container a working directory",
                "invalid seccomp action `SCMP_ACT_NOPE`"
                        + "|INVALID_ARGUMENT|invalid seccomp action `SCMP_ACT_NOPE`. Correct the seccomp profile",
                "runc create failed: string SCMP_ARCH_NOPE is not a valid arch for seccomp"
                        + "|INVALID_ARGUMENT|string SCMP_ARCH_NOPE is not a valid arch for seccomp. Correct the seccomp profile",
                "seccomp unknown architecture NOPE|INVALID_ARGUMENT|seccomp unknown architecture NOPE. Correct",
                "something else|INTERNAL|something else"
            })
    void saysWhatUsersKnow(String said, Fault.Code code, String text) throws IOException {
        Fault fault = fault("{\"msg\":\"" + said + "\",\"level\":\"error\",\"time\":\"2026\"}\n");
        assertThat(fault.code()).isEqualTo(code);
        assertThat(fault).hasMessageStartingWith("OCI runtime create failed: " + text);
    }

    @Test
    void theLastErrorCountsAndTheRestIsPassedOver() throws IOException {
        assertThat(fault("""
                        {"level":"error","msg":"first"}
                        not JSON
                        {"level":"error","msg":"second"}
                        {"level":"warning","msg":"third"}
                        {"level":"err""")).hasMessageEndingWith("second");
        assertThat(fault("")).hasMessageEndingWith("status 1");
    }

    @Test
    void ofWhatItPrintedTheEndIsShown() throws IOException {
        Path printed = directory.resolve("printed");
        assertThat(RuntimeError.end(printed)).isEmpty();
        Files.writeString(printed, "crun: error while loading\n\u001b[31mshared libraries\n");
        assertThat(RuntimeError.end(printed)).isEqualTo("crun: error while loading [31mshared libraries");
        Files.writeString(printed, "x".repeat(5000) + "the end\n");
        assertThat(RuntimeError.end(printed))
                .startsWith("…xx")
                .endsWith("xthe end")
                .hasSizeLessThan(2100);
    }
}
