package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.PodConfig.DnsConfig;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PodFilesTest {
    @TempDir
    Path directory;

    private static DnsConfig dns(String server, String search, String option) {
        return new DnsConfig(List.of(server), List.of(search), List.of(option));
    }

    private String read(String file) throws IOException {
        return Files.readString(directory.resolve("pod").resolve(file));
    }

    @Test
    void theFilesOfAPod() throws IOException {
        var dns = new DnsConfig(
                List.of("10.96.0.10", "fe80::1%eth0"), List.of("a.svc", "b"), List.of("ndots:5", "edns0"));
        var content = new PodFiles.Content("web-0", List.of("10.1.0.5", "fd00::5"), dns, false);
        PodFiles.write(directory.resolve("pod"), content);
        assertThat(read("hostname")).isEqualTo("web-0\n");
        assertThat(read("hosts"))
                .startsWith("127.0.0.1\tlocalhost\n")
                .contains("\n10.1.0.5\tweb-0\n")
                .endsWith("\nfd00::5\tweb-0\n");
        assertThat(read("resolv.conf"))
                .isEqualTo("search a.svc b\nnameserver 10.96.0.10\nnameserver fe80::1%eth0\noptions ndots:5 edns0\n");
        assertThat(Files.getPosixFilePermissions(directory.resolve("pod/hosts")))
                .hasSize(4);
        PodFiles.write(directory.resolve("pod"), new PodFiles.Content("x", List.of(), dns, false));
        assertThat(read("hostname")).isEqualTo("x\n");
    }

    @Test
    void theNodesOwnAreShown() throws IOException {
        PodFiles.write(directory.resolve("pod"), new PodFiles.Content("n", List.of(), null, true));
        assertThat(read("hosts")).isEqualTo(Files.readString(Path.of("/etc/hosts")));
        Path resolv = Path.of("/etc/resolv.conf");
        assertThat(read("resolv.conf")).isEqualTo(Files.exists(resolv) ? Files.readString(resolv) : "");
        PodFiles.write(
                directory.resolve("pod"),
                new PodFiles.Content("n", List.of(), new DnsConfig(List.of(), List.of(), List.of()), false));
        assertThat(read("resolv.conf")).isEqualTo(Files.exists(resolv) ? Files.readString(resolv) : "");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a\nroot", "a b", "-a", "a-", "ü", "a/b", "a\tb", "a\0"})
    void hostnamesThatWouldBeMoreThanAWord(String bad) {
        assertThatThrownBy(() -> new PodFiles.Content(bad, List.of(), null, false))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void aHostnameHas64CharactersAtMost() {
        assertThat(PodFiles.checkHostname("a".repeat(64))).hasSize(64);
        assertThatThrownBy(() -> PodFiles.checkHostname("a".repeat(65))).isInstanceOf(Fault.class);
    }

    @Test
    void noWordBecomesALine() {
        List<DnsConfig> hostile = List.of(
                dns("8.8.8.8\nnameserver 6.6.6.6", "a", "b"),
                dns("example.com", "a", "b"),
                dns("8.8.8.8", "a\nnameserver 6.6.6.6", "b"),
                dns("8.8.8.8", "a b", "b"),
                dns("8.8.8.8", "a", "b\n"),
                dns("8.8.8.8", "", "b"),
                new DnsConfig(Collections.nCopies(65, "8.8.8.8"), List.of(), List.of()));
        for (DnsConfig bad : hostile) {
            assertThatThrownBy(() -> new PodFiles.Content("h", List.of(), bad, false))
                    .isInstanceOf(Fault.class);
        }
        assertThatThrownBy(() -> new PodFiles.Content("h", List.of("1.2.3.4 evil"), null, false))
                .isInstanceOf(Fault.class);
    }
}
